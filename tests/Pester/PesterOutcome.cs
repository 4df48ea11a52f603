namespace CvManager.Pester;

/// <summary>What became of one Pester test.</summary>
/// <param name="Name">Its path: Describe, Context and It, with the values of -ForEach.</param>
/// <param name="Result">Pester's word: Passed, Failed, Skipped, Inconclusive or NotRun.</param>
/// <param name="Message">What it failed with, and where; empty where it passed.</param>
public sealed record PesterOutcome(string Name, string Result, string Message)
{
    public bool Passed => Result == "Passed";

    public bool Ran => Result is "Passed" or "Failed";

    public override string ToString() => Result;
}
