using System.Text.Json.Nodes;
using CvManager.Sandbox;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>Many resources are created at once, and some of them are faulty: each one is processed, and none delays another.</summary>
public sealed class ManyResourcesTests : ControllerStage
{
    private const int Number = 200;
    private const int Repositories = 20;

    private static readonly WorkloadShape CronJob = WorkloadShape.All.Single(shape => shape.Kind == "CronJob");

    protected override TimeSpan StartDelay => TimeSpan.FromSeconds(3);

    [Fact]
    public async Task Two_hundred_resources_created_at_once_are_all_rolled_out_and_then_cost_nothing()
    {
        Start();
        await RunAsync(TimeSpan.FromSeconds(1));
        for (var i = 0; i < Repositories; i++)
        {
            Push($"app{i}", "v1");
            Push($"app{i}", "v2");
            Registry.Tag($"app{i}", "demo", Digest($"app{i}", "v2"));
        }

        // Every tenth cannot be patched, and every tenth follows a missing tag.
        Fault = request =>
            AccessRequest.Of(request) is { Verb: "patch", Resource: "cronjobs" } && request.RequestUri!.Segments[^1].EndsWith('3')
                ? new RequestFault { StatusCode = 500, Message = "it breaks each time" }
                : RequestFault.None;
        for (var i = 0; i < Number; i++)
        {
            var name = $"app-{i}";
            // Only a few Deployments: their pods cost the sandbox more time than the controller.
            if (i % 10 == 1)
                await CreateDeploymentAsync(name);
            else
                await CreateCronJobAsync(name);
            var spec = Spec(name);
            spec["imageRepo"] = $"registry.sandbox/app{i % Repositories}";
            spec["pollIntervalSeconds"] = 300;
            if (i % 10 == 7)
                spec["tag"] = "nope";
            await CreateAsync(name, spec);
        }

        var begun = Now;
        var polled = Polls.Count;
        await RunAsync(StartDelay + TimeSpan.FromSeconds(10));
        var resources = (await SendAsync(HttpMethod.Get, Resources("default"), null))["items"]!.AsArray();
        foreach (var resource in resources)
        {
            var name = Fields.Text(resource, "metadata", "name");
            (var status, var reason, _) = Fields.Condition(resource, "Ready");
            (string Status, string Reason) wanted = name[^1] switch
            {
                '3' => ("False", "RolloutInProgress"),
                '7' => ("False", "TagNotFound"),
                _ => ("True", "UpToDate"),
            };
            Assert.Equal((name, wanted), (name, (status, reason)));
        }

        // One digest per followed tag, one or two label reads per new digest: nothing per resource.
        Assert.InRange(Polls.Count - polled, Repositories, Repositories * 12);
        var failing = Number / 10;
        Assert.Equal(Number - (2 * failing), await CountRolledOutAsync());
        // Evidence is listed at a rate per controller, not per rollout.
        Assert.InRange(Count("list pods", begun), 1, 20 * 20);
        // Each of them is retried with its own backoff.
        Assert.InRange(Count("patch cronjobs", begun), Number - (2 * failing), Number + (failing * 10));
        Assert.True(
            Log.Events.Count(e => e.Text.Contains("it breaks each time", StringComparison.Ordinal)) <= failing,
            "each is logged once"
        );

        Fault = null;
        await RunAsync(TimeSpan.FromMinutes(6));
        Assert.Equal(Number - failing, await CountRolledOutAsync());
        await StaysQuietAsync();
    }

    /// <summary>A CronJob that does not run during the test.</summary>
    private Task<JsonObject> CreateCronJobAsync(string name)
    {
        var made = CronJob.Make(name, name, "registry.sandbox/app:v1", 1, false);
        made["spec"]!["schedule"] = "0 0 31 12 *";
        return SendAsync(HttpMethod.Post, CronJob.Collection, made);
    }

    private async Task<int> CountRolledOutAsync() =>
        Images.Count(image => image.EndsWith("v2", StringComparison.Ordinal))
        + (await SendAsync(HttpMethod.Get, CronJob.Collection, null))["items"]!
            .AsArray()
            .Count(item => CronJob.Images(item!.AsObject())[Names.Container].Contains(":v2", StringComparison.Ordinal));
}
