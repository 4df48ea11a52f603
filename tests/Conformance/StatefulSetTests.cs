using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>StatefulSets: pods with ordinals, replaced from the highest down.</summary>
public abstract partial class ConformanceSuite
{
    private string StatefulSets => $"/apis/apps/v1/namespaces/{Namespace}/statefulsets";

    [Fact]
    public async Task A_StatefulSet_rolls_out_down_to_its_partition_and_completes_when_the_partition_is_removed()
    {
        (
            await Api.PostAsync(
                StatefulSets,
                Workload(
                    "StatefulSet",
                    "\"replicas\":3,\"serviceName\":\"app\",\"updateStrategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":2}},"
                )
            )
        ).Ok();
        var first = await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "readyReplicas") == 3 && IsObserved(s));
        var old = first["status"]!["currentRevision"]!.GetValue<string>();
        Assert.Equal(
            (old, 3, 3),
            (first["status"]!["updateRevision"]!.GetValue<string>(), Count(first, "currentReplicas"), Count(first, "updatedReplicas"))
        );
        var pod = (await Api.GetAsync($"{Pods}/app-0")).Ok();
        Assert.Equal(
            (old, "app-0", "app-0"),
            (
                pod["metadata"]!["labels"]!["controller-revision-hash"]!.GetValue<string>(),
                pod["metadata"]!["labels"]!["statefulset.kubernetes.io/pod-name"]!.GetValue<string>(),
                pod["spec"]!["hostname"]!.GetValue<string>()
            )
        );

        await SetImageAsync(StatefulSets, "r.example/app:2");
        var partly = await Api.UntilAsync(
            $"{StatefulSets}/app",
            s => IsObserved(s) && Count(s, "updatedReplicas") == 1 && Count(s, "readyReplicas") == 3
        );
        var updated = partly["status"]!["updateRevision"]!.GetValue<string>();
        Assert.NotEqual(old, updated);
        Assert.Equal((old, 2), (partly["status"]!["currentRevision"]!.GetValue<string>(), Count(partly, "currentReplicas")));
        Assert.Equal(["r.example/app:1", "r.example/app:1", "r.example/app:2"], await ImagesByNameAsync());
        Assert.Equal(
            [old, updated],
            Items((await Api.GetAsync($"/apis/apps/v1/namespaces/{Namespace}/controllerrevisions")).Ok())
                .OrderBy(r => r["revision"]!.GetValue<int>())
                .Select(Name)
        );

        // A deleted pod below the partition is recreated from the old template.
        (await Api.DeleteAsync($"{Pods}/app-0")).Ok();
        var gone = pod["metadata"]!["uid"]!.GetValue<string>();
        await Api.UntilAsync($"{Pods}/app-0", p => p["metadata"]?["uid"] is { } uid && uid.GetValue<string>() != gone && IsReady(p));
        Assert.Equal("r.example/app:1", (await ImagesByNameAsync())[0]);

        (
            await Api.PatchAsync(
                $"{StatefulSets}/app",
                ApiClient.MergePatch,
                Json("""{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}""")
            )
        ).Ok();
        var done = await Api.UntilAsync(
            $"{StatefulSets}/app",
            s => IsObserved(s) && s["status"]!["currentRevision"]!.GetValue<string>() == updated
        );
        Assert.Equal((3, 3, 3), (Count(done, "updatedReplicas"), Count(done, "currentReplicas"), Count(done, "readyReplicas")));
        Assert.All(await ImagesByNameAsync(), i => Assert.Equal("r.example/app:2", i));
    }

    [Fact]
    public async Task A_StatefulSet_replaces_the_highest_ordinal_first_and_stops_at_a_pod_that_does_not_become_ready()
    {
        (await Api.PostAsync(StatefulSets, Workload("StatefulSet", "\"replicas\":2,\"serviceName\":\"app\","))).Ok();
        await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "readyReplicas") == 2);

        await SetImageAsync(StatefulSets, "r.example/app:bad");
        await Api.UntilAsync(
            $"{Pods}/app-1",
            p =>
                (p["status"] as JsonObject)?["containerStatuses"]?[0]?["state"]?["waiting"]?["reason"]?.GetValue<string>()
                == "ImagePullBackOff"
        );
        var stuck = await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "updatedReplicas") == 1 && Count(s, "readyReplicas") == 1);
        Assert.Equal(["r.example/app:1", "r.example/app:bad"], await ImagesByNameAsync());
        Assert.NotEqual(stuck["status"]!["currentRevision"]!.GetValue<string>(), stuck["status"]!["updateRevision"]!.GetValue<string>());

        // With OrderedReady, a set waits for a broken pod even if the template has been fixed: the pod must be deleted manually.
        await SetImageAsync(StatefulSets, "r.example/app:1");
        await Api.UntilAsync($"{StatefulSets}/app", IsObserved);
        Assert.Equal("r.example/app:bad", (await ImagesByNameAsync())[1]);
        (await Api.DeleteAsync($"{Pods}/app-1")).Ok();
        await Api.UntilAsync(
            $"{StatefulSets}/app",
            s =>
                Count(s, "readyReplicas") == 2
                && Count(s, "updatedReplicas") == 2
                && s["status"]!["currentRevision"]!.GetValue<string>() == s["status"]!["updateRevision"]!.GetValue<string>()
        );
    }

    [Fact]
    public async Task A_StatefulSet_with_OnDelete_updates_only_deleted_pods()
    {
        (
            await Api.PostAsync(
                StatefulSets,
                Workload(
                    "StatefulSet",
                    "\"replicas\":2,\"serviceName\":\"app\",\"podManagementPolicy\":\"Parallel\",\"updateStrategy\":{\"type\":\"OnDelete\"},"
                )
            )
        ).Ok();
        await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "readyReplicas") == 2);

        await SetImageAsync(StatefulSets, "r.example/app:2");
        var waiting = await Api.UntilAsync($"{StatefulSets}/app", IsObserved);
        Assert.Equal((0, 2), (Count(waiting, "updatedReplicas"), Count(waiting, "currentReplicas")));
        (await Api.DeleteAsync($"{Pods}/app-0")).Ok();

        var one = await Api.UntilAsync($"{StatefulSets}/app", s => Count(s, "updatedReplicas") == 1 && Count(s, "readyReplicas") == 2);
        Assert.Equal(["r.example/app:2", "r.example/app:1"], await ImagesByNameAsync());
        Assert.NotEqual(one["status"]!["currentRevision"]!.GetValue<string>(), one["status"]!["updateRevision"]!.GetValue<string>());
    }

    private static int Count(JsonObject item, string field) => item["status"]?[field]?.GetValue<int>() ?? 0;

    private static bool IsObserved(JsonObject item) =>
        (item["status"]?["observedGeneration"]?.GetValue<long>() ?? 0) >= item["metadata"]!["generation"]!.GetValue<long>();

    private static bool IsReady(JsonObject pod) => Condition(pod, "Ready")?["status"]?.GetValue<string>() == "True";

    /// <summary>A workload of the given kind with one container.</summary>
    private static JsonObject Workload(string kind, string spec, string image = "r.example/app:1") =>
        Json(
            $$$$$"""
            {"apiVersion":"apps/v1","kind":"{{{{{kind}}}}}","metadata":{"name":"app"},
             "spec":{ {{{{{spec}}}}}"selector":{"matchLabels":{"app":"app"}},
               "template":{"metadata":{"labels":{"app":"app"}},"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"main","image":"{{{{{image}}}}}"}]}}}}
            """
        );

    private async Task<string[]> ImagesByNameAsync() =>
        [
            .. Items((await Api.GetAsync(Pods)).Ok())
                .Where(p => p["metadata"]!["deletionTimestamp"] is null)
                .OrderBy(Name, StringComparer.Ordinal)
                .Select(p => p["spec"]!["containers"]![0]!["image"]!.GetValue<string>()),
        ];

    private async Task SetImageAsync(string collection, string image) =>
        (
            await Api.PatchAsync(
                $"{collection}/app",
                ApiClient.StrategicMergePatch,
                Json($$$$$"""{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"{{{{{image}}}}}"}]}}}}""")
            )
        ).Ok();
}
