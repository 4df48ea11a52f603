using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>Deployments, their ReplicaSets and pods, and garbage collection.</summary>
public abstract partial class ConformanceSuite
{
    [Fact]
    public async Task A_Deployment_starts_its_pods_and_reports_completion()
    {
        var created = (await Api.PostAsync(Deployments, Deployment())).Ok();
        Assert.Equal(
            ("RollingUpdate", "25%", 10, 600),
            (
                created["spec"]!["strategy"]!["type"]!.GetValue<string>(),
                created["spec"]!["strategy"]!["rollingUpdate"]!["maxSurge"]!.GetValue<string>(),
                created["spec"]!["revisionHistoryLimit"]!.GetValue<int>(),
                created["spec"]!["progressDeadlineSeconds"]!.GetValue<int>()
            )
        );

        var done = await Api.UntilAsync(
            $"{Deployments}/app",
            d => IsRolledOut(d) && Condition(d, "Progressing")?["reason"]?.GetValue<string>() == "NewReplicaSetAvailable"
        );

        Assert.Equal(
            ("True", "MinimumReplicasAvailable"),
            (Condition(done, "Available")!["status"]!.GetValue<string>(), Condition(done, "Available")!["reason"]!.GetValue<string>())
        );
        Assert.Equal("1", done["metadata"]!["annotations"]!["deployment.kubernetes.io/revision"]!.GetValue<string>());
        var set = Assert.Single(Items((await Api.GetAsync(ReplicaSets)).Ok()));
        var hash = set["metadata"]!["labels"]!["pod-template-hash"]!.GetValue<string>();
        Assert.Equal($"app-{hash}", Name(set));
        JsonObject[] pods = [.. Items((await Api.GetAsync($"{Pods}?labelSelector=pod-template-hash%3D{hash}")).Ok())];
        Assert.Equal(2, pods.Length);
        Assert.All(
            pods,
            p =>
            {
                Assert.Equal("Running", p["status"]!["phase"]!.GetValue<string>());
                Assert.Equal(Name(set), p["metadata"]!["ownerReferences"]![0]!["name"]!.GetValue<string>());
                Assert.True(p["status"]!["containerStatuses"]![0]!["ready"]!.GetValue<bool>());
            }
        );
    }

    [Fact]
    public async Task A_new_image_rolls_out_a_new_ReplicaSet_and_keeps_the_old_one_for_rollback()
    {
        (await Api.PostAsync(Deployments, Deployment())).Ok();
        await Api.UntilAsync($"{Deployments}/app", IsRolledOut);

        await SetImageAsync("r.example/app:2");
        var second = await Api.UntilAsync($"{Deployments}/app", IsRolledOut);
        Assert.Equal(
            ("2", 2),
            (
                second["metadata"]!["annotations"]!["deployment.kubernetes.io/revision"]!.GetValue<string>(),
                second["metadata"]!["generation"]!.GetValue<int>()
            )
        );
        await Api.UntilAsync(
            Pods,
            l => Items(l).Count() == 2 && Items(l).All(p => p["spec"]!["containers"]![0]!["image"]!.GetValue<string>() == "r.example/app:2")
        );
        Assert.Equal([0, 2], Items((await Api.GetAsync(ReplicaSets)).Ok()).Select(s => s["spec"]!["replicas"]!.GetValue<int>()).Order());

        await SetImageAsync("r.example/app:1");
        var back = await Api.UntilAsync($"{Deployments}/app", IsRolledOut);
        Assert.Equal("3", back["metadata"]!["annotations"]!["deployment.kubernetes.io/revision"]!.GetValue<string>());
        Assert.Equal(2, Items((await Api.GetAsync(ReplicaSets)).Ok()).Count());
    }

    [Fact]
    public async Task An_image_that_cannot_be_pulled_exceeds_the_progress_deadline_and_keeps_the_old_pods()
    {
        (await Api.PostAsync(Deployments, Deployment(spec: "\"progressDeadlineSeconds\":2,"))).Ok();
        await Api.UntilAsync($"{Deployments}/app", IsRolledOut);

        await SetImageAsync("r.example/app:bad");
        var late = await Api.UntilAsync(
            $"{Deployments}/app",
            d => Condition(d, "Progressing")?["reason"]?.GetValue<string>() == "ProgressDeadlineExceeded"
        );

        Assert.Equal("False", Condition(late, "Progressing")!["status"]!.GetValue<string>());
        Assert.Matches(
            "^ReplicaSet \"app-.+\" has timed out progressing.$",
            Condition(late, "Progressing")!["message"]!.GetValue<string>()
        );
        Assert.Equal(2, late["status"]!["availableReplicas"]!.GetValue<int>());
        var waiting = await Api.UntilAsync(
            Pods,
            l =>
                Items(l)
                    .Any(p =>
                        p["status"]?["containerStatuses"]?[0]?["state"]?["waiting"]?["reason"]?.GetValue<string>() == "ImagePullBackOff"
                    )
        );
        Assert.Equal(3, Items(waiting).Count());

        await SetImageAsync("r.example/app:1");
        await Api.UntilAsync(
            $"{Deployments}/app",
            d => IsRolledOut(d) && Condition(d, "Progressing")?["reason"]?.GetValue<string>() == "NewReplicaSetAvailable"
        );
    }

    [Fact]
    public async Task A_Deployment_is_scaled_through_its_scale_subresource_and_down_to_zero()
    {
        (await Api.PostAsync(Deployments, Deployment())).Ok();
        await Api.UntilAsync($"{Deployments}/app", IsRolledOut);

        var scale = (await Api.GetAsync($"{Deployments}/app/scale")).Ok();
        Assert.Equal(
            ("Scale", 2, "app=app"),
            (
                scale["kind"]!.GetValue<string>(),
                scale["spec"]!["replicas"]!.GetValue<int>(),
                scale["status"]!["selector"]!.GetValue<string>()
            )
        );
        scale["spec"]!["replicas"] = 3;
        (await Api.PutAsync($"{Deployments}/app/scale", scale)).Ok();
        await Api.UntilAsync($"{Deployments}/app", d => d["spec"]!["replicas"]!.GetValue<int>() == 3 && IsRolledOut(d));

        (await Api.PatchAsync($"{Deployments}/app/scale", ApiClient.MergePatch, Json("""{"spec":{"replicas":0}}"""))).Ok();
        await Api.UntilAsync($"{Deployments}/app", IsRolledOut);
        await Api.UntilAsync(Pods, l => !Items(l).Any());
    }

    [Fact]
    public async Task A_paused_Deployment_creates_no_pods_and_Recreate_never_runs_two_versions()
    {
        (await Api.PostAsync(Deployments, Deployment(spec: "\"paused\":true,\"strategy\":{\"type\":\"Recreate\"},"))).Ok();
        await Api.UntilAsync($"{Deployments}/app", d => Condition(d, "Progressing")?["reason"]?.GetValue<string>() == "DeploymentPaused");
        Assert.Empty(Items((await Api.GetAsync(ReplicaSets)).Ok()));

        (await Api.PatchAsync($"{Deployments}/app", ApiClient.MergePatch, Json("""{"spec":{"paused":false}}"""))).Ok();
        await Api.UntilAsync($"{Deployments}/app", IsRolledOut);
        var version = Version((await Api.GetAsync(Pods)).Ok());
        await SetImageAsync("r.example/app:2");
        await Api.UntilAsync($"{Deployments}/app", IsRolledOut);
        await Api.UntilAsync(Pods, l => Items(l).Count() == 2);

        // All old pods are gone before the first new one is created.
        var gone = 0;
        var events = await Api.WatchAsync(
            $"{Pods}?watch=1&resourceVersion={version}&timeoutSeconds=5",
            e => e.Count(x => x.Type == "ADDED") == 2
        );
        foreach ((var type, var pod) in events)
        {
            if (type == "DELETED")
                gone++;
            if (type == "ADDED")
                Assert.Equal((2, "r.example/app:2"), (gone, pod["spec"]!["containers"]![0]!["image"]!.GetValue<string>()));
        }

        Assert.Equal(2, gone);
    }

    [Fact]
    public async Task A_deleted_pod_is_replaced_by_its_ReplicaSet()
    {
        (await Api.PostAsync(Deployments, Deployment(replicas: 1))).Ok();
        await Api.UntilAsync($"{Deployments}/app", IsRolledOut);
        var old = Name(Items((await Api.GetAsync(Pods)).Ok()).Single());

        (await Api.DeleteAsync($"{Pods}/{old}")).Ok();

        await Api.UntilAsync(Pods, l => Items(l).Count() == 1 && Name(Items(l).Single()) != old);
        await Api.UntilAsync($"{Deployments}/app", IsRolledOut);
    }

    [Fact]
    public async Task Deleting_an_owner_deletes_its_dependents_unless_they_are_orphaned()
    {
        (await Api.PostAsync(Deployments, Deployment("one", replicas: 1))).Ok();
        (await Api.PostAsync(Deployments, Deployment("two", replicas: 1))).Ok();
        await Api.UntilAsync($"{Deployments}/one", IsRolledOut);
        await Api.UntilAsync($"{Deployments}/two", IsRolledOut);

        (
            await Api.DeleteAsync(
                $"{Deployments}/one",
                Json("""{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}""")
            )
        ).Ok();
        (
            await Api.DeleteAsync($"{Deployments}/two", Json("""{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Orphan"}"""))
        ).Ok();

        await Api.UntilAsync($"{Pods}?labelSelector=app%3Done", l => !Items(l).Any());
        await Api.UntilAsync($"{ReplicaSets}?labelSelector=app%3Done", l => !Items(l).Any());
        await Api.UntilAsync($"{Deployments}/two", s => s["code"]?.GetValue<int>() == 404);
        var orphan = Assert.Single(Items((await Api.GetAsync($"{ReplicaSets}?labelSelector=app%3Dtwo")).Ok()));
        Assert.Null(orphan["metadata"]!["ownerReferences"]);
        Assert.Single(Items((await Api.GetAsync($"{Pods}?labelSelector=app%3Dtwo")).Ok()));
    }

    [Fact]
    public async Task An_object_whose_owner_does_not_exist_is_garbage_collected()
    {
        (
            await CreateConfigMapAsync(
                "lost",
                more: ""","ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"none","uid":"11111111-1111-1111-1111-111111111111"}]"""
            )
        ).Ok();

        await Api.UntilAsync($"{ConfigMaps}/lost", s => s["code"]?.GetValue<int>() == 404);
    }

    [Fact]
    public async Task Only_the_image_of_a_pods_containers_can_be_changed()
    {
        (
            await Api.PostAsync(
                Pods,
                Json("""{"metadata":{"name":"alone"},"spec":{"containers":[{"name":"main","image":"r.example/app:1"}]}}""")
            )
        ).Ok();
        await Api.UntilAsync($"{Pods}/alone", p => p["status"]?["phase"]?.GetValue<string>() == "Running");

        (
            await Api.PatchAsync(
                $"{Pods}/alone",
                ApiClient.StrategicMergePatch,
                Json("""{"spec":{"containers":[{"name":"main","image":"r.example/app:2"}]}}""")
            )
        ).Ok();
        await Api.UntilAsync(
            $"{Pods}/alone",
            p =>
                p["status"]!["containerStatuses"]![0]!["image"]!.GetValue<string>() == "r.example/app:2"
                && p["status"]!["containerStatuses"]![0]!["restartCount"]!.GetValue<int>() == 1
        );
        (
            await Api.PatchAsync(
                $"{Pods}/alone",
                ApiClient.StrategicMergePatch,
                Json("""{"spec":{"containers":[{"name":"main","command":["x"]}]}}""")
            )
        ).Fails(422, "Invalid");
    }

    [Fact]
    public async Task An_invalid_Deployment_is_rejected_with_the_field()
    {
        var mismatch = Deployment();
        mismatch["spec"]!["template"]!["metadata"]!["labels"] = Json("""{"app":"other"}""");
        Assert.Contains(
            (await Api.PostAsync(Deployments, mismatch)).Fails(422, "Invalid")["details"]!["causes"]!.AsArray(),
            c => c!["field"]!.GetValue<string>() == "spec.template.metadata.labels"
        );

        var nameless = Deployment();
        nameless["spec"]!["template"]!["spec"]!["containers"]!.AsArray().Clear();
        Assert.Contains(
            (await Api.PostAsync(Deployments, nameless)).Fails(422, "Invalid")["details"]!["causes"]!.AsArray(),
            c => c!["field"]!.GetValue<string>() == "spec.template.spec.containers"
        );

        (await Api.PostAsync(Deployments, Deployment(replicas: 0))).Ok();
        var immutable = (
            await Api.PatchAsync(
                $"{Deployments}/app",
                ApiClient.JsonPatch,
                JsonNode.Parse(
                    """[{"op":"replace","path":"/spec/selector/matchLabels","value":{"app":"x"}},{"op":"replace","path":"/spec/template/metadata/labels","value":{"app":"x"}}]"""
                )!
            )
        ).Fails(422, "Invalid");
        Assert.Contains(immutable["details"]!["causes"]!.AsArray(), c => c!["field"]!.GetValue<string>() == "spec.selector");
    }

    private Task SetImageAsync(string image) => SetImageAsync(Deployments, image);
}
