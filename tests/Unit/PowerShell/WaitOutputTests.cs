using System.Management.Automation;
using CvManager.PowerShell;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Support;
using CvManager.Workloads;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.Unit.PowerShell;

public sealed class WaitOutputTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<ProgressRecord> _progress = [];
    private readonly List<string> _lines = [];

    [Fact]
    public void A_line_has_the_time_phase_pods_and_reason_but_no_control_characters()
    {
        Output(drawsProgress: false).Show(State("back-off\u001b[31m\r\nsecond line"));

        var line = Assert.Single(_lines);
        Facts.AssertIn(line, "shop/cv", "Progressing", "1.0.2", "Deployment/app", "1/2 updated", "0/2 ready", "back-off");
        Assert.DoesNotContain(line, char.IsControl);
        Assert.Matches(@"^\d\d:\d\d:\d\d ", line);
    }

    [Fact]
    public void A_state_is_not_repeated_before_a_minute_has_passed_without_a_line()
    {
        var output = Output(drawsProgress: false);
        output.Show(State("one"));
        output.Show(State("one"));
        Assert.Single(_lines);

        _time.Advance(TimeSpan.FromSeconds(59));
        output.Show(State("one"));
        output.Show(State("two"));
        Assert.Equal(2, _lines.Count);

        _time.Advance(TimeSpan.FromSeconds(59));
        output.Show(State("two"));
        Assert.Equal(2, _lines.Count);

        _time.Advance(TimeSpan.FromSeconds(1));
        output.Show(State("two"));
        output.Show(State("two"));
        Assert.Equal(3, _lines.Count);
        Facts.AssertIn(_lines[2], "1m59s", "two");
        Assert.Empty(_progress);
    }

    [Fact]
    public void A_progress_bar_shows_the_reason_in_its_status_and_is_removed_at_the_end()
    {
        var output = Output(drawsProgress: true);
        output.Show(State("back-off"));
        output.Complete("shop/cv");

        Assert.Equal(["shop/cv", "shop/cv"], _progress.Select(record => record.Activity));
        // The minimal view truncates the end.
        Assert.StartsWith("ImagePullBackOff in pod app-1", _progress[0].StatusDescription, StringComparison.Ordinal);
        Facts.AssertIn(_progress[0].StatusDescription, "Progressing", "1/2 updated", "0/2 ready");
        Assert.Equal(ProgressRecordType.Completed, _progress[1].RecordType);
        Assert.Equal(_progress[0].ActivityId, _progress[1].ActivityId);
        Assert.Empty(_lines);
    }

    [Theory]
    [InlineData(true, "-NonInteractive", "-File", "x.ps1")]
    [InlineData(true, "-nop", "-noni")]
    [InlineData(true, "--noninteractive")]
    [InlineData(false, "-NoProfile", "-NoLogo")]
    [InlineData(false, "-File", "x.ps1", "-NonInteractive")]
    [InlineData(false, "-c", "x", "-noni")]
    [InlineData(false)]
    public void NonInteractive_is_recognized_before_the_script(bool expected, params string[] arguments) =>
        Assert.Equal(expected, WaitOutput.IsNonInteractive(["pwsh.dll", .. arguments]));

    private WaitOutput Output(bool drawsProgress) => new(drawsProgress, _time, _progress.Add, _lines.Add);

    private static RolloutState State(string message) =>
        new()
        {
            Resource = new Resource
            {
                Metadata = new ResourceMetadata
                {
                    Name = "cv",
                    Namespace = "shop",
                    Generation = 1,
                },
                Status = new ContainerVersionStatus
                {
                    ObservedGeneration = 1,
                    Rollout = new RolloutStatus
                    {
                        Version = "1.0.2",
                        Phase = RolloutPhase.Progressing,
                        Workloads = [new WorkloadRolloutStatus { Kind = "Deployment", Name = "app" }],
                    },
                },
            },
            Workloads =
            [
                new WorkloadState
                {
                    Kind = "Deployment",
                    Name = "app",
                    Desired = 2,
                    Updated = 1,
                    Ready = 0,
                    Pods = [new UnreadyPod("app-1", "ImagePullBackOff", $"pod app-1, container main: {message}", IsProblem: true)],
                },
            ],
        };
}
