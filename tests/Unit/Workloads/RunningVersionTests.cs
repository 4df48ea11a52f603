using CvManager.Resources;
using CvManager.Workloads;
using Xunit;

namespace CvManager.Unit.Workloads;

public sealed class RunningVersionTests
{
    private const string Digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("registry.example.com:5000/team/myapp:1a2b3c4", "1a2b3c4")]
    [InlineData("registry.example.com:5000/team/myapp:1a2b3c4@" + Digest, "1a2b3c4")]
    [InlineData("registry.example.com/team/myapp", "latest")]
    [InlineData("registry.example.com/team/myapp@" + Digest, "9f8e7d6")]
    [InlineData(
        "registry.example.com/team/myapp@sha256:ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "sha256:ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )]
    [InlineData("$(IMAGE)", "$(IMAGE)")]
    public void The_version_is_the_tag_or_digest_of_the_image(string image, string version) =>
        Assert.Equal(version, Assert.Single(RunningVersion.Find([Resource("cv")], [Deployment("myapp", image)])).Version);

    [Fact]
    public void A_workload_without_the_container_is_shown_without_a_version()
    {
        var running = Assert.Single(RunningVersion.Find([Resource("cv", container: "other")], [Deployment("myapp", "a:1")]));

        Assert.Null(running.Container);
        Assert.Equal("", running.Version);
    }

    [Fact]
    public void Each_resource_has_an_entry_for_each_of_its_workloads_in_order()
    {
        ContainerVersion[] resources = [Resource("second"), Resource("first"), Resource("elsewhere", ns: "other")];
        Workload[] workloads =
        [
            Deployment("b", "a:1"),
            Deployment("a", "a:2"),
            Deployment("owned", "a:1") with
            {
                Controller = "Deployment/b",
            },
            Deployment("foreign", "a:1") with
            {
                Labels = new Dictionary<string, string> { ["cvapp"] = "foreign" },
            },
        ];

        Assert.Equal(
            [("a", "first"), ("a", "second"), ("b", "first"), ("b", "second")],
            RunningVersion.Find(resources, workloads).Select(r => (r.Workload.Name, r.Resource.Metadata.Name))
        );
    }

    private static ContainerVersion Resource(string name, string container = "main", string ns = "default") =>
        new()
        {
            Metadata = new ResourceMetadata { Name = name, Namespace = ns },
            Spec = new ContainerVersionSpec
            {
                ImageRepo = "registry.example.com/team/myapp",
                Tag = "demo",
                Selector = new Dictionary<string, string> { ["cvapp"] = "myapp" },
                Container = new ContainerSpec { Name = container },
            },
            Status = new ContainerVersionStatus
            {
                Latest = new LatestVersion
                {
                    Tag = "demo",
                    Version = "9f8e7d6",
                    Digest = Digest,
                },
            },
        };

    private static Workload Deployment(string name, string image) =>
        new()
        {
            Kind = "Deployment",
            ApiVersion = "v1",
            Namespace = "default",
            Name = name,
            Uid = name,
            Labels = new Dictionary<string, string> { ["cvapp"] = "myapp" },
            Containers = [new WorkloadContainer("main", image, false, 0)],
        };
}
