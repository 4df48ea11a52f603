namespace CvManager.Unit.Scheduling;

/// <summary>Always draws the upper end, so that waiting times are their nominal length.</summary>
internal sealed class WidestJitter : Random
{
    public override double NextDouble() => 1;
}
