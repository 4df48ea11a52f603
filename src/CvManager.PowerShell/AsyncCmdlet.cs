using System.Collections.Concurrent;
using System.Management.Automation;
using Microsoft.Extensions.Logging;

namespace CvManager.PowerShell;

/// <summary>
/// The base of every cmdlet: its work runs on the thread pool, while the pipeline thread delivers what the work writes.
/// </summary>
/// <remarks>
/// <para>
/// To write a cmdlet: derive a sealed class (one file a cmdlet, in the folder of its noun, named <c>&lt;Verb&gt;&lt;Noun&gt;Command</c>),
/// from <c>ClusterCmdlet</c> or <c>NamespacedCmdlet</c> where it needs a cluster; give it <c>[Cmdlet]</c>,
/// <c>[OutputType]</c>, and <c>SupportsShouldProcess</c> where it changes anything; override <see cref="ProcessRecordAsync"/>,
/// and the other two hooks where needed. Add it to <c>CmdletsToExport</c> of module/CvManager.psd1, its output type to
/// module/CvManager.Format.ps1xml, and its parameters to the table of tests/Unit/PowerShell/ParameterSets.txt. Output types are records of our own
/// in this assembly; no type of a dependency is a parameter or an output.
/// </para>
/// <para>
/// In a hook, <c>await</c> <see cref="WriteObjectAsync"/> and <see cref="WriteErrorAsync"/>: a slow consumer makes them wait.
/// Warnings, verbose, debug and progress are never waited for, and may be written from any thread. PSCmdlet's own members that
/// need the pipeline thread (paths, session state, <c>ParameterSetName</c> excepted) are reached by <see cref="OnPipelineAsync{T}"/>.
/// Pass the hook's token to everything: Ctrl-C, a consumer that has enough (<c>Select-Object -First 1</c>), <c>-ErrorAction Stop</c>
/// and <see cref="TimeLimit"/> cancel it, and the cmdlet does not end before its work has (see <see cref="StopLimit"/>).
/// </para>
/// <para>
/// Errors: throw <see cref="CvException"/> from the engine and let it through. Out of <see cref="ProcessRecordAsync"/> and
/// <see cref="EndProcessingAsync"/> it becomes an error record of that item, and the next item goes on; out of
/// <see cref="BeginProcessingAsync"/>, or wrapped by <see cref="Terminating"/>, it ends the pipeline. Where one record stands for
/// several items, catch it and <see cref="WriteErrorAsync"/> it for each.
/// </para>
/// </remarks>
public abstract class AsyncCmdlet : PSCmdlet, IDisposable
{
    /// <summary>How many objects and errors may wait for the pipeline before the work waits for it.</summary>
    private const int QueueCapacity = 512;

    /// <summary>How many messages may: what comes then is dropped, and counted.</summary>
    private const int MessageCapacity = 10_000;

    // One queue for the whole cmdlet: what a background thread writes between two hooks is delivered by the next one.
    private readonly BlockingCollection<PipelineRecord> _queue = new();
    private readonly SemaphoreSlim _room = new(QueueCapacity);
    private readonly CancellationTokenSource _stop = new();
    private CancellationTokenSource? _limit;
    private CancellationTokenSource? _work;
    private CmdletLogger? _logger;
    private bool _isOver;
    private int _messages;
    private long _dropped;
    private bool _yesToAll;
    private bool _noToAll;
    private bool _working;
    private bool _disposed;

    /// <summary>The longest that the cmdlet may take, prompts included; null for no limit. Read once, at the beginning.</summary>
    protected virtual TimeSpan? TimeLimit => null;

    /// <summary>How long a cancelled cmdlet may take to come to its end before it is given up with a warning.</summary>
    protected virtual TimeSpan StopLimit => TimeSpan.FromSeconds(10);

    /// <summary>The engine's log: warnings and errors as warnings, information as verbose, the rest as debug. Thread-safe.</summary>
    protected ILogger Logger => _logger ??= new CmdletLogger(this);

    /// <summary>Once, before the first item. What it throws ends the pipeline.</summary>
    protected virtual Task BeginProcessingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>For each item of the pipeline, or once without one. What it throws is an error of that item.</summary>
    protected virtual Task ProcessRecordAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Once, after the last item.</summary>
    protected virtual Task EndProcessingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Hands an object to the pipeline; waits while the pipeline is far behind.</summary>
    protected async Task WriteObjectAsync(object? value, bool enumerateCollection = false)
    {
        await _room.WaitAsync(_stop.Token);
        Post(new OutputRecord(DisplayText.Of(value), enumerateCollection));
    }

    /// <summary>Hands a line of text to the pipeline without waiting for it: for a log, which must hold up nobody. Thread-safe.</summary>
    protected void WriteLine(string text) => Post(new LineMessage(DisplayText.Of(text)));

    /// <summary>Shows an error that ends the cmdlet in a way of its own; false where PowerShell is to show it. On the pipeline thread.</summary>
    protected virtual bool TryShow(ErrorRecord error) => false;

    /// <summary>Says how many messages were dropped because the pipeline was too far behind. On the pipeline thread.</summary>
    protected virtual void ShowDropped(long count) => base.WriteWarning($"{count} messages were dropped because the pipeline did not read them fast enough.");

    /// <summary>Writes a non-terminating error; waits while the pipeline is far behind.</summary>
    /// <param name="exception">A <see cref="CvException"/> where it can be foreseen.</param>
    /// <param name="target">What it is about, where the exception does not say.</param>
    protected async Task WriteErrorAsync(Exception exception, object? target = null)
    {
        await _room.WaitAsync(_stop.Token);
        Post(new FailureRecord(ErrorRecords.From(exception, target)));
    }

    /// <summary>Thread-safe, as the other messages are.</summary>
    protected new void WriteWarning(string text) => Post(new WarningMessage(DisplayText.Of(text)));

    protected new void WriteVerbose(string text) => Post(new VerboseMessage(DisplayText.Of(text)));

    protected new void WriteDebug(string text) => Post(new DebugMessage(DisplayText.Of(text)));

    protected new void WriteInformation(InformationRecord informationRecord) => Post(new InformationMessage(informationRecord));

    protected new void WriteProgress(ProgressRecord progressRecord)
    {
        ArgumentNullException.ThrowIfNull(progressRecord);
        progressRecord.Activity = DisplayText.Line(progressRecord.Activity);
        progressRecord.StatusDescription = DisplayText.Line(progressRecord.StatusDescription);
        if (progressRecord.CurrentOperation is { } operation)
            progressRecord.CurrentOperation = DisplayText.Line(operation);
        Post(new ProgressMessage(progressRecord));
    }

    /// <summary>Asks whether to go on, as <c>-WhatIf</c> and <c>-Confirm</c> demand.</summary>
    /// <param name="target">What is changed: <c>default/myappcv</c>.</param>
    /// <param name="action">How: <c>Roll out version 1a2b3c</c>.</param>
    protected Task<bool> ShouldProcessAsync(string target, string action) => OnPipelineAsync(() => base.ShouldProcess(DisplayText.Line(target), DisplayText.Line(action)));

    /// <summary>Asks a second time for what cannot be undone; "yes to all" and "no to all" hold for the cmdlet's life.</summary>
    protected Task<bool> ShouldContinueAsync(string query, string caption) =>
        OnPipelineAsync(() => base.ShouldContinue(DisplayText.Of(query), DisplayText.Line(caption), ref _yesToAll, ref _noToAll));

    /// <summary>Runs a function on the pipeline thread: for paths, session state and whatever else only works there.</summary>
    protected async Task<T> OnPipelineAsync<T>(Func<T> function)
    {
        var call = new PipelineCall<T>(function);
        Post(call);
        return await call.Result.WaitAsync(_stop.Token);
    }

    /// <summary>Wraps an error so that it ends the whole pipeline: <c>throw Terminating(error)</c>.</summary>
    protected static Exception Terminating(Exception exception, object? target = null) => new TerminatingException(exception, target);

    protected sealed override void BeginProcessing()
    {
        if (TimeLimit is { } limit)
            _limit = new CancellationTokenSource(limit, TimeProvider.System);
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
        // Work that did not stop still holds the tokens and the queue: those are left to the collector.
        if (_working)
            return;
        _queue.Dispose();
        _room.Dispose();
        _work?.Dispose();
        _limit?.Dispose();
        _stop.Dispose();
    }

    private void Run(Func<CancellationToken, Task> hook, bool terminating)
    {
        if (_isOver)
            return;
        _working = true;
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
            // Not only Ctrl-C: a consumer that has enough, or -ErrorAction Stop, ends Deliver by an exception of its own.
            if (_working)
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
#pragma warning disable CA1031 // It is not swallowed: the pipeline thread reports it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = e;
        }
        Post(new HookEnded(failure));
    }

    /// <summary>Delivers what the work writes, until it ends; returns what it failed with.</summary>
    private Exception? Deliver()
    {
        while (true)
        {
            var record = _queue.Take(_stop.Token);
            if ((record is HookEnded || _queue.Count == 0) && Interlocked.Exchange(ref _dropped, 0) is > 0 and var dropped)
                ShowDropped(dropped);
            if (record is HookEnded ended)
            {
                _working = false;
                return ended.Failure;
            }
            Release(record);
            record.Deliver(this);
        }
    }

    /// <summary>Cancels the work and waits for its end; what it still writes has no reader any more.</summary>
    private void AwaitWork()
    {
        Cancel();
        var started = TimeProvider.System.GetTimestamp();
        var left = StopLimit;
        while (left > TimeSpan.Zero && _queue.TryTake(out var record, left))
        {
            if (record is HookEnded)
            {
                // Whatever it failed with is a consequence of the cancellation, and a stopped pipeline takes no errors.
                _working = false;
                return;
            }
            Release(record);
            record.Discard();
            left = StopLimit - TimeProvider.System.GetElapsedTime(started);
        }
        // The pipeline is closed for warnings by now; the host still takes them.
        Host.UI.WriteWarningLine(
            $"{MyInvocation.MyCommand.Name} was cancelled but did not stop within {StopLimit.TotalSeconds:0.#} s. "
            + "Its current operation may still complete.");
    }

    private void Report(Exception failure, bool terminating)
    {
        if (_stop.IsCancellationRequested && failure is OperationCanceledException)
            throw new PipelineStoppedException();
        if (_limit is { IsCancellationRequested: true } && failure is OperationCanceledException)
        {
            ThrowTerminatingError(ErrorRecords.From(new CvException(
                CmdletErrorIds.OperationTimedOut,
                CvErrorKind.Timeout,
                $"{MyInvocation.MyCommand.Name} did not finish within {TimeLimit!.Value.TotalSeconds:0.###} s (-Timeout).",
                "Increase -Timeout, or find out why the API server or the registry responds slowly.",
                failure)));
        }
        var isWrapped = failure is TerminatingException { InnerException: not null };
        var error = failure is TerminatingException { InnerException: { } inner } wrapped ? ErrorRecords.From(inner, wrapped.About) : ErrorRecords.From(failure);
        if (TryShow(error))
        {
            _isOver = true;
            return;
        }
        if (terminating || isWrapped)
            ThrowTerminatingError(error);
        WriteError(error);
    }

    private void Release(PipelineRecord record)
    {
        if (record.TakesRoom)
            _room.Release();
        if (record.MayBeDropped)
            Interlocked.Decrement(ref _messages);
    }

    private void Post(PipelineRecord record)
    {
        if (record.MayBeDropped && Interlocked.Increment(ref _messages) > MessageCapacity)
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
            // The cmdlet is over: nobody can read it any more.
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
            // StopProcessing comes on a thread of its own, and may come after the end.
        }
    }

    private sealed class TerminatingException(Exception inner, object? about) : Exception(inner.Message, inner)
    {
        public object? About => about;
    }

    private sealed class CmdletLogger(AsyncCmdlet cmdlet) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
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
