using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>StatefulSets: numbered pods, replaced from the highest down.</summary>
public abstract partial class ConformanceSuite
{
    private string StatefulSets => $"/apis/apps/v1/namespaces/{Namespace}/statefulsets";

    [Fact]
    public async Task A_StatefulSet_rolls_out_down_to_its_partition_and_then_to_the_end()
    {
        (await Api.PostAsync(StatefulSets, Workload("StatefulSet", "\"replicas\":3,\"serviceName\":\"app\",\"updateStrategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":2}},"))).Ok();
        JsonObject first = await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "readyReplicas") == 3 && IsObserved(s));
        string former = first["status"]!["currentRevision"]!.GetValue<string>();
        Assert.Equal((former, 3, 3), (first["status"]!["updateRevision"]!.GetValue<string>(), Count(first, "currentReplicas"), Count(first, "updatedReplicas")));
        JsonObject pod = (await Api.GetAsync($"{Pods}/app-0")).Ok();
        Assert.Equal((former, "app-0", "app-0"), (pod["metadata"]!["labels"]!["controller-revision-hash"]!.GetValue<string>(),
            pod["metadata"]!["labels"]!["statefulset.kubernetes.io/pod-name"]!.GetValue<string>(), pod["spec"]!["hostname"]!.GetValue<string>()));

        await SetImageAsync(StatefulSets, "r.example/app:2");
        JsonObject partly = await Api.UntilAsync($"{StatefulSets}/app", s => IsObserved(s) && Count(s, "updatedReplicas") == 1 && Count(s, "readyReplicas") == 3);
        string latter = partly["status"]!["updateRevision"]!.GetValue<string>();
        Assert.NotEqual(former, latter);
        Assert.Equal((former, 2), (partly["status"]!["currentRevision"]!.GetValue<string>(), Count(partly, "currentReplicas")));
        Assert.Equal(["r.example/app:1", "r.example/app:1", "r.example/app:2"], await ImagesByNameAsync());
        Assert.Equal([former, latter], Items((await Api.GetAsync($"/apis/apps/v1/namespaces/{Namespace}/controllerrevisions")).Ok())
            .OrderBy(r => r["revision"]!.GetValue<int>()).Select(Name));

        // One below the partition that goes comes back with the former template.
        (await Api.DeleteAsync($"{Pods}/app-0")).Ok();
        string gone = pod["metadata"]!["uid"]!.GetValue<string>();
        await Api.UntilAsync($"{Pods}/app-0", p => p["metadata"]?["uid"] is { } uid && uid.GetValue<string>() != gone && IsReady(p));
        Assert.Equal("r.example/app:1", (await ImagesByNameAsync())[0]);

        (await Api.PatchAsync($"{StatefulSets}/app", ApiClient.MergePatch, Json("""{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}"""))).Ok();
        JsonObject done = await Api.UntilAsync($"{StatefulSets}/app", s => IsObserved(s) && s["status"]!["currentRevision"]!.GetValue<string>() == latter);
        Assert.Equal((3, 3, 3), (Count(done, "updatedReplicas"), Count(done, "currentReplicas"), Count(done, "readyReplicas")));
        Assert.All(await ImagesByNameAsync(), i => Assert.Equal("r.example/app:2", i));
    }

    [Fact]
    public async Task A_StatefulSet_replaces_from_the_highest_and_stops_at_a_pod_that_does_not_get_ready()
    {
        (await Api.PostAsync(StatefulSets, Workload("StatefulSet", "\"replicas\":2,\"serviceName\":\"app\","))).Ok();
        await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "readyReplicas") == 2);

        await SetImageAsync(StatefulSets, "r.example/app:bad");
        await Api.UntilAsync($"{Pods}/app-1", p => (p["status"] as JsonObject)?["containerStatuses"]?[0]?["state"]?["waiting"]?["reason"]?.GetValue<string>() == "ImagePullBackOff");
        JsonObject stuck = await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "updatedReplicas") == 1 && Count(s, "readyReplicas") == 1);
        Assert.Equal(["r.example/app:1", "r.example/app:bad"], await ImagesByNameAsync());
        Assert.NotEqual(stuck["status"]!["currentRevision"]!.GetValue<string>(), stuck["status"]!["updateRevision"]!.GetValue<string>());

        // In order, a set waits even for a pod that only another image could mend: the pod has to go by hand.
        await SetImageAsync(StatefulSets, "r.example/app:1");
        await Api.UntilAsync($"{StatefulSets}/app", IsObserved);
        Assert.Equal("r.example/app:bad", (await ImagesByNameAsync())[1]);
        (await Api.DeleteAsync($"{Pods}/app-1")).Ok();
        await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "readyReplicas") == 2 && Count(s, "updatedReplicas") == 2
            && s["status"]!["currentRevision"]!.GetValue<string>() == s["status"]!["updateRevision"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_StatefulSet_with_OnDelete_waits_for_its_pods_to_be_deleted()
    {
        (await Api.PostAsync(StatefulSets, Workload("StatefulSet", "\"replicas\":2,\"serviceName\":\"app\",\"podManagementPolicy\":\"Parallel\",\"updateStrategy\":{\"type\":\"OnDelete\"},"))).Ok();
        await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "readyReplicas") == 2);

        await SetImageAsync(StatefulSets, "r.example/app:2");
        JsonObject waiting = await Api.UntilAsync($"{StatefulSets}/app", IsObserved);
        Assert.Equal((0, 2), (Count(waiting, "updatedReplicas"), Count(waiting, "currentReplicas")));
        (await Api.DeleteAsync($"{Pods}/app-0")).Ok();

        JsonObject one = await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "updatedReplicas") == 1 && Count(s, "readyReplicas") == 2);
        Assert.Equal(["r.example/app:2", "r.example/app:1"], await ImagesByNameAsync());
        Assert.NotEqual(one["status"]!["currentRevision"]!.GetValue<string>(), one["status"]!["updateRevision"]!.GetValue<string>());
    }

    private static int Count(JsonObject item, string field) => item["status"]?[field]?.GetValue<int>() ?? 0;

    private static bool IsObserved(JsonObject item) =>
        (item["status"]?["observedGeneration"]?.GetValue<long>() ?? 0) >= item["metadata"]!["generation"]!.GetValue<long>();

    private static bool IsReady(JsonObject pod) => Condition(pod, "Ready")?["status"]?.GetValue<string>() == "True";

    /// <summary>A workload of the given kind, whose pods have one container.</summary>
    private static JsonObject Workload(string kind, string spec, string image = "r.example/app:1") => Json($$$$$"""
        {"apiVersion":"apps/v1","kind":"{{{{{kind}}}}}","metadata":{"name":"app"},
         "spec":{ {{{{{spec}}}}}"selector":{"matchLabels":{"app":"app"}},
           "template":{"metadata":{"labels":{"app":"app"}},"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"main","image":"{{{{{image}}}}}"}]}}}}
        """);

    private async Task<string[]> ImagesByNameAsync() => [.. Items((await Api.GetAsync(Pods)).Ok())
        .Where(p => p["metadata"]!["deletionTimestamp"] is null).OrderBy(Name, StringComparer.Ordinal)
        .Select(p => p["spec"]!["containers"]![0]!["image"]!.GetValue<string>())];

    private async Task SetImageAsync(string collection, string image) => (await Api.PatchAsync($"{collection}/app", ApiClient.StrategicMergePatch,
        Json($$$$$"""{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"{{{{{image}}}}}"}]}}}}"""))).Ok();
}
