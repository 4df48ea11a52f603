using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit;

public sealed class DeployTests
{
    [Fact]
    public void The_role_of_one_namespace_has_the_rules_of_the_cluster_role()
    {
        var role = Read("namespaced/role.yaml").Single(item => item["kind"]!.GetValue<string>() == "Role");
        var clusterRole = Read("rbac.yaml").Single(item => item["kind"]!.GetValue<string>() == "ClusterRole");

        Assert.Equal(clusterRole["rules"]!.ToJsonString(), role["rules"]!.ToJsonString());
    }

    [Fact]
    public void The_namespaced_controller_has_no_cluster_wide_permissions() =>
        Assert.DoesNotContain(
            Read("namespaced/controller.yaml").Concat(Read("namespaced/role.yaml")),
            item => item["kind"]!.GetValue<string>().StartsWith("Cluster", StringComparison.Ordinal)
        );

    private static IEnumerable<JsonObject> Read(string file) =>
        YamlDocuments.Read(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "deploy", file))).Select(item => item.AsObject());
}
