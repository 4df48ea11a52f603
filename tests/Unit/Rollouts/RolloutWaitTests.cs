using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit.Rollouts;

public sealed class RolloutWaitTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(null, true)]
    [InlineData("v2", true)]
    [InlineData("v3", false)]
    public void Ready_ends_the_wait_unless_it_is_for_another_version(string? version, bool done) =>
        Assert.Equal(done, RolloutWait.IsDone(Resource(Ready()), version));

    [Fact]
    public void A_generation_that_the_controller_has_not_observed_is_waited_for()
    {
        Assert.False(RolloutWait.IsDone(Resource(null), null));
        Assert.False(RolloutWait.IsDone(Resource(Ready() with { ObservedGeneration = 4 }), null));
    }

    [Theory]
    [InlineData(RolloutPhase.Progressing)]
    [InlineData(RolloutPhase.RollingBack)]
    public void A_rollout_in_progress_is_waited_for_whatever_the_conditions_are(string phase)
    {
        Assert.False(RolloutWait.IsDone(Resource(Ready() with { Rollout = new RolloutStatus { Phase = phase } }), "v2"));
        Assert.False(RolloutWait.IsDone(Resource(Failed("v2") with { Rollout = new RolloutStatus { Phase = phase } }), "v2"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("v2")]
    public void A_rollout_that_failed_is_an_error_with_its_reason(string? version)
    {
        var error = Assert.Throws<CvException>(() => RolloutWait.IsDone(Resource(Failed("v2")), version));

        Assert.Equal((ConditionReasons.RolloutFailed, CvErrorKind.Failed, "shop/cv"), (error.ErrorId, error.Kind, error.Target));
        Facts.AssertIn(error.Message, "v2", "it crashes");
    }

    [Fact]
    public void The_failure_of_another_version_is_ignored() => Assert.False(RolloutWait.IsDone(Resource(Failed("v1")), "v3"));

    [Fact]
    public void A_failure_whose_quarantine_was_lifted_is_waited_for() =>
        Assert.False(RolloutWait.IsDone(Resource(Failed("v2") with { Quarantined = null }), "v2"));

    [Theory]
    [InlineData(ConditionReasons.TagNotFound, true)]
    [InlineData(ConditionReasons.WorkloadNotFound, false)]
    public void A_missing_tag_is_waited_for_but_a_missing_workload_is_an_error(string reason, bool waits)
    {
        var resource = Resource(Ready() with { Conditions = ConditionList.Stalled(null, reason, "no", 5, Noon) });

        Assert.Equal(reason, Assert.Throws<CvException>(() => RolloutWait.IsDone(resource, null)).ErrorId);
        if (waits)
            Assert.False(RolloutWait.IsDone(resource, "v3"));
        else
            Assert.Equal(reason, Assert.Throws<CvException>(() => RolloutWait.IsDone(resource, "v3")).ErrorId);
    }

    [Fact]
    public void A_suspended_resource_can_only_be_waited_for_on_its_current_version()
    {
        var resource = Resource(Ready()) with { Spec = new ContainerVersionSpec { Suspend = true } };

        Assert.True(RolloutWait.IsDone(resource, "v2"));
        Assert.Equal("RolloutHeld", Assert.Throws<CvException>(() => RolloutWait.IsDone(resource, "v3")).ErrorId);
    }

    private static ContainerVersion Resource(ContainerVersionStatus? status) =>
        new()
        {
            Metadata = new ResourceMetadata
            {
                Name = "cv",
                Namespace = "shop",
                Generation = 5,
            },
            Status = status,
        };

    private static ContainerVersionStatus Ready() =>
        new()
        {
            ObservedGeneration = 5,
            CurrVersion = "v2",
            CurrStatus = CurrentStatus.Success,
            SuccessVersion = "v2",
            Conditions = ConditionList.Ready(null, ConditionReasons.UpToDate, "fine", 5, Noon),
        };

    private static ContainerVersionStatus Failed(string version) =>
        new()
        {
            ObservedGeneration = 5,
            CurrVersion = version,
            CurrStatus = CurrentStatus.Failed,
            Rollout = new RolloutStatus { Version = version, Phase = RolloutPhase.RolledBack },
            Quarantined = [new QuarantinedDigest { Version = version, Digest = "sha256:1" }],
            Conditions = ConditionList.Stalled(null, ConditionReasons.RolloutFailed, $"Version {version} failed: it crashes", 5, Noon),
        };
}
