using System.Text.Json.Nodes;
using CvManager.Installation;
using Xunit;

namespace CvManager.Integration.Deploy;

/// <summary>The objects of the Helm chart are those that Install-CvController applies with the same options.</summary>
public sealed class HelmManifestsTests
{
    /// <summary>Labels and annotations that only the chart has.</summary>
    private static readonly string[] OfHelm = ["helm.sh/chart", "helm.sh/resource-policy", "app.kubernetes.io/managed-by"];

    private static readonly Dictionary<string, (string Values, InstallationOptions Options)> Cases = new()
    {
        ["defaults"] = ("{}", new()),
        ["another namespace"] = ("{}", new() { Namespace = "ops" }),
        ["some namespaces"] = ("""{"namespaces": ["shop", "billing"]}""", new() { WatchedNamespaces = ["shop", "billing"] }),
        ["no secrets"] = ("""{"rbac": {"readSecrets": false}}""", new() { ReadsSecrets = false }),
        ["some namespaces without secrets"] = (
            """{"namespaces": ["shop"], "rbac": {"readSecrets": false}}""",
            new() { WatchedNamespaces = ["shop"], ReadsSecrets = false }
        ),
        ["network policy"] = ("""{"networkPolicy": {"enabled": true}}""", new() { HasNetworkPolicy = true }),
        ["replicas"] = ("""{"replicas": 3}""", new() { Replicas = 3 }),
        ["image"] = (
            """{"image": {"repository": "localhost:5000/cvmanager", "tag": "1.2.3"}}""",
            new() { Image = "localhost:5000/cvmanager:1.2.3" }
        ),
        ["environment"] = (
            """{"env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}, {"name": "NO_PROXY", "value": "a: \"b\"\n"}]}""",
            new()
            {
                Environment = new Dictionary<string, string> { ["NO_PROXY"] = "a: \"b\"\n", ["HTTPS_PROXY"] = "http://proxy:3128" },
            }
        ),
        ["annotations"] = (
            """{"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a"}}}""",
            new()
            {
                ServiceAccountAnnotations = new Dictionary<string, string> { ["eks.amazonaws.com/role-arn"] = "arn:aws:iam::1:role/a" },
            }
        ),
        ["pull secrets"] = ("""{"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}""", new() { ImagePullSecrets = ["a", "b"] }),
        ["own versions"] = ("""{"followTag": "stable"}""", new() { FollowTag = "stable" }),
        ["own versions of another image in some namespaces"] = (
            """{"followTag": "1", "namespaces": ["zoo", "007"], "image": {"repository": "registry.example.com/ops/cvm", "tag": "2"}}""",
            new()
            {
                FollowTag = "1",
                WatchedNamespaces = ["zoo", "007"],
                Image = "registry.example.com/ops/cvm:2",
                Namespace = "ops",
            }
        ),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_chart_has_the_objects_of_an_installation(string name)
    {
        (var values, var options) = Cases[name];
        // Helm creates the namespace itself, or does not.
        var expected = ControllerManifests.Create(options).Where(item => item["kind"]!.GetValue<string>() != "Namespace");

        var rendered = await HelmChart.RenderAsync(values, options.Namespace, "-api-versions", HelmChart.ContainerVersionApi);

        var maps = rendered
            .SelectMany(item => new[] { item["metadata"]!["labels"], item["metadata"]!["annotations"] })
            .OfType<JsonObject>();
        foreach (var map in maps.ToList())
        {
            foreach (var key in OfHelm)
                map.Remove(key);
        }

        Assert.Equal(HelmChart.ByName(expected), HelmChart.ByName(rendered));
    }

    [Fact]
    public async Task Every_object_says_that_Helm_manages_it_and_with_which_chart()
    {
        var objects = await HelmChart.RenderAsync("""{"networkPolicy": {"enabled": true}}""");

        Assert.All(
            objects,
            item =>
            {
                var labels = item["metadata"]!["labels"]!;
                Assert.Equal("Helm", labels["app.kubernetes.io/managed-by"]!.GetValue<string>());
                Assert.StartsWith("cvmanager-", labels["helm.sh/chart"]!.GetValue<string>(), StringComparison.Ordinal);
            }
        );
    }
}
