using Xunit;

namespace CvManager.Pester;

/// <summary>
/// Builds the packages, which takes a minute, and installs them. They are tested only on request:
/// <c>dotnet run --project tests/Pester -- -explicit only -class CvManager.Pester.PackageTests</c>.
/// </summary>
public sealed class PackageTests
{
    [Fact(Explicit = true)]
    public async Task The_packages_can_be_published_and_installed()
    {
        var outcomes = await PesterFile.RunAsync(
            Path.Combine(PesterFile.Folder, "Package", "Package.Tests.ps1"),
            PesterFile.Limit,
            TestContext.Current.CancellationToken
        );

        Assert.All(outcomes, outcome => Assert.True(outcome.Passed, $"{outcome.Name}: {outcome.Result}: {outcome.Message}"));
    }
}
