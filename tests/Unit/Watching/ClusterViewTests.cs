using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Watching;
using CvManager.Workloads;
using Xunit;

namespace CvManager.Unit.Watching;

/// <summary>
/// Which state the view keeps. After a restore of etcd from a backup, objects have the same UIDs and lower resource versions: a list then
/// replaces the known state regardless of its resource version.
/// </summary>
public sealed class ClusterViewTests
{
    private readonly List<string> _woken = [];
    private readonly ClusterView _view;

    public ClusterViewTests() => _view = new ClusterView(_woken.Add);

    [Fact]
    public void A_list_replaces_a_resource_whose_resource_version_decreased()
    {
        _view.ForResources(null).Set(Resource("900", "new"));

        _view.ForResources(null).Replace([Resource("100", "restored")]);

        Assert.Equal(("100", "restored"), (_view.Find("shop/app")?.Metadata.ResourceVersion, _view.Find("shop/app")?.Spec.Tag));
        Assert.Contains("shop/app", _woken);
    }

    [Fact]
    public void A_list_replaces_a_workload_whose_resource_version_decreased()
    {
        var resource = Resource("1", "demo");
        _view.ForResources(null).Set(resource);
        _view.ForWorkloads("Deployment", null).Set(Deployment("900", "r.example/app:new"));

        _view.ForWorkloads("Deployment", null).Replace([Deployment("100", "r.example/app:restored")]);

        Assert.Equal("100", Assert.Single(_view.Around(resource).Workloads).ResourceVersion);
    }

    [Fact]
    public void A_watch_event_of_an_older_state_is_ignored()
    {
        _view.ForResources(null).Set(Resource("900", "new"));

        _view.ForResources(null).Set(Resource("899", "old"));

        Assert.Equal("new", _view.Find("shop/app")?.Spec.Tag);
    }

    [Fact]
    public void The_response_to_a_write_does_not_bring_back_a_deleted_object()
    {
        _view.ForResources(null).Set(Resource("1", "demo"));
        _view.ForResources(null).Replace([]);

        _view.Update(Resource("2", "demo"));

        Assert.Null(_view.Find("shop/app"));
    }

    [Fact]
    public void An_object_that_became_unreadable_is_forgotten()
    {
        _view.ForResources(null).Set(Resource("1", "demo"));

        _view.ForResources(null).Skip("shop/app");

        Assert.Null(_view.Find("shop/app"));
        Assert.Empty(_view.Resources);
    }

    [Fact]
    public void A_snapshot_is_the_same_until_something_changes()
    {
        _view.ForResources(null).Set(Resource("1", "demo"));
        var first = _view.Snapshot;
        Assert.Same(first, _view.Snapshot);

        _view.ForWorkloads("Deployment", null).Set(Deployment("1", "r.example/app:1"));
        var second = _view.Snapshot;
        _view.ForResources(null).Set(Resource("2", "prod"));
        var third = _view.Snapshot;
        _view.ForWorkloads("Deployment", null).Replace([]);
        var fourth = _view.Snapshot;
        _view.ForResources(null).Replace([]);

        Assert.Equal((0, 1), (first.Running.Count, second.Running.Count));
        Assert.Equal(("demo", "prod"), (second.Running[0].Resource.Spec.Tag, third.Running[0].Resource.Spec.Tag));
        Assert.Empty(fourth.Running);
        Assert.Empty(_view.Snapshot.Resources);
    }

    private static ContainerVersion Resource(string version, string tag) =>
        ContainerVersionStore.Read(
            JsonNode
                .Parse(
                    $$$"""
                    {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"app","namespace":"shop","uid":"u1","resourceVersion":"{{{version}}}","generation":1 },
                     "spec":{"imageRepo":"r.example/app","tag":"{{{tag}}}","selector":{"cvapp":"app"},"container":{"name":"main"} } }
                    """
                )!
                .AsObject()
        );

    private static Workload Deployment(string version, string image) =>
        WorkloadKind
            .All.Single(kind => kind.Name == "Deployment")
            .Read(
                JsonNode
                    .Parse(
                        $$$"""
                        {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"app","namespace":"shop","uid":"u2","resourceVersion":"{{{version}}}","generation":1,"labels":{"cvapp":"app"} },
                         "spec":{"replicas":1,"selector":{"matchLabels":{"app":"app"}},"template":{"metadata":{"labels":{"app":"app"}},"spec":{"containers":[{"name":"main","image":"{{{image}}}"}]} } } }
                        """
                    )!
                    .AsObject(),
                "v1"
            );
}
