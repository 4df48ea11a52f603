using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>DaemonSets: one pod per node.</summary>
public abstract partial class ConformanceSuite
{
    private string DaemonSets => $"/apis/apps/v1/namespaces/{Namespace}/daemonsets";

    [Fact]
    public async Task A_DaemonSet_runs_on_every_node_and_rolls_out_one_pod_at_a_time()
    {
        var nodes = Items((await Api.GetAsync("/api/v1/nodes")).Ok()).Count();
        (await Api.PostAsync(DaemonSets, Workload("DaemonSet", ""))).Ok();
        var first = await Api.UntilAsync($"{DaemonSets}/app", IsEverywhere);
        Assert.Equal(
            (nodes, nodes, nodes, 0),
            (
                Count(first, "desiredNumberScheduled"),
                Count(first, "currentNumberScheduled"),
                Count(first, "numberReady"),
                Count(first, "numberMisscheduled")
            )
        );
        JsonObject[] pods = [.. Items((await Api.GetAsync(Pods)).Ok())];
        Assert.Equal(nodes, pods.Select(p => p["spec"]!["nodeName"]!.GetValue<string>()).Distinct().Count());
        var version = Version((await Api.GetAsync(DaemonSets)).Ok());

        await SetImageAsync(DaemonSets, "r.example/app:2");
        var done = await Api.UntilAsync($"{DaemonSets}/app", s => IsEverywhere(s) && s["metadata"]!["generation"]!.GetValue<int>() == 2);

        Assert.All(await ImagesByNameAsync(), i => Assert.Equal("r.example/app:2", i));
        Assert.Equal(2, Items((await Api.GetAsync($"/apis/apps/v1/namespaces/{Namespace}/controllerrevisions")).Ok()).Count());
        var events = await Api.WatchAsync(
            $"{DaemonSets}?watch=1&resourceVersion={version}&timeoutSeconds=5",
            e => e.Count > 0 && Version(e[^1].Object) == Version(done)
        );
        Assert.All(events, e => Assert.InRange(Count(e.Object, "numberUnavailable"), 0, 1));
    }

    [Fact]
    public async Task A_DaemonSet_with_a_node_selector_runs_only_on_that_node_and_with_OnDelete_updates_only_deleted_pods()
    {
        var node = Name(Items((await Api.GetAsync("/api/v1/nodes")).Ok()).First());
        var set = Workload("DaemonSet", "\"updateStrategy\":{\"type\":\"OnDelete\"},");
        set["spec"]!["template"]!["spec"]!["nodeSelector"] = new JsonObject { ["kubernetes.io/hostname"] = node };
        (await Api.PostAsync(DaemonSets, set)).Ok();
        await Api.UntilAsync($"{DaemonSets}/app", IsEverywhere);
        var pod = Assert.Single(Items((await Api.GetAsync(Pods)).Ok()));
        Assert.Equal(node, pod["spec"]!["nodeName"]!.GetValue<string>());

        await SetImageAsync(DaemonSets, "r.example/app:2");
        var waiting = await Api.UntilAsync($"{DaemonSets}/app", s => IsObserved(s) && Count(s, "updatedNumberScheduled") == 0);
        Assert.Equal((1, 1), (Count(waiting, "numberAvailable"), Count(waiting, "desiredNumberScheduled")));
        (await Api.DeleteAsync($"{Pods}/{Name(pod)}")).Ok();

        await Api.UntilAsync($"{DaemonSets}/app", IsEverywhere);
        Assert.Equal(["r.example/app:2"], await ImagesByNameAsync());
    }

    private static bool IsEverywhere(JsonObject set)
    {
        var wanted = Count(set, "desiredNumberScheduled");
        return IsObserved(set) && wanted > 0 && Count(set, "updatedNumberScheduled") == wanted && Count(set, "numberAvailable") == wanted;
    }
}
