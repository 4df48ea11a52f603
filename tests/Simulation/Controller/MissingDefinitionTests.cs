using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Support;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>The custom resource definition is missing at first, or is removed and reinstalled while the controller runs.</summary>
public sealed class MissingDefinitionTests : ControllerStage
{
    private const string Definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/containerversions.custom.k8s.io";

    protected override bool HasDefinition => false;

    [Fact]
    public async Task A_controller_that_starts_before_the_definition_exists_logs_it_once_and_starts_when_it_is_installed()
    {
        await CreateDeploymentAsync();
        var begun = Now;
        Start();
        await RunAsync(TimeSpan.FromMinutes(30));
        Assert.Single(Log.Of(LogEvents.InitialSyncIncomplete));
        var told = Assert.Single(Log.Events, e => e.Level > LogLevel.Information && e.Id != LogEvents.InitialSyncIncomplete);
        Assert.Equal((LogEvents.KindNotServed, ErrorIds.CrdNotInstalled), (told.Id, told.ErrorId));
        Facts.AssertIn(told.Text, "containerversions.custom.k8s.io", "Install-CvController -CrdOnly");
        Assert.InRange(Count("list containerversions", begun), 10, 70);

        await DefineAsync();
        await RunAsync(TimeSpan.FromSeconds(1));
        await CreateAsync();
        MoveTag("v2");
        await SettlesAsync("v2", TimeSpan.FromMinutes(3));
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_removed_definition_stops_a_rollout_and_a_reinstalled_one_continues_it()
    {
        await DefineAsync();
        await RunAsync(TimeSpan.FromSeconds(1));
        await CreateDeploymentAsync(replicas: 3);
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );
        var logged = Log.Events.Count;

        await SendAsync(HttpMethod.Delete, Definition, null);
        MoveTag("v3");
        var removed = Now;
        await RunAsync(TimeSpan.FromMinutes(30));
        Assert.Contains("v2", await ImageAsync(), StringComparison.Ordinal);
        Assert.Single(Log.Events.Skip(logged), e => e.Id == LogEvents.KindNotServed);
        Assert.True(Log.Events.Count - logged <= 4, string.Join('\n', Log.Events.Skip(logged)));
        Assert.InRange(Count("list containerversions", removed) + Count("watch containerversions", removed), 5, 70);
        // The tag has no followers any more.
        Assert.DoesNotContain(Polls, poll => poll > removed.AddMinutes(10));

        await DefineAsync();
        await RunAsync(TimeSpan.FromSeconds(1));
        await CreateAsync();
        await SettlesAsync("v3", TimeSpan.FromMinutes(5));
        await StaysQuietAsync();
    }

    [Fact]
    public async Task Invalid_resources_are_not_rolled_out_even_if_the_definition_accepts_everything()
    {
        var loose = CustomResourceDefinition.Json;
        loose["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"] = JsonNode.Parse(
            """{"type":"object","x-kubernetes-preserve-unknown-fields":true}"""
        );
        await SendAsync(HttpMethod.Post, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", loose);
        await RunAsync(TimeSpan.FromSeconds(1));
        await CreateDeploymentAsync();
        await CreateDeploymentAsync("other");
        await CreateAsync();
        await CreateAsync("other");
        Start();
        await SettlesAsync("v1");
        await SettlesAsync("v1", name: "other");

        // Such an object cannot even be parsed.
        await EditAsync("""{"pollIntervalSeconds":"often","container":["main"]}""");
        MoveTag("v2");
        await SettlesAsync("v2", name: "other");
        await RunAsync(TimeSpan.FromMinutes(20));
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);
        // Once when it is read, and once when it should be rolled out.
        Assert.InRange(Log.Events.Count(e => e.Level == LogLevel.Error && e.Fields["Resource"] == "default/app"), 1, 2);
        Assert.DoesNotContain("   at ", string.Concat(Log.Events), StringComparison.Ordinal);

        // The controller's own validation finds what the schema would have rejected.
        await EditAsync("""{"pollIntervalSeconds":1,"imageRepo":"registry.sandbox/app:v1","container":{"name":"main"}}""");
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Reason == "InvalidSpec",
            TimeSpan.FromMinutes(1),
            "it says what is wrong"
        );
        var message = (await ConditionAsync("Stalled")).Message;
        Assert.Contains("spec.pollIntervalSeconds", message, StringComparison.Ordinal);
        Assert.Contains("spec.imageRepo", message, StringComparison.Ordinal);
        await StaysQuietAsync();
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);

        await EditAsync("""{"pollIntervalSeconds":30,"imageRepo":"registry.sandbox/app"}""");
        await SettlesAsync("v2");
        await StaysQuietAsync();
    }
}
