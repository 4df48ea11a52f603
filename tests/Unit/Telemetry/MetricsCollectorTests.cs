using CvManager.Telemetry;
using Xunit;

namespace CvManager.Unit.Telemetry;

public sealed class MetricsCollectorTests : IDisposable
{
    private readonly EngineMetrics _metrics = new();
    private readonly MetricsCollector _collector;

    public MetricsCollectorTests() => _collector = new MetricsCollector(_metrics);

    public void Dispose()
    {
        _collector.Dispose();
        _metrics.Dispose();
    }

    [Fact]
    public void Counters_add_up_by_label()
    {
        _metrics.Reconciled("success", TimeSpan.Zero);
        _metrics.Reconciled("success", TimeSpan.Zero);
        _metrics.Reconciled("error", TimeSpan.Zero);

        var text = Text();

        Assert.Contains("# TYPE controller_runtime_reconcile_total counter\n", text, StringComparison.Ordinal);
        Assert.Contains(
            "controller_runtime_reconcile_total{controller=\"containerversion\",result=\"success\"} 2\n",
            text,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "controller_runtime_reconcile_total{controller=\"containerversion\",result=\"error\"} 1\n",
            text,
            StringComparison.Ordinal
        );
        Assert.Contains("controller_runtime_reconcile_errors_total{controller=\"containerversion\"} 1\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Buckets_of_a_histogram_are_cumulative_and_include_their_bound()
    {
        _metrics.RolloutEnded("Succeeded", TimeSpan.FromSeconds(30));
        _metrics.RolloutEnded("Succeeded", TimeSpan.FromSeconds(31));
        _metrics.RolloutEnded("Succeeded", TimeSpan.FromDays(3));

        var text = Text();

        string[] expected = ["_bucket{outcome=\"Succeeded\",le=\"10\"} 0", "_bucket{outcome=\"Succeeded\",le=\"30\"} 1"];
        expected =
        [
            .. expected,
            "_bucket{outcome=\"Succeeded\",le=\"60\"} 2",
            "_bucket{outcome=\"Succeeded\",le=\"86400\"} 2",
            "_bucket{outcome=\"Succeeded\",le=\"+Inf\"} 3",
            "_sum{outcome=\"Succeeded\"} 259261",
            "_count{outcome=\"Succeeded\"} 3",
        ];
        Assert.All(expected, line => Assert.Contains($"cvmanager_rollout_duration_seconds{line}\n", text, StringComparison.Ordinal));
    }

    [Fact]
    public void Two_instances_in_one_process_are_separate()
    {
        using EngineMetrics other = new();
        other.RolloutEnded("Failed", TimeSpan.Zero);

        Assert.DoesNotContain("Failed", Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void Registries_beyond_the_limit_share_one_label()
    {
        for (var i = 0; i < EngineMetrics.MaxRegistries + 100; i++)
            _metrics.RegistryLabel($"r{i}.example");

        Assert.Equal("r0.example", _metrics.RegistryLabel("r0.example"));
        Assert.Equal(EngineMetrics.Other, _metrics.RegistryLabel($"r{EngineMetrics.MaxRegistries}.example"));
    }

    [Fact]
    public void Series_beyond_the_limit_are_added_up_in_one_and_nothing_is_lost()
    {
        for (var i = 0; i < MetricsCollector.MaxSeries + 100; i++)
            _metrics.RolloutEnded($"outcome{i}", TimeSpan.Zero);

        var samples = _collector.Collect().Single(family => family.Name == "cvmanager_rollouts_total").Samples;

        Assert.Equal(MetricsCollector.MaxSeries + 1, samples.Count);
        Assert.Equal(MetricsCollector.MaxSeries + 100, samples.Sum(sample => sample.Value));
        Assert.Equal(100, Assert.Single(samples, sample => sample.Labels[0].Value == EngineMetrics.Other).Value);
    }

    [Fact]
    public async Task Concurrent_measurements_are_all_counted()
    {
        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(_ =>
                    Task.Run(
                        () =>
                        {
                            for (var i = 0; i < 1000; i++)
                                _metrics.RolloutEnded("Succeeded", TimeSpan.Zero);
                        },
                        TestContext.Current.CancellationToken
                    )
                )
        );

        Assert.Contains("cvmanager_rollouts_total{outcome=\"Succeeded\"} 8000\n", Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void Label_values_are_escaped()
    {
        var text = MetricsText.Write([MetricFamily.Gauge("a", "b\\c\nd", MetricSample.Of(0.5, ("x", "\"\\\n")))]);

        Assert.Equal("# HELP a b\\\\c\\nd\n# TYPE a gauge\na{x=\"\\\"\\\\\\n\"} 0.5\n", text);
    }

    [Fact]
    public async Task A_request_without_a_response_is_counted_and_its_exception_passed_on()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "https://kube.example:6443/api");

        await Assert.ThrowsAsync<HttpRequestException>(() =>
            _metrics.SendToClusterAsync(request, (_, _) => throw new HttpRequestException("refused"), TestContext.Current.CancellationToken)
        );

        Assert.Contains(
            "rest_client_requests_total{code=\"<error>\",method=\"GET\",host=\"kube.example:6443\"} 1\n",
            Text(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void An_outage_lasts_from_the_first_failure_to_the_next_success()
    {
        DateTimeOffset noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
        _metrics.OutageEnded("a/b", noon);
        _metrics.OutageBegan("a/b", noon);
        _metrics.OutageBegan("a/b", noon.AddMinutes(1));
        _metrics.OutageEnded("a/b", noon.AddMinutes(2));
        _metrics.OutageEnded("a/b", noon.AddMinutes(3));

        var text = Text();

        Assert.Contains("cvmanager_restore_seconds_sum 120\n", text, StringComparison.Ordinal);
        Assert.Contains("cvmanager_restore_seconds_count 1\n", text, StringComparison.Ordinal);
    }

    private string Text() => MetricsText.Write(_collector.Collect());
}
