using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>What a cmdlet's work asks of the pipeline thread, in the order in which it asks.</summary>
internal abstract record PipelineRecord
{
    /// <summary>True for records that the work waits to place when the queue is full.</summary>
    public virtual bool TakesRoom => false;

    /// <summary>True for messages that nobody waits for: they are dropped, and counted, where the pipeline is far behind.</summary>
    public virtual bool MayBeDropped => false;

    /// <summary>Runs on the pipeline thread. May throw: the consumer has enough, or the pipeline is being stopped.</summary>
    public abstract void Deliver(PSCmdlet cmdlet);

    /// <summary>Called instead of <see cref="Deliver"/> when the pipeline is closed.</summary>
    public virtual void Discard()
    {
    }
}

internal sealed record OutputRecord(object? Value, bool EnumerateCollection) : PipelineRecord
{
    public override bool TakesRoom => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteObject(Value, EnumerateCollection);
}

internal sealed record LineMessage(string Text) : PipelineRecord
{
    public override bool MayBeDropped => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteObject(Text);
}

internal sealed record FailureRecord(ErrorRecord Error) : PipelineRecord
{
    public override bool TakesRoom => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteError(Error);
}

internal sealed record WarningMessage(string Text) : PipelineRecord
{
    public override bool MayBeDropped => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteWarning(Text);
}

internal sealed record VerboseMessage(string Text) : PipelineRecord
{
    public override bool MayBeDropped => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteVerbose(Text);
}

internal sealed record DebugMessage(string Text) : PipelineRecord
{
    public override bool MayBeDropped => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteDebug(Text);
}

internal sealed record InformationMessage(InformationRecord Information) : PipelineRecord
{
    public override bool MayBeDropped => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteInformation(Information);
}

internal sealed record ProgressMessage(ProgressRecord Progress) : PipelineRecord
{
    public override bool MayBeDropped => true;

    public override void Deliver(PSCmdlet cmdlet) => cmdlet.WriteProgress(Progress);
}

/// <summary>A question whose answer the work awaits.</summary>
internal sealed record PipelineCall<T>(Func<T> Function) : PipelineRecord
{
    // The work must not go on inside the pipeline thread.
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
#pragma warning disable CA1031 // It is not swallowed: the work gets it, and what the work does not handle is reported.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _result.TrySetException(e);
        }
    }

    public override void Discard() => _result.TrySetCanceled();
}

/// <summary>The last record of a hook.</summary>
internal sealed record HookEnded(Exception? Failure) : PipelineRecord
{
    public override void Deliver(PSCmdlet cmdlet)
    {
    }
}
