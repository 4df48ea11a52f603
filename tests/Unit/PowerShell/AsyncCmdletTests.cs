using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Net.Sockets;
using System.Reflection;
using CvManager.PowerShell;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>The base class of cmdlets, with test cmdlets in the real engine.</summary>
public sealed class AsyncCmdletTests
{
    [Fact]
    public void Queued_messages_are_limited_and_dropped_ones_are_counted()
    {
        using var session = Session();
        using ManualResetEventSlim logged = new();

        // The consumer blocks on the first object until all messages have been written.
        var result = session.Invoke(
            "Write-AsyncFlood -Count 12345 -Logged $logged -Verbose | ForEach-Object { $logged.Wait() }",
            ("logged", logged)
        );

        Assert.Equal(10_000, result.Verbose.Count(message => message == "flood"));
        Assert.Contains("2345", Assert.Single(result.Warnings), StringComparison.Ordinal);
    }

    private static PowerShellSession Session() =>
        new(
            import: false,
            state =>
            {
                foreach (var type in typeof(AsyncCmdletTests).GetNestedTypes(BindingFlags.NonPublic | BindingFlags.Public))
                {
                    if (type.GetCustomAttribute<CmdletAttribute>() is { } cmdlet)
                        state.Commands.Add(new SessionStateCmdletEntry($"{cmdlet.VerbName}-{cmdlet.NounName}", type, null));
                }
            }
        );

    [Fact]
    public void Output_of_all_three_hooks_is_in_order()
    {
        using var session = Session();

        var result = session.Invoke("1..3 | Send-Async -Count 2");

        result.AssertNoErrors();
        Assert.Equal(["begin", "1.0", "1.1", "2.0", "2.1", "3.0", "3.1", "end"], result.Output.Select(o => o.BaseObject));
    }

    [Fact]
    public void Work_runs_on_the_thread_pool()
    {
        using var session = Session();

        var result = session.Invoke("[Environment]::CurrentManagedThreadId; Get-AsyncThread");

        Assert.NotEqual(result.Output[0].BaseObject, result.Output[1].BaseObject);
    }

    [Fact]
    public void Every_stream_is_delivered()
    {
        using var session = Session();

        var result = session.Invoke("$DebugPreference = 'Continue'; Write-AsyncStream -Verbose -InformationVariable info; $info");

        result.AssertNoErrors();
        Assert.Equal(["warned", "logged a warning"], result.Warnings);
        Assert.Equal(["verbose", "logged"], result.Verbose);
        Assert.Equal(["busy"], result.Progress.Select(p => p.Activity));
        Assert.Equal("told", result.Single().BaseObject.ToString());
    }

    [Fact]
    public void A_hundred_thousand_objects_are_delivered()
    {
        using var session = Session();

        var result = session.Invoke("$n = 0; 0 | Send-Async -Count 100000 | ForEach-Object { $n++ }; $n");

        Assert.Equal(100_002, result.Single().BaseObject);
    }

    [Fact]
    public void Work_waits_for_a_slow_consumer()
    {
        using var session = Session();

        // The consumer checks the progress of the producer while it processes the first object.
        var result = session.Invoke(
            "0 | Send-Async -Count 100000 -Counter $c | ForEach-Object { if ($_ -eq 'begin') { return }; [Threading.Thread]::Sleep(200); $c.Value; break }",
            ("c", new Counter())
        );

        Assert.InRange((int)result.Output.Single().BaseObject, 1, 2000);
    }

    [Fact]
    public async Task Stopping_cancels_the_work_and_waits_for_it()
    {
        using var session = Session();
        var witness = new Witness();
        session.Runspace.SessionStateProxy.SetVariable("w", witness);
        using var shell = session.Create("Wait-Async -Witness $w");

        var running = shell.BeginInvoke();
        await witness.Started.Task.WaitAsync(TestContext.Current.CancellationToken);
        shell.Stop();

        Assert.True(witness.Ended);
        Assert.Throws<PipelineStoppedException>(() => shell.EndInvoke(running));
    }

    [Fact]
    public void A_consumer_that_stops_the_pipeline_cancels_the_work()
    {
        using var session = Session();
        var witness = new Witness();

        var result = session.Invoke("Wait-Async -Witness $w | Select-First", ("w", witness));

        result.AssertNoErrors();
        Assert.Equal("first", result.Single().BaseObject);
        Assert.True(witness.Ended);
    }

    [Fact]
    public void ErrorAction_Stop_cancels_the_work()
    {
        using var session = Session();
        var witness = new Witness();

        var result = session.Invoke("Wait-Async -Witness $w -Fail -ErrorAction Stop", ("w", witness));

        Assert.Equal("TagNotFound,CvManager.Unit.PowerShell.AsyncCmdletTests+WaitAsyncCommand", result.Error().FullyQualifiedErrorId);
        Assert.True(witness.Ended);
    }

    [Fact]
    public void Work_that_does_not_stop_is_abandoned_with_a_warning()
    {
        using var session = Session();
        var witness = new Witness();

        var result = session.Invoke("Wait-Async -Witness $w -Stubborn | Select-First", ("w", witness));

        Assert.Equal("first", result.Single().BaseObject);
        Facts.AssertIn(session.Host.Text, "WARNING: ", "Wait-Async", "0.2 s");
        witness.Release.SetResult();
    }

    [Fact]
    public void An_error_of_a_CI_step_ends_the_script_and_can_be_caught()
    {
        using var session = Session();

        var result = session.Invoke("Stop-AsyncScript -ErrorVariable seen; $continued = $true");
        Assert.Equal("TagNotFound,CvManager.Unit.PowerShell.AsyncCmdletTests+StopAsyncScriptCommand", result.Error().FullyQualifiedErrorId);
        Assert.Equal(
            ("Stop-AsyncScript", ErrorCategory.ObjectNotFound),
            (result.Error().CategoryInfo.Activity, result.Error().CategoryInfo.Category)
        );
        Assert.Equal("Push it.", result.Error().ErrorDetails.RecommendedAction);
        Assert.Null(session.Runspace.SessionStateProxy.GetVariable("continued"));

        var caught = session.Invoke("try { Stop-AsyncScript; 'not reached' } catch { $_.FullyQualifiedErrorId }");
        Assert.StartsWith("TagNotFound,", (string)caught.Single().BaseObject, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", new[] { "::warning::careful", "::error title=TagNotFound::No tag.%0APush it." })]
    [InlineData("-ErrorAction SilentlyContinue", new[] { "::warning::careful" })]
    [InlineData("-ErrorAction Stop", new[] { "::warning::careful", "::error title=TagNotFound::No tag.%0APush it." })]
    [InlineData("-WarningAction Ignore", new[] { "::error title=TagNotFound::No tag.%0APush it." })]
    public void An_error_or_warning_that_is_shown_is_annotated_once(string parameters, string[] expected)
    {
        using var session = Session();

        foreach (var error in (string[])["-Written", ""])
        {
            var result = session.Invoke(
                $"$lines = $null; try {{ Write-AsyncAnnotation -CIFormat GitHub {error} {parameters} 3>$null 2>$null -InformationVariable lines 6>$null }} catch {{ }}; $lines"
            );
            Assert.Equal(expected, result.Output.Select(line => line.ToString()));
            Assert.All(result.Output, line => Assert.Equal(["PSHOST"], ((InformationRecord)line.BaseObject).Tags));
        }
    }

    [Theory]
    [InlineData("-Ending")]
    [InlineData("-Ending -ErrorAction SilentlyContinue")]
    public void An_error_that_ends_the_script_is_annotated_once_before_it_does(string parameters)
    {
        using var session = Session();

        var result = session.Invoke(
            $"try {{ Write-AsyncAnnotation -CIFormat AzureDevOps {parameters} 3>$null -InformationVariable lines 6>$null }} catch {{ $_.FullyQualifiedErrorId }}; $lines"
        );

        Assert.StartsWith("TagNotFound,", result.Output[0].ToString(), StringComparison.Ordinal);
        Assert.Equal(
            ["##vso[task.logissue type=warning;]careful", "##vso[task.logissue type=error;code=TagNotFound;]No tag.%0APush it."],
            result.Output.Skip(1).Select(line => line.ToString())
        );
    }

    [Fact]
    public void Nothing_is_annotated_with_None()
    {
        using var session = Session();

        var result = session.Invoke("Write-AsyncAnnotation -CIFormat None -Written 2>$null 3>$null 6>&1");

        Assert.Empty(result.Output);
    }

    [Fact]
    public void Messages_contain_no_commands_to_a_CI_service()
    {
        using var session = Session();
        var log = new CvException("X", CvErrorKind.Failed, "failed:", "##[add-mask]x")
        {
            Details = ["::add-mask::true", "##vso[task.complete]"],
        };

        var error = session.Invoke("Test-AsyncFailure -Exception $e -AtBeginning", ("e", log)).Error();

        Assert.Equal("failed:\n: :add-mask::true\n# #vso[task.complete]", error.ToString());
        Assert.Equal("# #[add-mask]x", error.ErrorDetails.RecommendedAction);
    }

    [Fact]
    public void The_time_limit_ends_the_cmdlet()
    {
        using var session = Session();
        var witness = new Witness();

        var result = session.Invoke("Wait-Async -Witness $w -Timeout 0.1", ("w", witness));

        var error = result.Error();
        Assert.Equal("OperationTimedOut,CvManager.Unit.PowerShell.AsyncCmdletTests+WaitAsyncCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.OperationTimeout, error.CategoryInfo.Category);
        Facts.AssertIn(error.ToString(), "Wait-Async", "0.1 s", "-Timeout");
    }

    [Theory]
    [InlineData(CvErrorKind.NotFound, ErrorCategory.ObjectNotFound)]
    [InlineData(CvErrorKind.Unauthenticated, ErrorCategory.AuthenticationError)]
    [InlineData(CvErrorKind.Forbidden, ErrorCategory.PermissionDenied)]
    [InlineData(CvErrorKind.Conflict, ErrorCategory.ResourceExists)]
    [InlineData(CvErrorKind.Invalid, ErrorCategory.InvalidData)]
    [InlineData(CvErrorKind.LimitExceeded, ErrorCategory.LimitsExceeded)]
    [InlineData(CvErrorKind.Timeout, ErrorCategory.OperationTimeout)]
    [InlineData(CvErrorKind.Unavailable, ErrorCategory.ConnectionError)]
    [InlineData(CvErrorKind.NotSupported, ErrorCategory.NotImplemented)]
    [InlineData(CvErrorKind.Failed, ErrorCategory.InvalidResult)]
    public void A_known_error_is_an_error_record_for_its_item(CvErrorKind kind, ErrorCategory category)
    {
        using var session = Session();

        var result = session.Invoke(
            "1..2 | Test-AsyncFailure -Exception $e",
            ("e", new CvException("TagNotFound", kind, "No tag 'x'.", "Push it.") { Target = "repo:x" })
        );

        Assert.Null(result.Terminating);
        Assert.Equal(2, result.Errors.Count);
        var error = result.Errors[1];
        Assert.Equal("TagNotFound,CvManager.Unit.PowerShell.AsyncCmdletTests+TestAsyncFailureCommand", error.FullyQualifiedErrorId);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.Equal("repo:x", error.TargetObject);
        Assert.Equal("No tag 'x'.", error.ToString());
        Assert.Equal("Push it.", error.ErrorDetails.RecommendedAction);
        Assert.Equal(["end"], result.Output.Select(o => o.BaseObject));
    }

    [Fact]
    public void An_unexpected_error_keeps_its_exception()
    {
        using var session = Session();
        var defect = new InvalidOperationException("boom");

        var error = session.Invoke("1 | Test-AsyncFailure -Exception $e", ("e", defect)).Error();

        Assert.StartsWith("UnexpectedError,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Same(defect, error.Exception);
    }

    [Fact]
    public void An_error_in_BeginProcessing_or_a_wrapped_one_stops_the_pipeline()
    {
        using var session = Session();
        var failure = new CvException("NoCluster", CvErrorKind.Unavailable, "No cluster.", "Start it.");

        foreach (var parameter in (string[])["-AtBeginning", "-Wrap"])
        {
            var result = session.Invoke("1..2 | Test-AsyncFailure -Exception $e " + parameter, ("e", failure));
            Assert.StartsWith("NoCluster,", result.Error().FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Empty(result.Output);
        }
    }

    [Fact]
    public void WhatIf_changes_nothing()
    {
        using var session = Session();

        Assert.False((bool)session.Invoke("Set-Async -WhatIf").Single().BaseObject);
        Assert.Equal("What if: Performing the operation \"Turn it\" on target \"the thing\".\n", session.Host.Text);
    }

    [Theory]
    [InlineData("&Yes", true)]
    [InlineData("&No", false)]
    public void Confirm_waits_for_the_answer(string answer, bool expected)
    {
        using var session = Session();
        session.Host.Answer = _ => answer;

        Assert.Equal(expected, session.Invoke("Set-Async -Confirm").Single().BaseObject);
    }

    [Fact]
    public void Yes_to_all_is_asked_once()
    {
        using var session = Session();
        var asked = 0;
        session.Host.Answer = _ =>
        {
            asked++;
            return "Yes to &All";
        };

        var result = session.Invoke("1..3 | Set-Async -Confirm");

        Assert.Equal([true, true, true], result.Output.Select(o => o.BaseObject));
        Assert.Equal(1, asked);
    }

    [Fact]
    public void A_session_that_cannot_prompt_gets_one_error_that_names_Confirm()
    {
        using var session = Session();

        var result = session.Invoke("1..3 | Set-Async -Confirm");

        Assert.Empty(result.Output);
        var error = result.Error();
        Assert.Equal("ConfirmationRequired,CvManager.Unit.PowerShell.AsyncCmdletTests+SetAsyncCommand", error.FullyQualifiedErrorId);
        Assert.Equal("the thing", error.TargetObject);
        Assert.Contains("-Confirm:$false", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal(3, session.Invoke("1..3 | Set-Async -Confirm:$false").AssertNoErrors().Output.Count);
    }

    public static TheoryData<Exception, string> EnvironmentErrors =>
        new()
        {
            { new IOException("No space left on device"), "FileAccessFailed" },
            { new PathTooLongException(), "FileAccessFailed" },
            { new UnauthorizedAccessException(), "FileAccessFailed" },
            { new AggregateException(new UnauthorizedAccessException()), "FileAccessFailed" },
            { new HttpRequestException("refused"), "NetworkFailed" },
            { new SocketException(), "NetworkFailed" },
            { new InsufficientMemoryException(), "SystemResourcesExhausted" },
            { new FileNotFoundException(null, "AWSSDK.SSO, Version=4.0.0.0, Culture=neutral"), "ModuleDamaged" },
            { new MissingMethodException(), "ModuleDamaged" },
            { new TypeInitializationException("X", new FileLoadException()), "ModuleDamaged" },
            { new PSArgumentException("Bad"), "Argument" },
            { new ItemNotFoundException("No path"), "SessionStateException" },
        };

    [Theory]
    [MemberData(nameof(EnvironmentErrors))]
    public void An_error_of_the_environment_or_of_PowerShell_is_not_called_a_bug(Exception exception, string errorId)
    {
        using var session = Session();

        var error = session.Invoke("1 | Test-AsyncFailure -Exception $e", ("e", exception)).Error();

        Assert.Equal(errorId, error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.DoesNotContain("bug", $"{error.ErrorDetails?.RecommendedAction}", StringComparison.Ordinal);
    }

    public sealed class Counter
    {
        private int _value;

        public int Value
        {
            get => Volatile.Read(ref _value);
            set => Volatile.Write(ref _value, value);
        }
    }

    public sealed class Witness
    {
        public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private volatile bool _ended;

        public bool Ended
        {
            get => _ended;
            set => _ended = value;
        }
    }

    [Cmdlet(VerbsCommunications.Send, "Async")]
    public sealed class SendAsyncCommand : AsyncCmdlet
    {
        [Parameter(ValueFromPipeline = true)]
        public int Item { get; set; }

        [Parameter]
        public int Count { get; set; }

        [Parameter]
        public Counter Counter { get; set; } = new();

        protected override Task BeginProcessingAsync(CancellationToken cancellationToken) => WriteObjectAsync("begin");

        protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
        {
            for (var i = 0; i < Count; i++)
            {
                await WriteObjectAsync($"{Item}.{i}");
                Counter.Value = i + 1;
            }
        }

        protected override Task EndProcessingAsync(CancellationToken cancellationToken) => WriteObjectAsync("end");
    }

    [Cmdlet(VerbsCommon.Get, "AsyncThread")]
    public sealed class GetAsyncThreadCommand : AsyncCmdlet
    {
        protected override Task ProcessRecordAsync(CancellationToken cancellationToken) =>
            WriteObjectAsync(Environment.CurrentManagedThreadId);
    }

    [Cmdlet(VerbsCommunications.Write, "AsyncStream")]
    public sealed class WriteAsyncStreamCommand : AsyncCmdlet
    {
        protected override Task ProcessRecordAsync(CancellationToken cancellationToken)
        {
            WriteWarning("warned");
            WriteVerbose("verbose");
            WriteDebug("debugged");
            WriteInformation(new InformationRecord("told", "here"));
            WriteProgress(new ProgressRecord(1, "busy", "still"));
#pragma warning disable CA1848, CA2254 // Not a hot path.
            Microsoft.Extensions.Logging.LoggerExtensions.LogInformation(Logger, "logged");
            Microsoft.Extensions.Logging.LoggerExtensions.LogWarning(Logger, "logged a warning");
#pragma warning restore CA1848, CA2254
            return Task.CompletedTask;
        }
    }

    [Cmdlet(VerbsCommunications.Write, "AsyncFlood")]
    public sealed class WriteAsyncFloodCommand : AsyncCmdlet
    {
        [Parameter]
        public int Count { get; set; }

        [Parameter]
        public ManualResetEventSlim Logged { get; set; } = null!;

        protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
        {
            await WriteObjectAsync("first");
            for (var i = 0; i < Count; i++)
                WriteVerbose("flood");
            Logged.Set();
        }
    }

    [Cmdlet(VerbsLifecycle.Wait, "Async")]
    public sealed class WaitAsyncCommand : AsyncCmdlet
    {
        [Parameter(Mandatory = true)]
        public Witness Witness { get; set; } = new();

        [Parameter]
        public SwitchParameter Fail { get; set; }

        [Parameter]
        public SwitchParameter Stubborn { get; set; }

        [Parameter]
        [TimeSpanTransformation]
        public TimeSpan? Timeout { get; set; }

        protected override TimeSpan? TimeLimit => Timeout;

        protected override TimeSpan StopLimit => Stubborn ? TimeSpan.FromMilliseconds(200) : base.StopLimit;

        protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
        {
            Witness.Started.SetResult();
            await WriteObjectAsync("first");
            if (Fail)
                await WriteErrorAsync(new CvException("TagNotFound", CvErrorKind.NotFound, "No tag.", "Push it."));
            try
            {
                if (Stubborn)
                    await Witness.Release.Task;
                await Task.Delay(System.Threading.Timeout.Infinite, cancellationToken);
            }
            finally
            {
                // Long enough to detect a cmdlet that does not wait for its work.
                await Task.Delay(50, CancellationToken.None);
                Witness.Ended = true;
            }
        }
    }

    [Cmdlet(VerbsCommunications.Write, "AsyncAnnotation")]
    public sealed class WriteAsyncAnnotationCommand : AsyncCmdlet, IAnnotatesCILog
    {
        [Parameter]
        public CIFormat CIFormat { get; set; }

        [Parameter]
        public SwitchParameter Written { get; set; }

        [Parameter]
        public SwitchParameter Ending { get; set; }

        protected override bool ErrorsEndScript => Ending;

        protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
        {
            WriteWarning("careful");
            CvException error = new("TagNotFound", CvErrorKind.NotFound, "No tag.", "Push it.");
            if (!Written)
                throw error;
            await WriteErrorAsync(error);
        }
    }

    [Cmdlet(VerbsLifecycle.Stop, "AsyncScript")]
    public sealed class StopAsyncScriptCommand : AsyncCmdlet
    {
        protected override bool ErrorsEndScript => true;

        protected override Task ProcessRecordAsync(CancellationToken cancellationToken) =>
            throw new CvException("TagNotFound", CvErrorKind.NotFound, "No tag.", "Push it.");
    }

    [Cmdlet(VerbsDiagnostic.Test, "AsyncFailure")]
    public sealed class TestAsyncFailureCommand : AsyncCmdlet
    {
        [Parameter(ValueFromPipeline = true)]
        public int Item { get; set; }

        [Parameter(Mandatory = true)]
        public Exception Exception { get; set; } = new InvalidOperationException();

        [Parameter]
        public SwitchParameter AtBeginning { get; set; }

        [Parameter]
        public SwitchParameter Wrap { get; set; }

        protected override Task BeginProcessingAsync(CancellationToken cancellationToken) =>
            AtBeginning ? throw Exception : Task.CompletedTask;

        protected override Task ProcessRecordAsync(CancellationToken cancellationToken) =>
            throw (Wrap ? Terminating(Exception) : Exception);

        protected override Task EndProcessingAsync(CancellationToken cancellationToken) => WriteObjectAsync("end");
    }

    [Cmdlet(VerbsCommon.Set, "Async", SupportsShouldProcess = true)]
    public sealed class SetAsyncCommand : AsyncCmdlet
    {
        [Parameter(ValueFromPipeline = true)]
        public int Item { get; set; }

        protected override async Task ProcessRecordAsync(CancellationToken cancellationToken) =>
            await WriteObjectAsync(await ShouldProcessAsync("the thing", "Turn it"));
    }

    /// <summary>Stops the upstream cmdlets like Select-Object -First 1, without stopping the whole pipeline.</summary>
    [Cmdlet(VerbsCommon.Select, "First")]
    public sealed class SelectFirstCommand : PSCmdlet
    {
        [Parameter(ValueFromPipeline = true)]
        public PSObject? InputObject { get; set; }

        protected override void ProcessRecord()
        {
            WriteObject(InputObject);
            var type = typeof(PSCmdlet).Assembly.GetType("System.Management.Automation.StopUpstreamCommandsException", throwOnError: true)!;
            throw (Exception)Activator.CreateInstance(type, this)!;
        }
    }
}
