using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.ContainerVersion;

/// <summary>New-, Set- and Remove-ContainerVersion.</summary>
public sealed class EditContainerVersionTests : IDisposable
{
    private readonly PowerShellSession _session = new();

    public EditContainerVersionTests() => _session.Invoke("$null = Start-CvSandbox; Install-CvController -CrdOnly").AssertNoErrors();

    public void Dispose()
    {
        _session.Invoke("Stop-CvSandbox");
        _session.Dispose();
    }

    [Theory]
    [InlineData("-PollInterval 1s", "pollIntervalSeconds")]
    [InlineData("-Selector @{ app = 'x' }", "cvapp")]
    [InlineData("-VersionSyntax '[0-9'", "versionSyntax")]
    public void An_invalid_value_is_rejected_with_its_field_and_nothing_is_written(string wrong, string field)
    {
        var error = _session.Invoke($"New-ContainerVersion app r.example/app demo main {wrong}").Error();

        Assert.StartsWith("ContainerVersionInvalid,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(field, error.ToString(), StringComparison.Ordinal);
        Assert.Empty(_session.Invoke("Get-ContainerVersion").AssertNoErrors().Output);

        _session.Invoke("$null = New-ContainerVersion app r.example/app demo main").AssertNoErrors();
        error = _session.Invoke($"Set-ContainerVersion app {wrong}").Error();
        Assert.StartsWith("ContainerVersionInvalid,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(field, error.ToString(), StringComparison.Ordinal);
    }
}
