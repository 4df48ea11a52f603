using System.Text.Json.Nodes;
using CvManager.Resources;
using Xunit;

namespace CvManager.Simulation;

/// <summary>The custom resource's definition is missing at first, or goes and comes while the controller runs.</summary>
public sealed class MissingDefinitionTests : ControllerStage
{
    private const string Definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/containerversions.custom.k8s.io";

    protected override bool HasDefinition => false;

    [Fact]
    public async Task A_controller_that_starts_before_the_definition_is_installed_says_so_once_and_begins_when_it_is()
    {
        await CreateDeploymentAsync();
        DateTimeOffset begun = Now;
        Start();
        await RunAsync(TimeSpan.FromMinutes(30));
        Assert.Single(Log.Lines, l => l.Contains("Initial sync incomplete", StringComparison.Ordinal));
        string line = Assert.Single(Log.Lines, l => !l.StartsWith("Information", StringComparison.Ordinal) && !l.Contains("Initial sync", StringComparison.Ordinal));
        Assert.Contains("containerversions.custom.k8s.io is not served by this cluster", line, StringComparison.Ordinal);
        Assert.Contains("Install-CvController -CrdOnly", line, StringComparison.Ordinal);
        Assert.InRange(Count("list containerversions", begun), 10, 70);

        await DefineAsync();
        await RunAsync(TimeSpan.FromSeconds(1));
        await CreateAsync();
        MoveTag("v2");
        await SettlesAsync("v2", TimeSpan.FromMinutes(3));
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_definition_that_is_removed_stops_a_rollout_where_it_is_and_one_that_comes_back_goes_on()
    {
        await DefineAsync();
        await RunAsync(TimeSpan.FromSeconds(1));
        await CreateDeploymentAsync(replicas: 3);
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
        MoveTag("v2");
        await RunUntilAsync(async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal), TimeSpan.FromMinutes(1), "the rollout has begun");
        int said = Log.Lines.Count;

        await SendAsync(HttpMethod.Delete, Definition, null);
        MoveTag("v3");
        DateTimeOffset removed = Now;
        await RunAsync(TimeSpan.FromMinutes(30));
        Assert.Contains("v2", await ImageAsync(), StringComparison.Ordinal);
        Assert.Single(Log.Lines.Skip(said), l => l.Contains("is not served by this cluster", StringComparison.Ordinal));
        Assert.True(Log.Lines.Count - said <= 4, string.Join('\n', Log.Lines.Skip(said)));
        Assert.InRange(Count("list containerversions", removed) + Count("watch containerversions", removed), 5, 70);
        // Nobody follows the tag any more.
        Assert.DoesNotContain(Looks, look => look > removed.AddMinutes(10));

        await DefineAsync();
        await RunAsync(TimeSpan.FromSeconds(1));
        await CreateAsync();
        await SettlesAsync("v3", TimeSpan.FromMinutes(5));
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_definition_that_lets_everything_through_lets_no_nonsense_be_rolled_out()
    {
        JsonObject loose = CustomResourceDefinition.Json;
        loose["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"] = JsonNode.Parse("""{"type":"object","x-kubernetes-preserve-unknown-fields":true}""");
        await SendAsync(HttpMethod.Post, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", loose);
        await RunAsync(TimeSpan.FromSeconds(1));
        await CreateDeploymentAsync();
        await CreateDeploymentAsync("other");
        await CreateAsync();
        await CreateAsync("other");
        Start();
        await SettlesAsync("v1");
        await SettlesAsync("v1", name: "other");

        // Such an object cannot even be read.
        await EditAsync("""{"pollIntervalSeconds":"often","container":["main"]}""");
        MoveTag("v2");
        await SettlesAsync("v2", name: "other");
        await RunAsync(TimeSpan.FromMinutes(20));
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);
        // When it is seen, and when it is to be rolled out.
        Assert.InRange(Log.Lines.Count(line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains("default/app", StringComparison.Ordinal)), 1, 2);
        Assert.DoesNotContain("   at ", string.Concat(Log.Lines), StringComparison.Ordinal);

        // What the schema would have refused, the controller's own validation finds.
        await EditAsync("""{"pollIntervalSeconds":1,"imageRepo":"registry.sandbox/app:v1","container":{"name":"main"}}""");
        await RunUntilAsync(async () => (await ConditionAsync("Stalled")).Reason == "InvalidSpec", TimeSpan.FromMinutes(1), "it says what is wrong");
        string message = (await ConditionAsync("Stalled")).Message;
        Assert.Contains("spec.pollIntervalSeconds", message, StringComparison.Ordinal);
        Assert.Contains("spec.imageRepo", message, StringComparison.Ordinal);
        await StaysQuietAsync();
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);

        await EditAsync("""{"pollIntervalSeconds":30,"imageRepo":"registry.sandbox/app"}""");
        await SettlesAsync("v2");
        await StaysQuietAsync();
    }
}
