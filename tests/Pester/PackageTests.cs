using Xunit;

namespace CvManager.Pester;

/// <summary>
/// Builds the packages and the files of the image, which takes minutes, and installs the packages; runs the scripts of the workflows. They are
/// tested only on request:
/// <c>dotnet run --project tests/Pester -- -explicit only -class CvManager.Pester.PackageTests</c>.
/// With <c>CVM_PACKAGES</c>, the packages in that folder are tested.
/// </summary>
public sealed class PackageTests
{
    [Theory(Explicit = true)]
    [InlineData("Package.Tests.ps1")]
    [InlineData("Release.Tests.ps1")]
    public async Task The_packages_can_be_released_and_installed(string file)
    {
        var outcomes = await PesterFile.RunAsync(
            Path.Combine(PesterFile.Folder, "Package", file),
            TimeSpan.FromMinutes(10),
            TestContext.Current.CancellationToken
        );

        Assert.All(outcomes, outcome => Assert.True(outcome.Passed, $"{outcome.Name}: {outcome.Result}: {outcome.Message}"));
    }
}
