using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Support;
using CvManager.Workloads;
using Xunit;

namespace CvManager.Unit.Rollouts;

/// <summary>What a wait shows, and what the error recommends when the time is up.</summary>
public sealed class RolloutStateTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("CrashLoopBackOff", "kubectl logs -n shop app-1 --previous")]
    [InlineData("ImagePullBackOff", "image exists")]
    [InlineData("PodsNotScheduled", "kubectl describe pod -n shop app-1")]
    public void A_pod_that_does_not_start_is_in_the_line_and_in_the_error_with_what_to_do(string reason, string remedy)
    {
        var state = Progressing() with
        {
            Workloads = [Deployment(new UnreadyPod("app-1", reason, $"pod app-1: {reason}", IsProblem: true))],
        };

        var error = Error(state);

        Facts.AssertIn(
            state.ToString(),
            "shop/cv",
            "Progressing",
            "1.0.2",
            "Deployment/app",
            "1/2 updated",
            "0/2 ready",
            $"pod app-1: {reason}"
        );
        Facts.AssertIn(error.Message, "600 s", "-Timeout", "Progressing", "RolloutInProgress", "1/2 updated", $"pod app-1: {reason}");
        Assert.Contains(remedy, error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pod_that_only_starts_is_no_reason_but_is_part_of_the_error()
    {
        var state = Progressing() with
        {
            Workloads = [Deployment(new UnreadyPod("app-1", "ContainerCreating", "pod app-1: ContainerCreating", IsProblem: false))],
        };

        Assert.Null(state.Reason);
        Assert.Contains("ContainerCreating", Error(state).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_trouble_is_shown_rather_than_the_back_off_that_follows_it()
    {
        var state = Progressing(entry =>
            entry with
            {
                Trouble = new WorkloadTrouble(TroubleKind.ImagePull, "ErrImagePull: not found"),
            }
        ) with
        {
            Workloads = [Deployment(new UnreadyPod("app-1", "ImagePullBackOff", "back-off", IsProblem: true))],
        };

        Assert.Equal(("ImagePullBackOff in pod app-1", "ErrImagePull: not found"), state.Reason);
    }

    [Fact]
    public void Trouble_that_the_controller_has_recorded_is_the_reason_if_pods_were_not_read()
    {
        var state = Progressing(entry =>
            entry with
            {
                Trouble = new WorkloadTrouble(TroubleKind.Crash, "1 time"),
                Message = "exited with code 3, 3 times",
            }
        );

        Assert.Equal((TroubleKind.Crash, "Deployment/app: exited with code 3, 3 times"), state.Reason);
        Assert.Null((state with { Workloads = [Deployment()] }).Reason);
    }

    [Fact]
    public void A_blocked_workload_is_the_reason()
    {
        var state = Progressing(entry => entry with { BlockedBy = ConditionReasons.WorkloadPaused, Message = "the Deployment is paused" });

        Assert.Equal((ConditionReasons.WorkloadPaused, "Deployment/app: the Deployment is paused"), state.Reason);
        Facts.AssertIn(Error(state).Remedy, "Deployment/app", ConditionReasons.WorkloadPaused);
    }

    [Fact]
    public void A_rollout_whose_deadline_has_passed_has_no_controller()
    {
        var state = Progressing();

        Assert.Contains("Start-CvReconcile cv -Namespace shop", Error(state, Noon.AddMinutes(20)).Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("Start-CvReconcile", Error(state, Noon.AddMinutes(15)).Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tag_that_has_not_moved_is_named()
    {
        RolloutState state = new()
        {
            Resource = Resource(new ContainerVersionStatus { CurrVersion = "1.0.1", CurrStatus = "Success" }),
            Version = "1.0.2",
        };

        var error = Error(state);

        Facts.AssertIn(state.ToString(), "1.0.1", "1.0.2");
        Facts.AssertIn(error.Remedy, "Get-CvRegistryTag registry.test/team/app -Tag demo");
    }

    [Fact]
    public void Several_resources_have_one_error()
    {
        var other = Progressing();
        other = other with { Resource = other.Resource with { Metadata = other.Resource.Metadata with { Name = "other" } } };

        var error = RolloutState.TimedOut([Progressing(), other], TimeSpan.FromMinutes(10), isDefault: false, Noon);

        Facts.AssertIn(error.Message, "shop/cv", "shop/other");
        Assert.Equal("shop/cv", error.Target);
    }

    private static CvException Error(RolloutState state, DateTimeOffset? now = null) =>
        RolloutState.TimedOut([state], TimeSpan.FromMinutes(10), isDefault: false, now ?? Noon);

    private static RolloutState Progressing(Func<WorkloadRolloutStatus, WorkloadRolloutStatus>? change = null)
    {
        WorkloadRolloutStatus entry = new()
        {
            Kind = "Deployment",
            Name = "app",
            Phase = RolloutPhase.Progressing,
        };
        return new RolloutState
        {
            Resource = Resource(
                new ContainerVersionStatus
                {
                    CurrVersion = "1.0.2",
                    CurrStatus = CurrentStatus.Progressing,
                    Rollout = new RolloutStatus
                    {
                        Version = "1.0.2",
                        Phase = RolloutPhase.Progressing,
                        StartedAt = Noon,
                        Deadline = Noon.AddMinutes(15),
                        Workloads = [change?.Invoke(entry) ?? entry],
                    },
                    Conditions = ConditionList.Reconciling(null, ConditionReasons.RolloutInProgress, "rolling out", 5, Noon),
                }
            ),
        };
    }

    private static ContainerVersion Resource(ContainerVersionStatus status) =>
        new()
        {
            Metadata = new ResourceMetadata
            {
                Name = "cv",
                Namespace = "shop",
                Generation = 5,
            },
            Spec = new ContainerVersionSpec { ImageRepo = "registry.test/team/app", Tag = "demo" },
            Status = status with { ObservedGeneration = 5 },
        };

    private static WorkloadState Deployment(params UnreadyPod[] pods) =>
        new()
        {
            Kind = "Deployment",
            Name = "app",
            Desired = 2,
            Updated = 1,
            Ready = 0,
            Pods = pods,
        };
}
