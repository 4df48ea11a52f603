using System.Text.Json.Nodes;
using CvManager.Sandbox;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>R8: a rollout whose ContainerVersion is deleted in the meantime still gets its record.</summary>
public sealed class DeletedResourceTests : ControllerStage
{
    [Fact]
    public async Task A_rollout_whose_resource_is_deleted_is_recorded_as_abandoned()
    {
        await BeginAsync();
        await SendAsync(HttpMethod.Delete, $"{Resources("default")}/app", null);

        await RunUntilAsync(async () => await OutcomeAsync() == "Abandoned", TimeSpan.FromMinutes(1), "it is recorded");
        Assert.Contains("v2", await ImageAsync(), StringComparison.Ordinal);
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_deleted_resource_is_recorded_when_the_cluster_can_be_written_to_again()
    {
        await BeginAsync();
        Fault = request =>
            request.Method != HttpMethod.Get && request.RequestUri!.AbsolutePath.Contains("/configmaps", StringComparison.Ordinal)
                ? new RequestFault { StatusCode = 503 }
                : RequestFault.None;
        await SendAsync(HttpMethod.Delete, $"{Resources("default")}/app", null);
        await RunAsync(TimeSpan.FromMinutes(3));
        Assert.NotEqual("Abandoned", await OutcomeAsync());

        Fault = null;
        await RunUntilAsync(async () => await OutcomeAsync() == "Abandoned", TimeSpan.FromMinutes(10), "it is recorded");
    }

    private async Task BeginAsync()
    {
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
    }

    /// <summary>The outcome of the newest record.</summary>
    private async Task<string> OutcomeAsync()
    {
        var history = (await SendAsync(HttpMethod.Get, "/api/v1/namespaces/default/configmaps", null))["items"]!
            .AsArray()
            .FirstOrDefault(c => Fields.Text(c, "metadata", "name") == "app.history");
        return history is null ? "" : Fields.Text(JsonNode.Parse(Fields.Text(history, "data", "records"))![0], "outcome");
    }
}
