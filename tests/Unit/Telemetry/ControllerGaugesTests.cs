using System.Globalization;
using CvManager.Controller;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Support;
using CvManager.Telemetry;
using Xunit;

namespace CvManager.Unit.Telemetry;

public sealed class ControllerGaugesTests
{
    [Fact]
    public void Each_resource_is_counted_under_one_state_and_has_one_series()
    {
        var families = Of(
            Resource("ready", ("Ready", "True"), ("Stalled", "False")),
            Resource("stalled", ("Ready", "True"), ("Stalled", "True")),
            Resource("moving", ("Ready", "False"), ("Reconciling", "True")),
            Resource("held", ("Ready", "True")) with
            {
                Spec = new ContainerVersionSpec { Suspend = true },
            },
            Resource("new")
        );

        Assert.Equal(
            [("Ready", 1), ("Reconciling", 1), ("Stalled", 1), ("Suspended", 1), ("Unknown", 1)],
            families["cvmanager_resources"].Samples.Select(sample => (sample.Labels[0].Value, (int)sample.Value))
        );
        Assert.Equal(
            ["held", "moving", "new", "ready", "stalled"],
            families["cvmanager_resource_info"].Samples.Select(sample => sample.Labels.Single(label => label.Key == "name").Value)
        );
    }

    [Fact]
    public void The_number_of_series_is_bounded()
    {
        var families = Of([
            .. Enumerable
                .Range(0, ControllerGauges.MaxResources + 10)
                .Select(i => Resource(i.ToString("D5", CultureInfo.InvariantCulture))),
        ]);

        Assert.Equal(ControllerGauges.MaxResources, families["cvmanager_resource_info"].Samples.Count);
        Assert.Equal(ControllerGauges.MaxResources + 10, families["cvmanager_resources"].Samples.Sum(sample => sample.Value));
    }

    [Fact]
    public void A_registry_with_several_logins_shows_the_smallest_budget()
    {
        RegistryBudget Budget(string login, int available) =>
            new("r.example", login, new RequestBudgetState(default, 0, 0, 0, available, 10, 1, null, null, null));

        var family = ControllerGauges
            .Of(Figures([]), [Budget("a", 7), Budget("b", 3)], host => host)
            .Single(family => family.Name == "cvmanager_registry_budget_remaining");

        Assert.Equal(3, Assert.Single(family.Samples).Value);
    }

    [Fact]
    public void The_documentation_lists_every_metric_with_its_type_and_no_other()
    {
        using EngineMetrics metrics = new();
        using MetricsCollector collector = new(metrics);
        var documented = File.ReadLines(Path.Combine(RepositoryRoot.Path, "docs", "operations.md"))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .Where(cells => cells.Length > 3 && cells[1].StartsWith('`'))
            .Select(cells => (cells[1].Trim('`').Split('{')[0], cells[2]));

        Assert.Equal(collector.Collect().Concat(Of().Values).Select(family => (family.Name, family.Type)).Order(), documented.Order());
    }

    private static Dictionary<string, MetricFamily> Of(params ContainerVersion[] resources) =>
        ControllerGauges.Of(Figures(resources), [], host => host).ToDictionary(family => family.Name);

    private static ControllerFigures Figures(IReadOnlyList<ContainerVersion> resources) => new() { Resources = resources };

    private static ContainerVersion Resource(string name, params (string Type, string Status)[] conditions) =>
        new()
        {
            Metadata = new ResourceMetadata { Name = name, Namespace = "shop" },
            Status = new ContainerVersionStatus
            {
                Conditions = [.. conditions.Select(condition => new Condition { Type = condition.Type, Status = condition.Status })],
            },
        };
}
