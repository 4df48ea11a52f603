using System.Globalization;
using System.Net;
using System.Text;
using CvManager.Controller;
using CvManager.Sandbox;
using CvManager.Telemetry;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>The metrics of a controller tell what the status and the history tell.</summary>
public sealed class MetricsTests : ControllerStage
{
    [Fact]
    public async Task A_rollout_a_failure_and_its_rollback_are_counted_once_each()
    {
        using var telemetry = await BeginAsync();
        await SettlesAsync("v1");
        MoveTag("v2");
        await SettlesAsync("v2");

        var text = Read(telemetry);

        Assert.Equal(1, Value(text, "cvmanager_rollouts_total{outcome=\"Succeeded\"}"));
        Assert.Equal(1, Value(text, "cvmanager_tag_to_rollout_seconds_count"));
        Assert.InRange(Value(text, "cvmanager_rollout_duration_seconds_sum{outcome=\"Succeeded\"}"), 20, 120);
        Assert.Equal(1, Value(text, "cvmanager_resources{state=\"Ready\"}"));
        Assert.Equal(1, Value(text, "cvmanager_leader"));
        Assert.Equal(1, Value(text, "cvmanager_ready"));
        Assert.Equal(1, Value(text, "cvmanager_followed_tags{result=\"ok\"}"));
        Assert.InRange(Value(text, "cvmanager_registry_read_age_seconds"), 0, 31);
        Assert.True(Value(text, "cvmanager_registry_requests_total{registry=\"registry.sandbox\",code=\"200\"}") >= 2);
        Assert.True(Value(text, "rest_client_requests_total{code=\"200\",method=\"PATCH\",host=\"sandbox\"}") >= 1);
        Assert.True(Value(text, "controller_runtime_reconcile_total{controller=\"containerversion\",result=\"success\"}") >= 2);
        Assert.Equal(
            Value(text, "workqueue_queue_duration_seconds_count{name=\"containerversion\"}"),
            Value(text, "workqueue_work_duration_seconds_count{name=\"containerversion\"}")
        );

        Push("app", "v4-notready");
        MoveTag("v4-notready");
        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", TimeSpan.FromMinutes(30), "the bad version is rolled back");
        text = Read(telemetry);

        Assert.Equal(1, Value(text, "cvmanager_rollouts_total{outcome=\"RolledBack\"}"));
        Assert.Equal(1, Value(text, "cvmanager_rollouts_total{outcome=\"Succeeded\"}"));
        Assert.Equal(1, Value(text, "cvmanager_restore_seconds_count"));
        Assert.Equal(1, Value(text, "cvmanager_quarantined_digests"));
    }

    [Fact]
    public async Task A_record_that_is_written_late_is_counted_when_it_is_written()
    {
        using var telemetry = await BeginAsync();
        await SettlesAsync("v1");
        var broken = true;
        Fault = request =>
            broken && request.RequestUri!.AbsolutePath.Contains("/configmaps", StringComparison.Ordinal)
                ? new RequestFault { StatusCode = (int)HttpStatusCode.InternalServerError }
                : RequestFault.None;
        MoveTag("v2");
        await SettlesAsync("v2");

        var text = Read(telemetry);
        Assert.DoesNotContain("cvmanager_rollouts_total{", text, StringComparison.Ordinal);
        Assert.Equal(1, Value(text, "cvmanager_unwritten_records"));

        broken = false;
        await RunAsync(TimeSpan.FromMinutes(10));
        text = Read(telemetry);

        Assert.Equal(1, Value(text, "cvmanager_rollouts_total{outcome=\"Succeeded\"}"));
        Assert.Equal(0, Value(text, "cvmanager_unwritten_records"));
    }

    [Fact]
    public async Task A_deleted_resource_has_no_series_any_more()
    {
        using var telemetry = await BeginAsync();
        await SettlesAsync("v1");
        Assert.Contains("cvmanager_resource_info{namespace=\"default\",name=\"app\"", Read(telemetry), StringComparison.Ordinal);

        await SendAsync(HttpMethod.Delete, $"{Resources("default")}/app", null);
        await RunAsync(TimeSpan.FromSeconds(5));

        Assert.DoesNotContain("cvmanager_resource_info{", Read(telemetry), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_text_is_made_at_most_once_a_second()
    {
        using var telemetry = await BeginAsync();
        await SettlesAsync("v1");

        var first = telemetry.Write();
        Assert.Equal(first, telemetry.Write());
        await RunAsync(ControllerTelemetry.Freshness);
        Assert.NotEqual(first, telemetry.Write());
    }

    private async Task<ControllerTelemetry> BeginAsync()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Start(new ControllerOptions());
        return new ControllerTelemetry(Metrics, Controller, Registries, Clock);
    }

    private static string Read(ControllerTelemetry telemetry) => Encoding.UTF8.GetString(telemetry.Write().Span);

    private static double Value(string text, string series)
    {
        var line = Assert.Single(text.Split('\n'), line => line.StartsWith(series + " ", StringComparison.Ordinal));
        return double.Parse(line.AsSpan(series.Length + 1), CultureInfo.InvariantCulture);
    }
}
