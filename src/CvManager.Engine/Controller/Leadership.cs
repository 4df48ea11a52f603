namespace CvManager.Controller;

/// <summary>
/// The right to act, for as long as it lasts. Thread-safe.
/// </summary>
/// <remarks>
/// It ends before anybody else can get it: by the clock, whatever the network does. The clock is this machine's monotonic one; a
/// virtual machine that was frozen may wake up inside a request that it sent before, which is why changes are compare-and-swap (R3)
/// all the same.
/// </remarks>
internal sealed class Leadership
{
    private readonly TimeProvider _time;
    private long _heldUntil;

    public Leadership(TimeProvider time, long heldUntil, CancellationToken lost)
    {
        _time = time;
        _heldUntil = heldUntil;
        Lost = lost;
    }

    /// <summary>Cancelled when the lease is lost.</summary>
    public CancellationToken Lost { get; }

    /// <summary>True while nobody else can act; for a last look before a change.</summary>
    public bool IsHeld => !Lost.IsCancellationRequested && _time.GetTimestamp() < Interlocked.Read(ref _heldUntil);

    internal void HoldUntil(long timestamp) => Interlocked.Exchange(ref _heldUntil, timestamp);
}
