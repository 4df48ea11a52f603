using System.Text.Json.Nodes;
using CvManager.Installation;
using CvManager.Resources;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit.Installation;

public sealed class ControllerManifestsTests
{
    [Fact]
    public void The_manifest_for_kubectl_is_what_the_cmdlet_installs() =>
        Assert.Equal(
            File.ReadAllText(Path.Combine(RepositoryRoot.Path, "deploy", "controller.yaml")),
            ControllerManifests.ToYaml(new InstallationOptions())
        );

    [Fact]
    public void The_yaml_is_read_as_the_same_objects()
    {
        InstallationOptions options = new()
        {
            Environment = new Dictionary<string, string>
            {
                ["A"] = "yes",
                ["B"] = "1e10",
                ["C"] = "a: 'b'\n\"c\" # d",
                ["D"] = "",
            },
            ServiceAccountAnnotations = new Dictionary<string, string> { ["eks.amazonaws.com/role-arn"] = "arn:aws:iam::1:role/x" },
        };

        var read = YamlDocuments.Read(ControllerManifests.ToYaml(options));

        Assert.Equal(ControllerManifests.Create(options).Select(item => item.ToJsonString()), read.Select(item => item!.ToJsonString()));
    }

    [Fact]
    public void All_objects_but_the_definition_have_the_labels_of_the_installation() =>
        Assert.All(
            Create(
                    new InstallationOptions
                    {
                        Namespace = "cd",
                        FollowTag = "stable",
                        HasNetworkPolicy = true,
                    }
                )
                .Skip(1),
            item =>
            {
                Assert.Equal("cvmanager", item.Text("metadata", "labels", "app.kubernetes.io/part-of"));
                Assert.Equal("cd", item.Text("metadata", "labels", "app.kubernetes.io/instance"));
            }
        );

    [Fact]
    public void No_object_is_outside_of_the_namespace_of_the_controller() =>
        Assert.All(
            Create(
                new InstallationOptions
                {
                    Namespace = "cd",
                    FollowTag = "stable",
                    HasNetworkPolicy = true,
                }
            ),
            item =>
            {
                Assert.Contains(item.Text("metadata", "namespace"), new[] { null, "cd" });
                Assert.All(item.Items("subjects"), subject => Assert.Equal("cd", subject.Text("namespace")));
            }
        );

    [Fact]
    public void A_controller_of_some_namespaces_has_the_same_permissions_in_them_and_no_cluster_wide_ones()
    {
        var rules = Rules(Create(new InstallationOptions()).Single(IsControllerRole));
        var limited = Create(new InstallationOptions { WatchedNamespaces = ["b", "a", "b"] });

        Assert.DoesNotContain(limited, item => item.Text("kind")!.StartsWith("Cluster", StringComparison.Ordinal));
        var roles = limited.Where(IsControllerRole).ToList();
        Assert.Equal(["a", "b"], roles.Select(role => role.Text("metadata", "namespace")));
        Assert.All(roles, role => Assert.Equal(rules, Rules(role)));
        var bindings = limited.Where(item => item.Text("kind") == "RoleBinding" && item.Text("roleRef", "name") == "cvmanager").ToList();
        Assert.Equal(["a", "b"], bindings.Select(binding => binding.Text("metadata", "namespace")));
        Assert.All(bindings, binding => Assert.Equal("Role", binding.Text("roleRef", "kind")));
        Assert.Contains(" -Namespace 'a','b' ", Args(limited), StringComparison.Ordinal);
        Assert.Equal(["a", "b"], ControllerManifests.WatchedBy(Deployment(limited)));
    }

    [Fact]
    public void The_permission_to_read_secrets_can_be_withheld()
    {
        Assert.Contains("secrets", Rules(Create(new InstallationOptions()).Single(IsControllerRole)), StringComparison.Ordinal);

        foreach (var namespaces in new string[][] { [], ["a"] })
            Assert.All(
                Create(new InstallationOptions { ReadsSecrets = false, WatchedNamespaces = namespaces })
                    .Where(item => item["rules"] is not null),
                role => Assert.DoesNotContain("secrets", Rules(role), StringComparison.Ordinal)
            );
    }

    [Fact]
    public void A_controller_that_follows_a_tag_may_update_its_own_Deployment()
    {
        var all = Create(
            new InstallationOptions
            {
                Namespace = "cd",
                WatchedNamespaces = ["a"],
                Image = "r.example:5000/tools/cvm:1.2.3",
                FollowTag = "stable",
            }
        );

        var resource = all.Single(item => item.Text("kind") == nameof(ContainerVersion));
        Assert.Empty(ContainerVersionValidator.Validate(resource));
        Assert.Equal("r.example:5000/tools/cvm", resource.Text("spec", "imageRepo"));
        Assert.Equal("stable", resource.Text("spec", "tag"));
        Assert.Equal("cvmanager", Deployment(all).Text("metadata", "labels", "cvapp"));
        Assert.Contains(" -Namespace 'a','cd' ", Args(all), StringComparison.Ordinal);
        Assert.DoesNotContain(Create(new InstallationOptions()), item => item.Text("kind") == nameof(ContainerVersion));
    }

    [Fact]
    public void Options_reach_the_Deployment()
    {
        var all = Create(
            new InstallationOptions
            {
                Image = "r.example/cvm@sha256:" + new string('a', 64),
                Replicas = 1,
                Environment = new Dictionary<string, string> { ["HTTPS_PROXY"] = "http://proxy:3128" },
                ImagePullSecrets = ["regcred"],
            }
        );

        var deployment = Deployment(all);
        var pod = deployment.At("spec", "template", "spec");
        var container = pod.Items("containers").Single();
        Assert.Equal(1, deployment.Number("spec", "replicas"));
        Assert.Equal("r.example/cvm@sha256:" + new string('a', 64), container.Text("image"));
        Assert.Equal("regcred", pod.Items("imagePullSecrets").Single().Text("name"));
        Assert.Equal("http://proxy:3128", container.Items("env").Single(item => item.Text("name") == "HTTPS_PROXY").Text("value"));
    }

    /// <summary>https://kubernetes.io/docs/concepts/security/pod-security-standards/, "Restricted".</summary>
    [Fact]
    public void The_pods_comply_with_the_pod_security_standard_restricted()
    {
        var pod = Deployment(Create(new InstallationOptions())).At("spec", "template", "spec");
        var container = pod.Items("containers").Single();

        Assert.True(pod.Flag("securityContext", "runAsNonRoot"));
        Assert.Equal("RuntimeDefault", pod.Text("securityContext", "seccompProfile", "type"));
        Assert.Equal("""{"drop":["ALL"]}""", container.At("securityContext", "capabilities")!.ToJsonString());
        Assert.Equal("false", container.At("securityContext", "allowPrivilegeEscalation")!.ToJsonString());
        Assert.True(container.Flag("securityContext", "readOnlyRootFilesystem"));
        Assert.All(pod.Items("volumes"), volume => Assert.True(volume.ContainsKey("emptyDir")));
        Assert.All(new[] { "hostNetwork", "hostPID", "hostIPC" }, field => Assert.Null(pod.At(field)));
    }

    [Theory]
    [InlineData("namespace", "Cd")]
    [InlineData("namespace", "a;Remove-Item /")]
    [InlineData("namespace", "")]
    [InlineData("watched", "a b")]
    [InlineData("watched", "a$(x)")]
    [InlineData("image", "r.example/Upper:1")]
    [InlineData("secret", "a/b")]
    [InlineData("environment", "A=B")]
    [InlineData("environment", "POD_UID")]
    [InlineData("annotation", "a b")]
    [InlineData("tag", "-x")]
    public void An_invalid_option_is_named(string option, string value)
    {
        InstallationOptions options = option switch
        {
            "namespace" => new() { Namespace = value },
            "watched" => new() { WatchedNamespaces = ["a", value] },
            "image" => new() { Image = value },
            "secret" => new() { ImagePullSecrets = [value] },
            "environment" => new() { Environment = new Dictionary<string, string> { [value] = "x" } },
            "annotation" => new() { ServiceAccountAnnotations = new Dictionary<string, string> { [value] = "x" } },
            _ => new() { FollowTag = value },
        };

        var error = Assert.Throws<CvException>(() => ControllerManifests.Create(options));

        Assert.Equal(ErrorIds.InstallationOptionInvalid, error.ErrorId);
        Assert.Equal(value, error.Target);
    }

    private static IReadOnlyList<JsonObject> Create(InstallationOptions options) => ControllerManifests.Create(options);

    private static JsonObject Deployment(IReadOnlyList<JsonObject> all) => all.Single(item => item.Text("kind") == "Deployment");

    private static string Args(IReadOnlyList<JsonObject> all) =>
        Deployment(all).At("spec", "template", "spec").Items("containers").Single()["args"]!.AsArray().Single()!.GetValue<string>();

    private static string Rules(JsonObject role) => role["rules"]!.ToJsonString();

    private static bool IsControllerRole(JsonObject item) =>
        item.Text("kind") is "ClusterRole" or "Role" && Rules(item).Contains("containerversions/status", StringComparison.Ordinal);
}
