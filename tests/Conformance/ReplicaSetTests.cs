using Xunit;

namespace CvManager.Conformance;

/// <summary>ReplicaSets without an owner.</summary>
public abstract partial class ConformanceSuite
{
    [Fact]
    public async Task Pods_of_a_ReplicaSet_keep_the_old_image_until_they_are_deleted()
    {
        (await Api.PostAsync(ReplicaSets, Workload("ReplicaSet", "\"replicas\":2,"))).Ok();
        await Api.UntilAsync($"{ReplicaSets}/app", s => Count(s, "availableReplicas") == 2);
        string[] old = [.. Items((await Api.GetAsync(Pods)).Ok()).Select(Name)];

        await SetImageAsync(ReplicaSets, "r.example/app:2");
        var seen = await Api.UntilAsync($"{ReplicaSets}/app", IsObserved);
        Assert.Equal(2, Count(seen, "availableReplicas"));
        Assert.Equal(["r.example/app:1", "r.example/app:1"], await ImagesByNameAsync());

        (await Api.DeleteAsync($"{Pods}/{old[0]}")).Ok();
        await Api.UntilAsync(Pods, l => Items(l).Count() == 2 && Items(l).All(p => Name(p) != old[0] && IsReady(p)));
        Assert.Equal(["r.example/app:1", "r.example/app:2"], (await ImagesByNameAsync()).Order());
    }

    [Fact]
    public async Task A_ReplicaSet_adopts_matching_pods_and_releases_others()
    {
        (
            await Api.PostAsync(
                Pods,
                Json(
                    """{"metadata":{"name":"alone","labels":{"app":"app"}},"spec":{"containers":[{"name":"main","image":"r.example/app:1"}]}}"""
                )
            )
        ).Ok();
        (await Api.PostAsync(ReplicaSets, Workload("ReplicaSet", "\"replicas\":1,"))).Ok();
        var adopted = await Api.UntilAsync($"{Pods}/alone", p => p["metadata"]?["ownerReferences"] is not null);
        Assert.Equal("app", adopted["metadata"]!["ownerReferences"]![0]!["name"]!.GetValue<string>());

        (await Api.PatchAsync($"{Pods}/alone", ApiClient.MergePatch, Json("""{"metadata":{"labels":{"app":"other"}}}"""))).Ok();

        await Api.UntilAsync($"{Pods}/alone", p => p["metadata"]!["ownerReferences"] is null);
        await Api.UntilAsync($"{Pods}?labelSelector=app%3Dapp", l => Items(l).Count() == 1);
    }
}
