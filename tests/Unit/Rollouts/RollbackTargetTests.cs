using CvManager.Records;
using CvManager.Resources;
using CvManager.Rollouts;
using Xunit;

namespace CvManager.Unit.Rollouts;

public sealed class RollbackTargetTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_target_is_the_last_success_before_the_current_version() =>
        Assert.Equal("v2", RollbackTarget.Previous(Resource("v3"), History("v1", "v2", "v3")));

    [Fact]
    public void Failed_versions_are_skipped() => Assert.Equal("v1", RollbackTarget.Previous(Resource("v3"), History("v1", "v2!", "v3")));

    [Fact]
    public void The_current_version_is_never_the_target_even_if_it_was_rolled_out_twice() =>
        Assert.Equal("v1", RollbackTarget.Previous(Resource("v2"), History("v1", "v2", "v2")));

    [Fact]
    public void A_second_rollback_goes_back_further() =>
        Assert.Equal("v1", RollbackTarget.Previous(Resource("v2"), History("v1", "v2", "v3", "v2 by sam")));

    [Fact]
    public void The_current_version_after_a_rolled_back_failure_is_the_one_that_runs()
    {
        var resource = Resource("v3", CurrentStatus.Failed, "v2", RolloutPhase.RolledBack);

        Assert.Equal("v2", RollbackTarget.Present(resource));
        Assert.Equal("v1", RollbackTarget.Previous(resource, History("v1", "v2", "v3!")));
    }

    [Fact]
    public void A_failure_that_was_not_rolled_back_goes_back_to_the_last_success() =>
        Assert.Equal(
            "v2",
            RollbackTarget.Previous(Resource("v3", CurrentStatus.Failed, "v2", RolloutPhase.Failed), History("v1", "v2", "v3!"))
        );

    [Fact]
    public void The_status_is_used_if_there_is_no_history() =>
        Assert.Equal("v2", RollbackTarget.Previous(Resource("v3", CurrentStatus.Progressing, "v2", RolloutPhase.Progressing), []));

    [Fact]
    public void The_oldest_record_shows_the_version_before_it() =>
        Assert.Equal("v0", RollbackTarget.Previous(Resource("v1"), [Record("v1") with { FromVersion = "v0" }]));

    [Theory]
    [InlineData("demo")]
    [InlineData("latest")]
    [InlineData("")]
    [InlineData("v1")]
    public void A_history_without_a_target_fails_with_RollbackTargetNotFound(string from)
    {
        var error = Assert.Throws<CvException>(() => RollbackTarget.Previous(Resource("v1"), [Record("v1") with { FromVersion = from }]));

        Assert.Equal("RollbackTargetNotFound", error.ErrorId);
        Assert.Contains("Get-CvRolloutHistory cv -Namespace shop", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_must_exist_and_be_a_success()
    {
        var history = History("v1", "v2!");

        Assert.Equal("v1", RollbackTarget.OfRecord(Resource("v1"), history, "0"));
        Assert.Equal(
            "RolloutRecordNotSuccessful",
            Assert.Throws<CvException>(() => RollbackTarget.OfRecord(Resource("v1"), history, "1")).ErrorId
        );
        Assert.Equal(
            "RolloutRecordNotFound",
            Assert.Throws<CvException>(() => RollbackTarget.OfRecord(Resource("v1"), history, "7")).ErrorId
        );
    }

    [Fact]
    public void A_quarantined_version_is_rejected()
    {
        var resource = Resource("v2") with
        {
            Status = new ContainerVersionStatus
            {
                Quarantined =
                [
                    new QuarantinedDigest
                    {
                        Digest = "sha256:1",
                        Version = "v1",
                        Reason = "it crashes",
                        At = Noon,
                    },
                ],
            },
        };

        Assert.Equal(
            "VersionQuarantined",
            Assert.Throws<CvException>(() => RollbackTarget.ThrowIfQuarantined(resource, "v1", "sha256:1")).ErrorId
        );
        RollbackTarget.ThrowIfQuarantined(resource, "v0", "sha256:0");
    }

    private static ContainerVersion Resource(
        string version,
        string status = CurrentStatus.Success,
        string? success = null,
        string phase = RolloutPhase.Succeeded
    ) =>
        new()
        {
            Metadata = new ResourceMetadata { Name = "cv", Namespace = "shop" },
            Spec = new ContainerVersionSpec { Tag = "demo" },
            Status = new ContainerVersionStatus
            {
                CurrVersion = version,
                CurrStatus = status,
                SuccessVersion = success ?? version,
                Rollout = new RolloutStatus { Phase = phase },
            },
        };

    /// <summary>Oldest first: <c>v1!</c> failed, <c>v1 by sam</c> was requested by a user.</summary>
    private static IReadOnlyList<RolloutRecord> History(params string[] versions) =>
        [
            .. versions
                .Select(
                    (text, i) =>
                        Record(text.TrimEnd('!').Split(' ')[0]) with
                        {
                            Id = $"{i}",
                            Finished = Noon.AddMinutes(i),
                            Outcome = text.EndsWith('!') ? RolloutPhase.RolledBack : RolloutPhase.Succeeded,
                            Who = text.EndsWith(" by sam", StringComparison.Ordinal) ? "sam" : "controller",
                        }
                )
                .Reverse(),
        ];

    private static RolloutRecord Record(string version) =>
        new()
        {
            Id = "0",
            CV = "cv",
            Kind = "Deployment",
            Name = "app",
            Container = "main",
            ToVersion = version,
            Outcome = RolloutPhase.Succeeded,
        };
}
