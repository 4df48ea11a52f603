using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Support;
using CvManager.Workloads;
using Xunit;

namespace CvManager.Unit.Workloads;

/// <summary>Evidence from pods (R6): faults of the version, and those of something else.</summary>
public sealed class PodEvidenceTests
{
    private const string Ended = "terminated: {exitCode: 3, reason: Error}";
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    // A kubelet shows a crash as state.terminated for seconds, and only then as CrashLoopBackOff.
    [InlineData("{name: main, restartCount: 0, state: {" + Ended + "}}", TroubleKind.Crash, false, "3", "1")]
    [InlineData(
        "{name: main, restartCount: 2, state: {" + Ended + "}, lastState: {" + Ended + "}}",
        TroubleKind.Crash,
        true,
        "3",
        "3 times"
    )]
    [InlineData(
        "{name: main, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {" + Ended + "}}",
        TroubleKind.Crash,
        true,
        "3 times"
    )]
    [InlineData(
        "{name: main, restartCount: 4, state: {terminated: {exitCode: 137, reason: OOMKilled}}}",
        TroubleKind.Crash,
        true,
        "137",
        "OOMKilled"
    )]
    [InlineData("{name: main, restartCount: 3, state: {terminated: {exitCode: 0, reason: Completed}}}", TroubleKind.Crash, true, "0")]
    [InlineData(
        "{name: main, state: {waiting: {reason: ErrImagePull, message: not found}}}",
        TroubleKind.ImagePull,
        false,
        "ErrImagePull",
        "not found"
    )]
    [InlineData("{name: main, state: {waiting: {reason: ImagePullBackOff}}}", TroubleKind.ImagePull, true, "ImagePullBackOff")]
    [InlineData(
        "{name: main, state: {waiting: {reason: CreateContainerConfigError, message: secret not found}}}",
        TroubleKind.Configuration,
        false,
        "secret not found"
    )]
    public void The_status_of_a_container_shows_its_trouble(string status, string kind, bool decisive, params string[] facts)
    {
        foreach (var list in (string[])["containerStatuses", "initContainerStatuses"])
        {
            if (list[0] == 'i' && facts is ["0"])
                continue; // an init container that ends well has done its work
            var trouble = PodEvidence.FindTrouble(Json($"{{metadata: {{name: p}}, spec: {{}}, status: {{{list}: [{status}]}}}}"))!;

            Assert.Equal((kind, decisive), (trouble.Kind, trouble.IsDecisive));
            Facts.AssertIn(trouble.Message, facts);
            Assert.Equal(kind == TroubleKind.Crash ? new PodContainer("p", "", "main", HasStarted: true) : null, trouble.Container);
        }
    }

    [Theory]
    [InlineData("{}", "{name: main, restartCount: 2, state: {running: {}}, lastState: {" + Ended + "}}")]
    [InlineData("{}", "{name: main, restartCount: 0, state: {waiting: {reason: ContainerCreating}}}")]
    [InlineData("{restartPolicy: Never}", "{name: main, restartCount: 0, state: {terminated: {exitCode: 0}}}")]
    [InlineData("{restartPolicy: OnFailure}", "{name: main, restartCount: 0, state: {terminated: {exitCode: 0}}}")]
    public void A_container_that_runs_is_starting_or_has_completed_is_not_trouble(string spec, string status) =>
        Assert.Null(PodEvidence.FindTrouble(Json($"{{metadata: {{name: p}}, spec: {spec}, status: {{containerStatuses: [{status}]}}}}")));

    [Fact]
    public void The_termination_message_is_shown_truncated_and_without_control_characters()
    {
        var told = PodEvidence
            .FindTrouble(
                Json(
                    "{metadata: {name: p}, spec: {}, status: {containerStatuses: [{name: main, state: {terminated: {exitCode: 1, message: \"\\e[31mno "
                        + new string('x', 5000)
                        + "\"}}}]}}"
                )
            )!
            .Message;

        Assert.DoesNotContain('\u001b', told);
        Assert.True(told.Length < 1000);
    }

    [Fact]
    public void Restarts_of_the_former_image_are_not_counted()
    {
        var pod = Json(
            "{metadata: {name: p}, spec: {}, status: {containerStatuses: [{name: main, restartCount: 6, state: {" + Ended + "}}]}}"
        );

        Assert.True(PodEvidence.FindTrouble(pod)!.IsDecisive);
        Assert.False(PodEvidence.FindTrouble(pod, restartsBefore: 5)!.IsDecisive);
    }

    [Theory]
    [InlineData(
        "{}",
        "{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: '0/2 nodes are available'}]}",
        ConditionReasons.PodsNotScheduled
    )]
    [InlineData(
        "{nodeName: n}",
        "{conditions: [{type: PodScheduled, status: 'True', lastTransitionTime: '2026-01-01T11:59:00Z'}]}",
        ConditionReasons.NodeNotReady
    )]
    [InlineData("{nodeName: n}", "{conditions: [{type: PodScheduled, status: 'True', lastTransitionTime: '2026-01-01T11:59:55Z'}]}", null)]
    [InlineData(
        "{nodeName: n}",
        "{startTime: '2026-01-01T11:00:00Z', conditions: [{type: Ready, status: 'False'}, {type: ContainersReady, status: 'True'}]}",
        ConditionReasons.NodeNotReady
    )]
    [InlineData(
        "{nodeName: n}",
        "{startTime: '2026-01-01T11:00:00Z', conditions: [{type: Ready, status: 'False', reason: ContainersNotReady}, {type: ContainersReady, status: 'False', reason: ContainersNotReady}]}",
        null
    )]
    [InlineData(
        "{nodeName: n}",
        "{startTime: '2026-01-01T11:00:00Z', conditions: [{type: Ready, status: 'False', reason: ReadinessGatesNotReady}, {type: ContainersReady, status: 'True'}]}",
        null
    )]
    public void A_blockage_that_is_not_the_fault_of_the_image_has_a_reason(string spec, string status, string? reason) =>
        Assert.Equal(reason, PodEvidence.FindBlockage(Json($"{{metadata: {{name: p}}, spec: {spec}, status: {status}}}"), Now)?.By);

    [Theory]
    [InlineData("2026-01-01T11:59:00Z", ConditionReasons.PodsTerminating)]
    [InlineData("2026-01-01T11:59:50Z", null)]
    [InlineData("2026-01-01T12:00:30Z", null)]
    public void A_pod_that_still_exists_long_after_its_grace_period_is_stuck(string deleted, string? reason) =>
        Assert.Equal(
            reason,
            PodEvidence
                .FindStuckDeletion(Json($"{{metadata: {{name: p, deletionTimestamp: '{deleted}'}}, spec: {{nodeName: n}}}}"), Now)
                ?.By
        );

    [Theory]
    [InlineData(
        "[{name: main, state: {waiting: {reason: ImagePullBackOff, message: no such image}}}]",
        "ImagePullBackOff",
        true,
        "no such image"
    )]
    [InlineData(
        "[{name: main, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {" + Ended + "}}]",
        "CrashLoopBackOff",
        true,
        "CrashLoopBackOff",
        "code 3",
        "3 times"
    )]
    [InlineData("[{name: main, restartCount: 0, state: {" + Ended + "}}]", "Error", true, "code 3")]
    [InlineData("[{name: main, state: {waiting: {reason: ContainerCreating}}}]", "ContainerCreating", false, "ContainerCreating")]
    [InlineData("[{name: main, ready: false, state: {running: {}}}]", "NotReady", false, "container main", "not ready")]
    [InlineData(
        "[{name: side, ready: true, state: {running: {}}}, {name: main, ready: false, restartCount: 1, state: {running: {}}, lastState: {"
            + Ended
            + "}}]",
        "NotReady",
        false,
        "container main",
        "1 restart,",
        "code 3"
    )]
    public void A_pod_that_is_not_ready_is_described(string containers, string reason, bool isProblem, params string[] facts)
    {
        var pod = Json($"{{metadata: {{name: p}}, spec: {{}}, status: {{phase: Running, containerStatuses: {containers}}}}}");

        var described = PodEvidence.DescribeUnready(pod, Now)!;

        Assert.Equal(("p", reason, isProblem), (described.Name, described.Reason, described.IsProblem));
        Facts.AssertIn(described.Message, [.. facts, "pod p"]);
    }

    [Fact]
    public void A_ready_pod_is_not_described_and_an_unscheduled_one_says_why()
    {
        Assert.Null(
            PodEvidence.DescribeUnready(Json("{metadata: {name: p}, spec: {}, status: {conditions: [{type: Ready, status: 'True'}]}}"), Now)
        );

        var described = PodEvidence.DescribeUnready(
            Json(
                "{metadata: {name: p}, spec: {}, status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', "
                    + "reason: Unschedulable, message: Insufficient cpu}]}}"
            ),
            Now
        )!;
        Assert.Equal((ConditionReasons.PodsNotScheduled, true), (described.Reason, described.IsProblem));
        Facts.AssertIn(described.Message, "pod p", "Insufficient cpu");
    }

    [Fact]
    public void A_pod_whose_readiness_gate_is_not_met_is_described_by_its_condition()
    {
        var described = PodEvidence.DescribeUnready(
            Json(
                "{metadata: {name: p}, spec: {}, status: {phase: Running, containerStatuses: [{name: main, ready: true, state: {running: {}}}], conditions: "
                    + "[{type: ContainersReady, status: 'True'}, {type: Ready, status: 'False', reason: ReadinessGatesNotReady, message: 'gate acme/lb is not True'}]}}"
            ),
            Now
        )!;

        Assert.Equal(("NotReady", false), (described.Reason, described.IsProblem));
        Facts.AssertIn(described.Message, "pod p", "gate acme/lb is not True");
    }

    [Theory]
    [InlineData("containerStatuses: [{name: main, ready: false, state: {running: {}}}]", "main", true)]
    [InlineData("containerStatuses: [{name: main, ready: false, state: {waiting: {reason: ContainerCreating}}}]", "main", false)]
    [InlineData(
        "initContainerStatuses: [{name: done, ready: true, state: {terminated: {exitCode: 0}}}, {name: migrate, ready: false, state: {running: {}}}], "
            + "containerStatuses: [{name: main, ready: false, state: {waiting: {reason: PodInitializing}}}]",
        "migrate",
        true
    )]
    public void The_container_that_keeps_a_pod_from_being_ready_is_found(string statuses, string container, bool hasStarted)
    {
        var trouble = PodEvidence.FindUnready(Json($"{{metadata: {{name: p, uid: u}}, spec: {{}}, status: {{{statuses}}}}}"), Now)!;

        Assert.Equal((TroubleKind.NotReady, false), (trouble.Kind, trouble.IsDecisive));
        Assert.Equal(new PodContainer("p", "u", container, hasStarted), trouble.Container);
        Assert.Contains($"container {container}", trouble.Message, StringComparison.Ordinal);
    }

    private static JsonObject Json(string yaml) => YamlDocuments.Read(yaml).Single().AsObject();
}
