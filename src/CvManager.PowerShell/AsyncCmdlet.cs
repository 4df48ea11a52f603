using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using Microsoft.Extensions.Logging;

namespace CvManager.PowerShell;

/// <summary>
/// The base class of all cmdlets. The work runs on the thread pool; the pipeline thread delivers the output of the work.
/// </summary>
/// <remarks>
/// <para>
/// To write a cmdlet: derive a sealed class named <c>&lt;Verb&gt;&lt;Noun&gt;Command</c>, in its own file in the folder of its noun. If it
/// needs a cluster, derive it from <c>ClusterCmdlet</c> or <c>NamespacedCmdlet</c>. Add <c>[Cmdlet]</c> and <c>[OutputType]</c>, and
/// <c>SupportsShouldProcess</c> if it changes anything. Override <see cref="ProcessRecordAsync"/>, and the other two hooks if needed. Add
/// the cmdlet to <c>CmdletsToExport</c> in module/CvManager/CvManager.psd1, its output type to CvManager.Format.ps1xml in that folder, and
/// its parameters to tests/Unit/PowerShell/ParameterSets.txt. Output types are sealed classes in the assembly of the cmdlet, with
/// text, numbers, booleans, local times, <see cref="Listed{T}"/> and <see cref="Labels"/> as properties; no parameter or
/// output has the type of a dependency.
/// </para>
/// <para>
/// In a hook, <c>await</c> <see cref="WriteObjectAsync"/> and <see cref="WriteErrorAsync"/>: they wait if the consumer is slow.
/// Warning, verbose, debug and progress messages never wait, and can be written from any thread. Use <see cref="OnPipelineAsync{T}"/> to
/// call members of PSCmdlet that need the pipeline thread (paths and session state, but not <c>ParameterSetName</c>). Pass the token of the
/// hook to every call. It is cancelled by Ctrl-C, by a consumer that stops the pipeline (<c>Select-Object -First 1</c>), by
/// <c>-ErrorAction Stop</c>, and by <see cref="TimeLimit"/>. The cmdlet waits for its work to end (see <see cref="StopLimit"/>).
/// </para>
/// <para>
/// Errors: let the <see cref="CvException"/> of the engine propagate. If <see cref="ProcessRecordAsync"/> or
/// <see cref="EndProcessingAsync"/> throws it, it becomes a non-terminating error, and the next item is processed. If
/// <see cref="BeginProcessingAsync"/> throws it, or if it is wrapped by <see cref="Terminating"/>, it stops the pipeline. If one input
/// object selects several items, catch the exception for each item and pass it to <see cref="WriteErrorAsync"/>.
/// </para>
/// <para>
/// A cmdlet for the steps of a CI pipeline implements <see cref="IAnnotatesCILog"/>: each error and warning is then also written as a line that
/// the CI service shows as an annotation, to the information stream like Write-Host, just before it is reported. Errors and warnings that
/// -ErrorAction or -WarningAction hides are not; an error that ends the cmdlet always is.
/// </para>
/// </remarks>
public abstract class AsyncCmdlet : PSCmdlet, IDisposable
{
    /// <summary>The number of queued objects and errors at which the work waits for the pipeline.</summary>
    private const int QueueCapacity = 512;

    /// <summary>The maximum number of queued messages. Further messages are dropped and counted.</summary>
    private const int MessageCapacity = 10_000;

    /// <summary>The longest time that a timer of .NET takes, 49.7 days. A longer time limit ends there.</summary>
    private static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    // One queue for the life of the cmdlet: output that a background thread writes between two hooks is delivered by the next hook.
    private readonly BlockingCollection<PipelineRecord> _queue = new();
    private readonly SemaphoreSlim _capacity = new(QueueCapacity);
    private readonly CancellationTokenSource _stop = new();
    private CancellationTokenSource? _limit;
    private CancellationTokenSource? _work;
    private CmdletLogger? _logger;
    private LogCommands? _logCommands;
    private bool _annotatesErrors;
    private bool _annotatesWarnings;
    private bool _showsDebug;
    private bool _showsVerboseAsDebug;
    private bool _hasEnded;
    private int _messages;
    private long _dropped;
    private bool _isWorking;
    private bool _disposed;

    /// <summary>The maximum duration of the cmdlet, including prompts; null for no limit. Read once, at the start.</summary>
    protected virtual TimeSpan? TimeLimit => null;

    /// <summary>
    /// True if an error ends the whole script, like <c>throw</c>: for the steps of a CI pipeline, which must not continue, and must make
    /// <c>pwsh -File</c> return 1. A terminating error alone ends only its statement. Errors of <see cref="WriteErrorAsync"/> end nothing.
    /// </summary>
    protected virtual bool ErrorsEndScript => false;

    /// <summary>How long to wait for a cancelled cmdlet to stop. After that, the cmdlet returns with a warning.</summary>
    protected virtual TimeSpan StopLimit => TimeSpan.FromSeconds(10);

    /// <summary>
    /// The log of the engine. Errors and warnings become warnings, information becomes verbose, the rest debug, which is enabled only if it is
    /// shown. Thread-safe.
    /// </summary>
    protected ILogger Logger => _logger ??= new CmdletLogger(this);

    /// <summary>The error if the cmdlet did not finish within <see cref="TimeLimit"/>. Called on the pipeline thread.</summary>
    private protected virtual CvException TimedOut(TimeSpan limit, Exception cancellation) =>
        new(
            CmdletErrorIds.OperationTimedOut,
            CvErrorKind.Timeout,
            $"{MyInvocation.MyCommand.Name} did not finish within {limit.TotalSeconds:0.###} s (-Timeout).",
            "Increase -Timeout, or find out why the API server or the registry responds slowly.",
            cancellation
        );

    /// <summary>Called once, before the first item. An exception stops the pipeline.</summary>
    protected virtual Task BeginProcessingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Called for each item of the pipeline, or once if there is no pipeline input. An exception becomes an error for that item.
    /// </summary>
    protected virtual Task ProcessRecordAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Called once, after the last item.</summary>
    protected virtual Task EndProcessingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Writes an object to the pipeline. Waits while the queue is full.</summary>
    protected async Task WriteObjectAsync(object? value, bool enumerateCollection = false)
    {
        await _capacity.WaitAsync(_stop.Token);
        Post(new OutputRecord(DisplayText.Of(value, GetType().Assembly), enumerateCollection));
    }

    /// <summary>Writes a line of text to the pipeline without waiting, for logs. Dropped if the queue is full. Thread-safe.</summary>
    protected void WriteLine(string text) => Post(new LineMessage(DisplayText.Message(text)));

    /// <summary>Reports an error that ends the cmdlet; returns false to let PowerShell report it. Called on the pipeline thread.</summary>
    protected virtual bool TryReport(ErrorRecord error) => false;

    /// <summary>Reports how many messages were dropped because the queue was full. Called on the pipeline thread.</summary>
    protected virtual void ReportDropped(long count) =>
        base.WriteWarning($"Dropped {Counted.Of(count, "message")} because the pipeline did not read them fast enough.");

    /// <summary>Writes a non-terminating error. Waits while the queue is full.</summary>
    /// <param name="exception">A <see cref="CvException"/>, or an unexpected exception.</param>
    /// <param name="target">The target object, used if the exception has none.</param>
    protected Task WriteErrorAsync(Exception exception, object? target = null) => WriteErrorAtAsync(exception, target, null);

    /// <summary>The same for an error in a file.</summary>
    /// <param name="exception">A <see cref="CvException"/>, or an unexpected exception.</param>
    /// <param name="target">The target object, used if the exception has none.</param>
    /// <param name="place">Where the error is in a file, for its annotation.</param>
    private protected async Task WriteErrorAtAsync(Exception exception, object? target, SourcePlace? place)
    {
        await _capacity.WaitAsync(_stop.Token);
        var error = ErrorRecords.From(exception, target);
        Post(new FailureRecord(error, _annotatesErrors ? Annotation(error, place) : null));
    }

    /// <summary>Writes an annotation of a problem that is output, not an error. Thread-safe.</summary>
    private protected void AnnotateProblem(string code, string text, SourcePlace? place)
    {
        if (_logCommands is not null)
            Post(new InformationMessage(HostLine(_logCommands.Error(code, text, place))));
    }

    /// <summary>Does work whose lines the log of a CI service folds under a title.</summary>
    private protected async Task InGroupAsync(string title, Func<Task> work)
    {
        if (_logCommands is null)
        {
            await work();
            return;
        }

        Post(new InformationMessage(HostLine(_logCommands.BeginGroup(title))));
        try
        {
            await work();
        }
        finally
        {
            Post(new InformationMessage(HostLine(_logCommands.EndGroup)));
        }
    }

    /// <summary>Thread-safe, like the methods for the other kinds of messages.</summary>
    protected new void WriteWarning(string text) =>
        Post(
            new WarningMessage(
                DisplayText.Message(text),
                _logCommands is not null && _annotatesWarnings ? HostLine(_logCommands.Warning(text)) : null
            )
        );

    /// <remarks>With -Debug and without -Verbose, PowerShell would ask for confirmation after each verbose message.</remarks>
    protected new void WriteVerbose(string text) =>
        Post(_showsVerboseAsDebug ? new DebugMessage(DisplayText.Message(text)) : new VerboseMessage(DisplayText.Message(text)));

    protected new void WriteDebug(string text) => Post(new DebugMessage(DisplayText.Message(text)));

    protected new void WriteInformation(InformationRecord informationRecord) => Post(new InformationMessage(informationRecord));

    /// <summary>
    /// Shows a line to the person who watches, at a prompt and in the log of a CI step, like Write-Host: it goes to the information stream, not
    /// to the output. Never waits. Thread-safe.
    /// </summary>
    protected void WriteStatusLine(string text) => Post(new InformationMessage(HostLine(DisplayText.Message(DisplayText.Line(text)))));

    private InformationRecord HostLine(string line)
    {
        InformationRecord record = new(new HostInformationMessage { Message = line }, GetType().Name);
        record.Tags.Add("PSHOST");
        return record;
    }

    private InformationRecord? Annotation(ErrorRecord error, SourcePlace? place = null) =>
        _logCommands is null
            ? null
            : HostLine(
                _logCommands.Error(
                    error.FullyQualifiedErrorId.Split(',')[0],
                    error.ErrorDetails?.RecommendedAction is { Length: > 0 } remedy ? $"{error}\n{remedy}" : error.ToString(),
                    place
                )
            );

    protected new void WriteProgress(ProgressRecord progressRecord)
    {
        ArgumentNullException.ThrowIfNull(progressRecord);
        progressRecord.Activity = DisplayText.Message(DisplayText.Line(progressRecord.Activity));
        progressRecord.StatusDescription = DisplayText.Message(DisplayText.Line(progressRecord.StatusDescription));
        if (progressRecord.CurrentOperation is { } operation)
            progressRecord.CurrentOperation = DisplayText.Message(DisplayText.Line(operation));
        Post(new ProgressMessage(progressRecord));
    }

    /// <summary>Creates the output of a wait: a progress bar, or lines where none is drawn.</summary>
    private protected async Task<WaitOutput> CreateWaitOutputAsync() =>
        new(
            await OnPipelineAsync(() => WaitOutput.DrawsProgress(Host, GetVariableValue("ProgressPreference"))),
            TimeProvider.System,
            WriteProgress,
            WriteStatusLine
        );

    /// <summary>Returns whether to make a change, according to <c>-WhatIf</c> and <c>-Confirm</c>.</summary>
    /// <param name="target">The object to change, for example <c>default/myappcv</c>.</param>
    /// <param name="action">The change, for example <c>Roll out version 1a2b3c</c>.</param>
    /// <exception cref="Exception">Stops the pipeline with <c>ConfirmationRequired</c>: the session cannot ask for confirmation.</exception>
    protected Task<bool> ShouldProcessAsync(string target, string action) =>
        OnPipelineAsync(() =>
        {
            try
            {
                return base.ShouldProcess(DisplayText.Line(target), DisplayText.Line(action));
            }
            // Hosts that cannot prompt throw many types: of -NonInteractive, of a job, and even NullReferenceException if standard input ends.
            catch (Exception e) when (e is not (PipelineStoppedException or ActionPreferenceStopException))
            {
                throw Terminating(
                    new CvException(
                        CmdletErrorIds.ConfirmationRequired,
                        CvErrorKind.NotSupported,
                        $"Could not ask for confirmation, because this session cannot prompt: {action} on {target}.",
                        "To do it without confirmation, add -Confirm:$false. To be asked, run the command in an interactive session.",
                        e
                    )
                    {
                        Target = target,
                    }
                );
            }
        });

    /// <summary>Runs a function on the pipeline thread, for paths, session state, and other members that need that thread.</summary>
    protected async Task<T> OnPipelineAsync<T>(Func<T> function)
    {
        var call = new PipelineCall<T>(function);
        Post(call);
        return await call.Result.WaitAsync(_stop.Token);
    }

    /// <summary>Returns the path of a file or folder, which need not exist. Call it on the pipeline thread.</summary>
    /// <exception cref="CvException"><c>PathInvalid</c>: the path contains a null character, which no file system allows.</exception>
    protected new string GetUnresolvedProviderPathFromPSPath(string path) =>
        path.Contains('\0', StringComparison.Ordinal)
            ? throw new CvException(
                CmdletErrorIds.PathInvalid,
                CvErrorKind.Invalid,
                $"The path '{DisplayText.Line(path)}' contains a null character.",
                "Remove it from the path."
            )
            : base.GetUnresolvedProviderPathFromPSPath(path);

    /// <summary>Wraps an exception so that it stops the pipeline: <c>throw Terminating(error)</c>.</summary>
    protected static Exception Terminating(Exception exception, object? target = null) => new TerminatingException(exception, target);

    protected sealed override void BeginProcessing()
    {
        _showsDebug = ShowsDebug();
        _showsVerboseAsDebug = MyInvocation.BoundParameters.ContainsKey("Debug") && !MyInvocation.BoundParameters.ContainsKey("Verbose");
        if (this is IAnnotatesCILog annotated)
        {
            _logCommands = LogCommands.Of(annotated.CIFormat, Environment.GetEnvironmentVariable);
            _annotatesErrors = IsShown("ErrorAction", "ErrorActionPreference");
            _annotatesWarnings = IsShown("WarningAction", "WarningPreference");
        }
        if (TimeLimit is { } limit)
            _limit = new CancellationTokenSource(limit < LongestTimer ? limit : LongestTimer, TimeProvider.System);
        _work = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, _limit?.Token ?? CancellationToken.None);
        Run(BeginProcessingAsync, terminating: true);
    }

    protected sealed override void ProcessRecord() => Run(ProcessRecordAsync, terminating: false);

    protected sealed override void EndProcessing() => Run(EndProcessingAsync, terminating: false);

    protected sealed override void StopProcessing() => Cancel();

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (!disposing || _disposed)
            return;
        _disposed = true;
        Cancel();
        _queue.CompleteAdding();
        // Work that did not stop still uses the tokens and the queue; the garbage collector reclaims them.
        if (_isWorking)
            return;
        _queue.Dispose();
        _capacity.Dispose();
        _work?.Dispose();
        _limit?.Dispose();
        _stop.Dispose();
    }

    private bool ShowsDebug() =>
        MyInvocation.BoundParameters.TryGetValue("Debug", out var value)
            ? LanguagePrimitives.IsTrue(value)
            : IsShown("", "DebugPreference");

    /// <summary>Whether a common parameter or else a preference variable shows messages of a kind.</summary>
    private bool IsShown(string parameter, string variable) =>
        LanguagePrimitives.TryConvertTo(
            MyInvocation.BoundParameters.TryGetValue(parameter, out var bound) ? bound : GetVariableValue(variable),
            out ActionPreference preference
        ) && preference is not (ActionPreference.SilentlyContinue or ActionPreference.Ignore);

    private void Run(Func<CancellationToken, Task> hook, bool terminating)
    {
        if (_hasEnded)
            return;
        _isWorking = true;
        _ = Task.Run(() => RunHookAsync(hook, _work!.Token), CancellationToken.None);
        Exception? failure;
        try
        {
            failure = Deliver();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        finally
        {
            // Deliver also throws if a consumer stops the pipeline, or because of -ErrorAction Stop.
            if (_isWorking)
                AwaitWork();
        }
        if (failure is not null)
            Report(failure, terminating);
    }

    private async Task RunHookAsync(Func<CancellationToken, Task> hook, CancellationToken cancellationToken)
    {
        Exception? failure = null;
        try
        {
            await hook(cancellationToken);
        }
#pragma warning disable CA1031 // Not swallowed: the pipeline thread reports it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = e;
        }
        Post(new HookEnded(failure));
    }

    /// <summary>Delivers the output of the work until the work ends. Returns the exception that the work ended with, or null.</summary>
    private Exception? Deliver()
    {
        while (true)
        {
            var record = _queue.Take(_stop.Token);
            if ((record is HookEnded || _queue.Count == 0) && Interlocked.Exchange(ref _dropped, 0) is > 0 and var dropped)
                ReportDropped(dropped);
            if (record is HookEnded ended)
            {
                _isWorking = false;
                return ended.Failure;
            }
            Release(record);
            record.Deliver(this);
        }
    }

    /// <summary>Cancels the work and waits for its end. Further output is discarded.</summary>
    private void AwaitWork()
    {
        Cancel();
        var started = TimeProvider.System.GetTimestamp();
        var remaining = StopLimit;
        while (remaining > TimeSpan.Zero && _queue.TryTake(out var record, remaining))
        {
            if (record is HookEnded)
            {
                // An exception here is a result of the cancellation, and a stopped pipeline does not accept errors.
                _isWorking = false;
                return;
            }
            Release(record);
            record.Discard();
            remaining = StopLimit - TimeProvider.System.GetElapsedTime(started);
        }
        // A stopped pipeline does not accept warnings, but the host does.
        Host.UI.WriteWarningLine(
            $"{MyInvocation.MyCommand.Name} was cancelled but did not stop within {StopLimit.TotalSeconds:0.#} s. "
                + "Its current operation may still complete."
        );
    }

    private void Report(Exception failure, bool terminating)
    {
        if (_stop.IsCancellationRequested && failure is OperationCanceledException)
            throw new PipelineStoppedException();
        if (_limit is { IsCancellationRequested: true } && failure is OperationCanceledException)
        {
            var timedOut = ErrorRecords.From(TimedOut(TimeLimit!.Value, failure));
            if (Annotation(timedOut) is { } line)
                base.WriteInformation(line);
            End(timedOut);
        }
        var isWrapped = failure is TerminatingException { InnerException: not null };
        var error = failure is TerminatingException { InnerException: { } inner } wrapped
            ? ErrorRecords.From(inner, wrapped.Target)
            : ErrorRecords.From(failure);
        if (TryReport(error))
        {
            _hasEnded = true;
            return;
        }
        var ends = terminating || isWrapped || ErrorsEndScript;
        if ((ends || _annotatesErrors) && Annotation(error) is { } annotation)
            base.WriteInformation(annotation);
        if (ends)
            End(error);
        WriteError(error);
    }

    /// <summary>Ends the cmdlet with an error. Never returns.</summary>
    [DoesNotReturn]
    private void End(ErrorRecord error)
    {
        if (!ErrorsEndScript)
            ThrowTerminatingError(error);
        // PowerShell completes the error of ThrowTerminatingError, but not that of a throw statement.
        ErrorRecord own = new(
            error.Exception,
            $"{error.FullyQualifiedErrorId},{GetType().FullName}",
            error.CategoryInfo.Category,
            error.TargetObject
        )
        {
            ErrorDetails = error.ErrorDetails,
        };
        own.CategoryInfo.Activity = MyInvocation.MyCommand.Name;
        throw new RuntimeException(error.ToString(), error.Exception, own) { WasThrownFromThrowStatement = true };
    }

    private void Release(PipelineRecord record)
    {
        if (record.WaitsForCapacity)
            _capacity.Release();
        if (record.IsDroppable)
            Interlocked.Decrement(ref _messages);
    }

    private void Post(PipelineRecord record)
    {
        if (record.IsDroppable && Interlocked.Increment(ref _messages) > MessageCapacity)
        {
            Interlocked.Decrement(ref _messages);
            Interlocked.Increment(ref _dropped);
            return;
        }

        try
        {
            _queue.Add(record);
        }
        catch (InvalidOperationException)
        {
            // The cmdlet has ended.
            record.Discard();
        }
    }

    private void Cancel()
    {
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // StopProcessing is called on another thread, possibly after the cmdlet has ended.
        }
    }

    private sealed class TerminatingException(Exception inner, object? target) : Exception(inner.Message, inner)
    {
        public object? Target => target;
    }

    private sealed class CmdletLogger(AsyncCmdlet cmdlet) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None && (logLevel >= LogLevel.Information || cmdlet._showsDebug);

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (!IsEnabled(logLevel))
                return;
            var text = formatter(state, exception);
            if (logLevel >= LogLevel.Warning)
                cmdlet.WriteWarning(text);
            else if (logLevel == LogLevel.Information)
                cmdlet.WriteVerbose(text);
            else
                cmdlet.WriteDebug(text);
        }
    }
}
