using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>Jobs and CronJobs.</summary>
public abstract partial class ConformanceSuite
{
    private string Jobs => $"/apis/batch/v1/namespaces/{Namespace}/jobs";

    [Fact]
    public async Task A_Job_completes_and_its_template_is_immutable()
    {
        (await Api.PostAsync(Jobs, Job("app", "r.example/app:1", "\"completions\":2,\"parallelism\":2,"))).Ok();
        var active = await Api.UntilAsync($"{Jobs}/app", j => Count(j, "active") == 2);
        Assert.NotNull(active["status"]!["startTime"]);
        var refused = (
            await Api.PatchAsync(
                $"{Jobs}/app",
                ApiClient.JsonPatch,
                JsonNode.Parse("""[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"r.example/app:2"}]""")!
            )
        ).Fails(422, "Invalid");
        Assert.Contains(refused["details"]!["causes"]!.AsArray(), c => c!["field"]!.GetValue<string>() == "spec.template");

        var done = await Api.UntilAsync($"{Jobs}/app", j => Condition(j, "Complete")?["status"]?.GetValue<string>() == "True");

        Assert.Equal((2, 0, 0), (Count(done, "succeeded"), Count(done, "active"), Count(done, "failed")));
        Assert.NotNull(done["status"]!["completionTime"]);
        JsonObject[] pods = [.. Items((await Api.GetAsync($"{Pods}?labelSelector=job-name%3Dapp")).Ok())];
        Assert.Equal(2, pods.Length);
        Assert.All(pods, p => Assert.Equal("Succeeded", p["status"]!["phase"]!.GetValue<string>()));
    }

    [Fact]
    public async Task A_Job_fails_when_its_pod_fails_and_the_backoff_limit_is_reached()
    {
        (await Api.PostAsync(Jobs, Job("app", "r.example/app:crash", "\"backoffLimit\":0,"))).Ok();

        var failed = await Api.UntilAsync($"{Jobs}/app", j => Condition(j, "Failed")?["status"]?.GetValue<string>() == "True");

        Assert.Equal("BackoffLimitExceeded", Condition(failed, "Failed")!["reason"]!.GetValue<string>());
        Assert.Equal((1, 0), (Count(failed, "failed"), Count(failed, "succeeded")));
    }

    [Fact]
    public async Task A_running_Job_is_active_and_deleting_it_in_the_background_deletes_its_pods()
    {
        (await Api.PostAsync(Jobs, Job("app", "r.example/app:sleep", ""))).Ok();
        await Api.UntilAsync(Pods, l => Items(l).Any(IsReady));
        Assert.Equal(1, Count((await Api.GetAsync($"{Jobs}/app")).Ok(), "active"));

        (
            await Api.DeleteAsync($"{Jobs}/app", Json("""{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}"""))
        ).Ok();

        await Api.UntilAsync(Pods, l => !Items(l).Any());
    }

    [Fact]
    public async Task A_suspended_CronJob_accepts_a_new_image_and_starts_no_Job()
    {
        // Before Kubernetes 1.21, only v1beta1 is served.
        var served = (await Api.GetAsync("/apis/batch/v1")).Ok()["resources"]!
            .AsArray()
            .Any(r => r!["name"]!.GetValue<string>() == "cronjobs");
        var cronJobs = $"/apis/batch/{(served ? "v1" : "v1beta1")}/namespaces/{Namespace}/cronjobs";
        var cron = Json("""{"metadata":{"name":"app"},"spec":{"schedule":"* * * * *","suspend":true,"jobTemplate":{"spec":{}}}}""");
        cron["spec"]!["jobTemplate"]!["spec"]!["template"] = Job("app", "r.example/app:1", "")["spec"]!["template"]!.DeepClone();
        var created = (await Api.PostAsync(cronJobs, cron)).Ok();
        Assert.Equal(
            ("Allow", 3),
            (created["spec"]!["concurrencyPolicy"]!.GetValue<string>(), created["spec"]!["successfulJobsHistoryLimit"]!.GetValue<int>())
        );

        var patched = (
            await Api.PatchAsync(
                $"{cronJobs}/app",
                ApiClient.JsonPatch,
                JsonNode.Parse(
                    """
                    [{"op":"test","path":"/spec/jobTemplate/spec/template/spec/containers/0/image","value":"r.example/app:1"},
                     {"op":"replace","path":"/spec/jobTemplate/spec/template/spec/containers/0/image","value":"r.example/app:2"}]
                    """
                )!
            )
        ).Ok();

        Assert.Equal(
            "r.example/app:2",
            patched["spec"]!["jobTemplate"]!["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!.GetValue<string>()
        );
        (await Api.PatchAsync($"{cronJobs}/app", ApiClient.MergePatch, Json("""{"spec":{"schedule":"never"}}"""))).Fails(422, "Invalid");
        Assert.Empty(Items((await Api.GetAsync(Jobs)).Ok()));
    }

    private static JsonObject Job(string name, string image, string spec) =>
        Json(
            $$$$$"""
            {"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"{{{{{name}}}}}"},
             "spec":{ {{{{{spec}}}}}"template":{"spec":{"restartPolicy":"Never","terminationGracePeriodSeconds":1,"containers":[{"name":"main","image":"{{{{{image}}}}}"}]}}}}
            """
        );
}
