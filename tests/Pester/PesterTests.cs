using Xunit;
using Xunit.Sdk;
using Xunit.v3;

// Files run in parallel; PesterFile limits how many.
[assembly: Parallelization(Mode = ParallelMode.All)]

namespace CvManager.Pester;

/// <summary>
/// Runs the Pester tests with pwsh: a test case for each file, with a test for each Pester test. To run one file:
/// <c>dotnet run --project tests/Pester -- -trait file=Get-CvRollout</c>.
/// </summary>
public sealed class PesterTests
{
    [PesterFile]
    public void Passes(PesterOutcome outcome) => Assert.True(outcome.Passed, $"{outcome.Result}: {outcome.Message}");

    /// <summary>Also proves that the files are found.</summary>
    [Fact]
    public void Every_cmdlet_has_a_file()
    {
        var cmdlets = Directory
            .GetFiles(Path.Combine(PesterFile.Folder, "..", "..", "docs"), "*-C*.md")
            .Select(Path.GetFileNameWithoutExtension);

        Assert.NotEmpty(cmdlets);
        Assert.All(cmdlets, cmdlet => Assert.True(File.Exists(Path.Combine(PesterFile.Folder, cmdlet + PesterFile.Suffix)), cmdlet));
    }
}
