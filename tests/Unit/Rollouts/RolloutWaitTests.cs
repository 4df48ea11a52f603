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
    [InlineData("1.0.2", true)]
    [InlineData("1.0.3", false)]
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
        Assert.False(RolloutWait.IsDone(Resource(Ready() with { Rollout = new RolloutStatus { Phase = phase } }), "1.0.2"));
        Assert.False(RolloutWait.IsDone(Resource(Failed("1.0.2") with { Rollout = new RolloutStatus { Phase = phase } }), "1.0.2"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("1.0.2")]
    public void A_rollout_that_failed_is_an_error_with_its_reason(string? version)
    {
        var error = Assert.Throws<CvException>(() => RolloutWait.IsDone(Resource(Failed("1.0.2")), version));

        Assert.Equal((ConditionReasons.RolloutFailed, CvErrorKind.Failed, "shop/cv"), (error.ErrorId, error.Kind, error.Target));
        Facts.AssertIn(error.Message, "1.0.2", "it crashes");
    }

    [Fact]
    public void The_failure_of_another_version_is_ignored() => Assert.False(RolloutWait.IsDone(Resource(Failed("1.0.1")), "1.0.3"));

    [Fact]
    public void A_failure_whose_quarantine_was_lifted_is_waited_for() =>
        Assert.False(RolloutWait.IsDone(Resource(Failed("1.0.2") with { Quarantined = null }), "1.0.2"));

    [Theory]
    [InlineData(ConditionReasons.TagNotFound, true)]
    [InlineData(ConditionReasons.WorkloadNotFound, false)]
    public void A_missing_tag_is_waited_for_but_a_missing_workload_is_an_error(string reason, bool waits)
    {
        var resource = Resource(Ready() with { Conditions = ConditionList.Stalled(null, reason, "no", 5, Noon) });

        Assert.Equal(reason, Assert.Throws<CvException>(() => RolloutWait.IsDone(resource, null)).ErrorId);
        if (waits)
            Assert.False(RolloutWait.IsDone(resource, "1.0.3"));
        else
            Assert.Equal(reason, Assert.Throws<CvException>(() => RolloutWait.IsDone(resource, "1.0.3")).ErrorId);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_suspended_resource_is_refused_at_once_unless_it_is_on_the_version(bool observed)
    {
        var resource = Resource(Ready() with { ObservedGeneration = observed ? 5 : 4 });
        resource = resource with
        {
            Spec = resource.Spec with { Suspend = true },
            Metadata = resource.Metadata with
            {
                Annotations = new Dictionary<string, string> { [Hold.ByAnnotation] = "sam", [Hold.ReasonAnnotation] = "freeze" },
            },
        };

        Assert.True(RolloutWait.IsDone(resource, "1.0.2"));
        foreach (var version in (string?[])["1.0.3", null])
        {
            var error = Assert.Throws<CvException>(() => RolloutWait.IsDone(resource, version));
            Assert.Equal("RolloutHeld", error.ErrorId);
            Facts.AssertIn(error.Message, "shop/cv", "sam", "freeze");
            Assert.Contains("Resume-ContainerVersion cv -Namespace shop", error.Remedy, StringComparison.Ordinal);
        }

        Assert.Equal("RolloutHeld", Assert.Throws<CvException>(() => RolloutWait.IsDone(resource with { Status = null }, null)).ErrorId);
    }

    [Theory]
    [InlineData("1.0.3", "1.0.2", true)]
    [InlineData("1.0.3", "1.0.3", false)]
    [InlineData("1.0.3", null, false)]
    public void A_pin_refuses_another_version_before_a_controller_has_seen_it(string pin, string? version, bool refused)
    {
        var resource = Resource(Ready() with { ObservedGeneration = 4 });
        resource = resource with { Spec = resource.Spec with { PinVersion = pin } };

        if (refused)
            Assert.Equal("RolloutHeld", Assert.Throws<CvException>(() => RolloutWait.IsDone(resource, version)).ErrorId);
        else
            Assert.False(RolloutWait.IsDone(resource, version));
    }

    [Fact]
    public void An_invalid_specification_is_refused_before_a_controller_has_seen_it()
    {
        var resource = Resource(null);
        resource = resource with { Spec = resource.Spec with { PollIntervalSeconds = 1 } };

        var error = Assert.Throws<CvException>(() => RolloutWait.IsDone(resource, null));

        Assert.Equal((ConditionReasons.InvalidSpec, CvErrorKind.Invalid), (error.ErrorId, error.Kind));
        Assert.Contains("pollIntervalSeconds", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("demo", true)]
    [InlineData("1234567", true)]
    [InlineData("abc1234", false)]
    [InlineData("1.0.3", false)]
    [InlineData("sha256:1234", false)]
    public void A_version_that_no_tag_can_have_is_refused(string version, bool refused)
    {
        foreach (var status in (ContainerVersionStatus?[])[null, Ready()])
        {
            if (refused)
                Assert.Equal("RolloutNotPossible", Assert.Throws<CvException>(() => RolloutWait.IsDone(Resource(status), version)).ErrorId);
            else
                Assert.False(RolloutWait.IsDone(Resource(status), version));
        }
    }

    [Fact]
    public void A_version_is_checked_against_the_syntax_of_the_resource_unless_it_is_pinned()
    {
        var resource = Resource(null);
        resource = resource with { Spec = resource.Spec with { VersionSyntax = "build-[0-9]+" } };

        Assert.False(RolloutWait.IsDone(resource, "build-7"));
        Assert.Equal("RolloutNotPossible", Assert.Throws<CvException>(() => RolloutWait.IsDone(resource, "1.0.2")).ErrorId);
        Assert.False(RolloutWait.IsDone(resource with { Spec = resource.Spec with { PinVersion = "1.0.2" } }, "1.0.2"));
    }

    [Fact]
    public void A_quarantined_version_is_refused_before_a_controller_has_seen_another_change()
    {
        var status = Failed("1.0.2") with
        {
            ObservedGeneration = 4,
            Latest = new LatestVersion { Tag = "demo", Version = "1.0.2" },
        };

        Assert.Equal("RolloutFailed", Assert.Throws<CvException>(() => RolloutWait.IsDone(Resource(status), "1.0.2")).ErrorId);
        // Another tag may have another image with that version.
        Assert.False(RolloutWait.IsDone(Resource(status with { Latest = new LatestVersion { Tag = "prod" } }), "1.0.2"));
    }

    [Fact]
    public void A_resource_that_is_being_deleted_is_refused()
    {
        var resource = Resource(Ready());

        Assert.Equal(
            "ContainerVersionNotFound",
            Assert
                .Throws<CvException>(() =>
                    RolloutWait.IsDone(resource with { Metadata = resource.Metadata with { DeletionTimestamp = Noon } }, null)
                )
                .ErrorId
        );
    }

    [Fact]
    public void A_failure_contains_the_whole_message_of_the_rollout_with_the_lines_of_the_log()
    {
        var status = Failed("1.0.2");
        status = status with
        {
            Rollout = status.Rollout! with
            {
                Message = $"Deployment/app: {new string('x', 1500)}; end of the container log:\nfirst\n  last",
            },
        };

        var error = Assert.Throws<CvException>(() => RolloutWait.IsDone(Resource(status), "1.0.2"));

        Assert.Equal(["first", "  last"], error.Details);
        Assert.EndsWith("end of the container log:\nfirst\n  last", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_default_time_limit_covers_poll_gates_rollout_and_rollback()
    {
        ContainerVersionSpec spec = new()
        {
            PollIntervalSeconds = 100,
            TimeoutSeconds = 1000,
            Container = new ContainerSpec { Verify = [new VerifySpec { TimeoutSeconds = 10 }] },
            Strategy = new StrategySpec
            {
                Verify = [new VerifySpec { TimeoutSeconds = 1 }],
                PostVerify = [new VerifySpec { TimeoutSeconds = 1 }],
                BlueGreen = new BlueGreenSpec { ScaleDownDelaySeconds = 30 },
            },
        };

        Assert.Equal(TimeSpan.FromSeconds(60 + 100 + 12 + 2000 + 30), RolloutWait.DefaultLimit(spec));
        Assert.Equal(
            TimeSpan.FromSeconds(60 + 100 + 12 + 1000 + 30),
            RolloutWait.DefaultLimit(spec with { Rollback = new RollbackSpec { Enabled = false } })
        );
    }

    [Fact]
    public void The_default_time_limit_of_the_longest_specification_is_one_that_a_timer_takes()
    {
        VerifySpec[] gates = [.. Enumerable.Repeat(new VerifySpec { TimeoutSeconds = 86400 }, 16)];
        ContainerVersionSpec spec = new()
        {
            PollIntervalSeconds = 86400,
            TimeoutSeconds = 86400,
            Container = new ContainerSpec { Verify = gates },
            Strategy = new StrategySpec { Verify = gates, PostVerify = gates },
        };

        using CancellationTokenSource timer = new(RolloutWait.DefaultLimit(spec));

        Assert.False(timer.IsCancellationRequested);
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
            Spec = new ContainerVersionSpec
            {
                ImageRepo = "registry.test/team/app",
                Tag = "demo",
                Selector = new Dictionary<string, string> { [ContainerVersion.SelectorKey] = "app" },
                Container = new ContainerSpec { Name = "main" },
            },
            Status = status,
        };

    private static ContainerVersionStatus Ready() =>
        new()
        {
            ObservedGeneration = 5,
            CurrVersion = "1.0.2",
            CurrStatus = CurrentStatus.Success,
            SuccessVersion = "1.0.2",
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
