using System.Management.Automation;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>Creating, changing and removing ContainerVersions by parameters.</summary>
public sealed class EditContainerVersionTests : IDisposable
{
    private readonly PowerShellSession session = new();

    public EditContainerVersionTests() => session.Invoke("$null = Start-CvSandbox; Install-CvController -CrdOnly").AssertNoErrors();

    public void Dispose()
    {
        session.Invoke("Stop-CvSandbox");
        session.Dispose();
    }

    [Theory]
    [InlineData("-PollInterval 1s", "pollIntervalSeconds")]
    [InlineData("-Selector @{ app = 'x' }", "cvapp")]
    [InlineData("-VersionSyntax '[0-9'", "versionSyntax")]
    public void What_is_not_valid_is_refused_by_its_field_and_nothing_is_written(string wrong, string field)
    {
        ErrorRecord error = session.Invoke($"New-ContainerVersion app r.example/app demo main {wrong}").Error();

        Assert.StartsWith("ContainerVersionInvalid,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(field, error.ToString(), StringComparison.Ordinal);
        Assert.Empty(session.Invoke("Get-ContainerVersion").AssertNoErrors().Output);

        session.Invoke("$null = New-ContainerVersion app r.example/app demo main").AssertNoErrors();
        error = session.Invoke($"Set-ContainerVersion app {wrong}").Error();
        Assert.StartsWith("ContainerVersionInvalid,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(field, error.ToString(), StringComparison.Ordinal);
    }
}
