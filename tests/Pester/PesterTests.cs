using System.Reflection;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

// Files run in parallel; PesterFile limits how many.
[assembly: Parallelization(Mode = ParallelMode.All)]

namespace CvManager.Pester;

/// <summary>
/// Runs the Pester tests with pwsh: a method for each file, with a test case for each Pester test. To run one file:
/// <c>dotnet run --project tests/Pester -- -method '*.Module'</c>.
/// </summary>
public sealed class PesterTests
{
    [Theory, PesterFile]
    public void ContainerVersion(PesterOutcome outcome) => AssertPassed(outcome);

    [Theory, PesterFile]
    public void CvCluster(PesterOutcome outcome) => AssertPassed(outcome);

    [Theory, PesterFile]
    public void CvContext(PesterOutcome outcome) => AssertPassed(outcome);

    [Theory, PesterFile]
    public void CvRegistryTag(PesterOutcome outcome) => AssertPassed(outcome);

    [Theory, PesterFile]
    public void CvRollout(PesterOutcome outcome) => AssertPassed(outcome);

    [Theory, PesterFile]
    public void CvSandbox(PesterOutcome outcome) => AssertPassed(outcome);

    [Theory, PesterFile]
    public void Example(PesterOutcome outcome) => AssertPassed(outcome);

    [Theory, PesterFile]
    public void Help(PesterOutcome outcome) => AssertPassed(outcome);

    [Theory, PesterFile]
    public void Module(PesterOutcome outcome) => AssertPassed(outcome);

    [Theory, PesterFile]
    public void Pipeline(PesterOutcome outcome) => AssertPassed(outcome);

    [Fact]
    public void Every_file_of_Pester_tests_has_a_method()
    {
        var files = Directory
            .GetFiles(PesterFile.Folder, "*" + PesterFileAttribute.Suffix, SearchOption.AllDirectories)
            .Select(path => Path.GetFileName(path)[..^PesterFileAttribute.Suffix.Length]);
        var methods = typeof(PesterTests)
            .GetMethods()
            .Where(method => method.IsDefined(typeof(PesterFileAttribute)))
            .Select(method => method.Name);

        Assert.Equal(files.Order(StringComparer.Ordinal), methods.Order(StringComparer.Ordinal));
    }

    private static void AssertPassed(PesterOutcome outcome) => Assert.True(outcome.Passed, $"{outcome.Result}: {outcome.Message}");
}
