using CvManager.Records;
using CvManager.Resources;
using Xunit;

namespace CvManager.Unit.Records;

public sealed class DeliveryFiguresTests
{
    private static readonly DateTimeOffset Monday = new(2026, 1, 5, 0, 0, 0, TimeSpan.Zero);
    private int _ids;

    [Fact]
    public void Figures_without_records_are_zero_or_unknown()
    {
        var figures = Week();

        Assert.Equal(new DeliveryFigures(), figures);
        Assert.Null(figures.ChangeFailureRate);
        Assert.Null(figures.LeadTime);
        Assert.Null(figures.RestoreTime);
    }

    [Fact]
    public void Successful_changes_give_frequency_and_lead_times()
    {
        // Lead times of 5, 6, 7 and 20 minutes: four deployments in seven days.
        var figures = Week(
            Rollout("v1", hour: 1, minutes: 3, seenMinutesBefore: 2),
            Rollout("v2", hour: 2, minutes: 4, seenMinutesBefore: 2),
            Rollout("v3", hour: 3, minutes: 5, seenMinutesBefore: 2),
            Rollout("v4", hour: 4, minutes: 8, seenMinutesBefore: 12)
        );

        Assert.Equal(4, figures.Deployments);
        Assert.Equal(4 / 7.0, figures.DeploymentsPerDay, 10);
        Assert.Equal(new Distribution(TimeSpan.FromMinutes(6.5), TimeSpan.FromMinutes(20)), figures.LeadTime);
        Assert.Equal((4, 0, 0.0), (figures.Changes, figures.FailedChanges, figures.ChangeFailureRate));
    }

    [Fact]
    public void A_lead_time_without_the_time_of_the_tag_begins_with_the_rollout() =>
        Assert.Equal(TimeSpan.FromMinutes(3), Week(Rollout("v1", hour: 1, minutes: 3)).LeadTime!.Median);

    /// <summary>The tag was seen before the version was rolled out for the first time.</summary>
    [Fact]
    public void The_lead_time_of_a_version_that_is_rolled_out_again_begins_with_the_rollout()
    {
        var figures = Week(
            Rollout("v1", hour: 1, minutes: 1),
            Rollout("v2", hour: 2, minutes: 1),
            Rollout("v1", hour: 3, minutes: 1, seenMinutesBefore: 120)
        );

        Assert.Equal(3, figures.Deployments);
        Assert.Equal(TimeSpan.FromMinutes(1), figures.LeadTime!.P90);
    }

    [Fact]
    public void A_version_that_a_person_chose_is_a_deployment_without_a_lead_time()
    {
        var figures = Week(Rollout("v1", hour: 1, who: "jo"));

        Assert.Equal(1, figures.Deployments);
        Assert.Null(figures.LeadTime);
    }

    [Fact]
    public void A_rollout_that_was_rolled_back_is_a_failed_change_and_a_restored_outage()
    {
        var figures = Week(Rollout("v1", hour: 1), Rollout("v2", hour: 2, minutes: 6, outcome: RolloutPhase.RolledBack));

        Assert.Equal((1, 2, 1, 0.5), (figures.Deployments, figures.Changes, figures.FailedChanges, figures.ChangeFailureRate));
        Assert.Equal((1, 0), (figures.Restored, figures.NotRestored));
        Assert.Equal(TimeSpan.FromMinutes(6), figures.RestoreTime!.Median);
    }

    [Fact]
    public void A_failure_is_restored_by_the_next_success()
    {
        var figures = Week(
            Rollout("v1", hour: 1, outcome: RolloutPhase.Failed),
            Rollout("v2", hour: 2, outcome: RolloutPhase.Failed),
            Rollout("v3", hour: 3, minutes: 10)
        );

        Assert.Equal((1, 3, 2), (figures.Deployments, figures.Changes, figures.FailedChanges));
        // One outage, from the start of v1 to the end of v3.
        Assert.Equal((1, 0), (figures.Restored, figures.NotRestored));
        Assert.Equal(TimeSpan.FromMinutes(130), figures.RestoreTime!.Median);
    }

    [Fact]
    public void Failures_alone_leave_an_outage_that_is_not_restored()
    {
        var figures = Week(
            Rollout("v1", hour: 1, outcome: RolloutPhase.Failed),
            Rollout("v2", hour: 2, outcome: RolloutPhase.Failed),
            Rollout("v1", hour: 1, outcome: RolloutPhase.Failed, cv: "other")
        );

        Assert.Equal((0, 3, 3, 1.0), (figures.Deployments, figures.Changes, figures.FailedChanges, figures.ChangeFailureRate));
        Assert.Equal((0, 2), (figures.Restored, figures.NotRestored));
        Assert.Null(figures.RestoreTime);
        Assert.Null(figures.LeadTime);
    }

    /// <summary>It goes back to the version that failed.</summary>
    [Fact]
    public void A_rollback_during_an_outage_does_not_end_it()
    {
        var figures = Week(Rollout("v1", hour: 1, outcome: RolloutPhase.Failed), Rollout("v2", hour: 2, outcome: RolloutPhase.RolledBack));

        Assert.Equal((0, 1), (figures.Restored, figures.NotRestored));
    }

    [Fact]
    public void A_persons_return_makes_the_change_it_takes_back_a_failed_one()
    {
        var figures = Week(Rollout("v1", hour: 1), Rollout("v2", hour: 2), Rollout("v1", hour: 5, minutes: 4, who: "jo"));

        Assert.Equal((2, 2, 1, 0.5), (figures.Deployments, figures.Changes, figures.FailedChanges, figures.ChangeFailureRate));
        Assert.Equal(TimeSpan.FromMinutes(4), figures.RestoreTime!.Median);
    }

    [Fact]
    public void A_second_return_makes_the_earlier_change_a_failed_one_as_well()
    {
        var figures = Week(
            Rollout("v1", hour: 1, from: "v0"),
            Rollout("v2", hour: 2, from: "v1"),
            Rollout("v1", hour: 3, from: "v2", who: "jo"),
            Rollout("v0", hour: 4, from: "v1", who: "jo")
        );

        Assert.Equal((2, 2, 2), (figures.Deployments, figures.Changes, figures.FailedChanges));
        Assert.Equal(2, figures.Restored);
    }

    [Fact]
    public void A_return_that_fails_is_an_outage_until_something_succeeds()
    {
        RolloutRecord[] records =
        [
            Rollout("v1", hour: 1),
            Rollout("v2", hour: 2),
            Rollout("v1", hour: 5, minutes: 4, outcome: RolloutPhase.Failed, who: "jo"),
        ];

        Assert.Equal((2, 1, 0, 1), Counts(Week(records)));
        Assert.Equal((3, 1, 1, 0), Counts(Week([.. records, Rollout("v3", hour: 6)])));
    }

    [Theory]
    [InlineData(RolloutPhase.Superseded)]
    [InlineData(RolloutPhase.Abandoned)]
    public void A_rollout_that_was_not_finished_counts_as_nothing(string outcome)
    {
        var figures = Week(Rollout("v1", hour: 1, outcome: RolloutPhase.Failed), Rollout("v2", hour: 2, outcome: outcome));

        Assert.Equal((1, 1, 1), (figures.Changes, figures.FailedChanges, figures.NotRestored));
    }

    [Fact]
    public void The_workloads_of_a_rollout_count_once()
    {
        var web = Rollout("v1", hour: 1, minutes: 3, seenMinutesBefore: 1);
        var worker = web with { Name = "worker", Finished = web.Finished.AddMinutes(2), TagSeen = null };
        var removed = web with { Name = "removed", Outcome = RolloutPhase.Superseded };

        var figures = Week(web, worker, removed);

        Assert.Equal((1, 1, 0), (figures.Deployments, figures.Changes, figures.FailedChanges));
        Assert.Equal(TimeSpan.FromMinutes(6), figures.LeadTime!.Median);
    }

    [Fact]
    public void A_rollout_is_failed_if_it_failed_for_one_workload()
    {
        var web = Rollout("v1", hour: 1, outcome: RolloutPhase.RolledBack);
        var worker = web with { Name = "worker", Outcome = RolloutPhase.Failed };

        var figures = Week(web, worker);

        Assert.Equal((1, 1), (figures.Changes, figures.FailedChanges));
        Assert.Equal((0, 1), (figures.Restored, figures.NotRestored));
    }

    [Fact]
    public void ContainerVersions_of_the_same_name_and_ids_in_two_namespaces_are_two()
    {
        var record = Rollout("v1", hour: 1);

        Assert.Equal(2, DeliveryFigures.Of([("a", record), ("b", record)], Monday, Monday.AddDays(7)).Deployments);
    }

    [Fact]
    public void Records_before_the_window_count_only_for_what_follows_them()
    {
        RolloutRecord[] records =
        [
            Rollout("v1", hour: 1),
            Rollout("v2", hour: 2, outcome: RolloutPhase.Failed),
            Rollout("v3", hour: 26, minutes: 30),
        ];

        var figures = DeliveryFigures.Of(records.Select(record => ("shop", record)), Monday.AddDays(1), Monday.AddDays(2));

        Assert.Equal((1, 0, 1, 0), Counts(figures));
        Assert.Equal(new TimeSpan(24, 30, 0), figures.RestoreTime!.Median);
        Assert.Equal(1.0, figures.DeploymentsPerDay);
    }

    [Fact]
    public void Records_after_the_window_do_not_count()
    {
        RolloutRecord[] records = [Rollout("v1", hour: 1, outcome: RolloutPhase.Failed), Rollout("v2", hour: 26)];

        Assert.Equal((0, 1, 0, 1), Counts(DeliveryFigures.Of(records.Select(record => ("shop", record)), Monday, Monday.AddDays(1))));
    }

    [Fact]
    public void A_window_shorter_than_a_day_counts_as_a_day() =>
        Assert.Equal(1.0, DeliveryFigures.Of([("shop", Rollout("v1", hour: 1))], Monday, Monday.AddHours(2)).DeploymentsPerDay);

    [Theory]
    [InlineData(new[] { 4 }, 4, 4)]
    [InlineData(new[] { 9, 1, 5 }, 5, 9)]
    [InlineData(new[] { 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 }, 5.5, 9)]
    [InlineData(new[] { 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 }, 6, 10)]
    public void The_P90_is_the_nearest_rank(int[] values, double median, double p90) =>
        Assert.Equal(
            new Distribution(TimeSpan.FromSeconds(median), TimeSpan.FromSeconds(p90)),
            Distribution.Of(values.Select(value => TimeSpan.FromSeconds(value)))
        );

    private static (int Deployments, int FailedChanges, int Restored, int NotRestored) Counts(DeliveryFigures figures) =>
        (figures.Deployments, figures.FailedChanges, figures.Restored, figures.NotRestored);

    private static DeliveryFigures Week(params RolloutRecord[] records) =>
        DeliveryFigures.Of(records.Select(record => ("shop", record)), Monday, Monday.AddDays(7));

    private RolloutRecord Rollout(
        string version,
        int hour,
        double minutes = 1,
        string outcome = RolloutPhase.Succeeded,
        string who = RolloutRecord.Controller,
        double? seenMinutesBefore = null,
        string cv = "myapp",
        string from = ""
    ) =>
        new()
        {
            Id = (++_ids).ToString(System.Globalization.CultureInfo.InvariantCulture),
            CV = cv,
            Kind = "Deployment",
            Name = "web",
            Container = "main",
            FromVersion = from,
            ToVersion = version,
            TagSeen = seenMinutesBefore is { } before ? Monday.AddHours(hour).AddMinutes(-before) : null,
            Started = Monday.AddHours(hour),
            Finished = Monday.AddHours(hour).AddMinutes(minutes),
            Outcome = outcome,
            Who = who,
        };
}
