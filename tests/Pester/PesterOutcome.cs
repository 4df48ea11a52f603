namespace CvManager.Pester;

/// <summary>The outcome of one Pester test.</summary>
/// <param name="Name">Its path: Describe, Context and It, with the values of -ForEach.</param>
/// <param name="Result">Passed, Failed, Skipped, Inconclusive or NotRun.</param>
/// <param name="Message">The error and its position; empty if the test passed.</param>
public sealed record PesterOutcome(string Name, string Result, string Message)
{
    public bool Passed => Result == "Passed";

    public bool Ran => Result is "Passed" or "Failed";

    public override string ToString() => Result;
}
