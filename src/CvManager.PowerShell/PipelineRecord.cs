using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>An entry of the queue between the work of a cmdlet and the pipeline thread.</summary>
internal abstract record PipelineRecord
{
    /// <summary>True if the work waits before it adds this record to a full queue.</summary>
    public virtual bool WaitsForCapacity => false;

    /// <summary>True for messages, which are dropped and counted if the queue is full.</summary>
    public virtual bool IsDroppable => false;

    /// <summary>Runs on the pipeline thread. Throws if the consumer or the user stops the pipeline.</summary>
    public abstract void Deliver(PSCmdlet cmdlet);

    /// <summary>Called instead of <see cref="Deliver"/> when the pipeline is closed.</summary>
    public virtual void Discard() { }
}

internal sealed record OutputRecord(object? Value, bool EnumerateCollection) : PipelineRecord
{
    public override bool WaitsForCapacity => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteObject(Value, EnumerateCollection);
}

internal sealed record LineMessage(string Text) : PipelineRecord
{
    public override bool IsDroppable => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteObject(Text);
}

/// <param name="Error">The error.</param>
/// <param name="Annotation">Its line for the log of a CI service; null for none.</param>
internal sealed record FailureRecord(ErrorRecord Error, InformationRecord? Annotation) : PipelineRecord
{
    public override bool WaitsForCapacity => true;

    public override void Deliver(PSCmdlet cmdlet)
    {
        if (Annotation is not null)
            cmdlet.WriteInformation(Annotation);
        cmdlet.WriteError(Error);
    }
}

/// <param name="Text">The warning.</param>
/// <param name="Annotation">Its line for the log of a CI service; null for none.</param>
internal sealed record WarningMessage(string Text, InformationRecord? Annotation) : PipelineRecord
{
    public override bool IsDroppable => true;

    public override void Deliver(PSCmdlet cmdlet)
    {
        if (Annotation is not null)
            cmdlet.WriteInformation(Annotation);
        cmdlet.WriteWarning(Text);
    }
}

internal sealed record VerboseMessage(string Text) : PipelineRecord
{
    public override bool IsDroppable => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteVerbose(Text);
}

internal sealed record DebugMessage(string Text) : PipelineRecord
{
    public override bool IsDroppable => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteDebug(Text);
}

internal sealed record InformationMessage(InformationRecord Information) : PipelineRecord
{
    public override bool IsDroppable => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteInformation(Information);
}

internal sealed record ProgressMessage(ProgressRecord Progress) : PipelineRecord
{
    public override bool IsDroppable => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteProgress(Progress);
}

/// <summary>A function to run on the pipeline thread; the work awaits its result.</summary>
internal sealed record PipelineCall<T>(Func<T> Function) : PipelineRecord
{
    // The work must not continue on the pipeline thread.
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Result => _result.Task;

    public override void Deliver(PSCmdlet cmdlet)
    {
        try
        {
            _result.TrySetResult(Function());
        }
        catch (PipelineStoppedException)
        {
            _result.TrySetCanceled();
            throw;
        }
#pragma warning disable CA1031 // Not swallowed: it is rethrown in the work.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _result.TrySetException(e);
        }
    }

    public override void Discard() => _result.TrySetCanceled();
}

/// <summary>The last record of a hook, with the exception that the hook ended with.</summary>
internal sealed record HookEnded(Exception? Failure) : PipelineRecord
{
    public override void Deliver(PSCmdlet cmdlet) { }
}
