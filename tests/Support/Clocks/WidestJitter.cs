namespace CvManager.Support.Clocks;

/// <summary>Always returns the upper end, so that delays have their nominal length.</summary>
internal sealed class WidestJitter : Random
{
    public override double NextDouble() => 1;
}
