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

    [Fact]
    public void A_new_one_has_what_was_given_and_the_defaults()
    {
        PSObject created = session.Invoke("New-ContainerVersion app r.example/app demo main -PollInterval 30 -ConfigName versions -Rollback $false").Single();

        Assert.Equal(("app", "default", "demo", "main"), ((string)created.Properties["Name"].Value, (string)created.Properties["Namespace"].Value,
            (string)created.Properties["Tag"].Value, (string)created.Properties["Container"].Value));
        Assert.Equal("app", ((IReadOnlyDictionary<string, string>)created.Properties["Selector"].Value)["cvapp"]);
        ErrorRecord again = session.Invoke("New-ContainerVersion app r.example/app demo main").Error();
        Assert.Equal(("ResourceAlreadyExists,CvManager.PowerShell.NewContainerVersionCommand", ErrorCategory.ResourceExists), (again.FullyQualifiedErrorId, again.CategoryInfo.Category));
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

    [Fact]
    public void WhatIf_writes_nothing()
    {
        session.Invoke("New-ContainerVersion app r.example/app demo main -WhatIf").AssertNoErrors();
        Assert.Empty(session.Invoke("Get-ContainerVersion").AssertNoErrors().Output);
        session.Invoke("$null = New-ContainerVersion app r.example/app demo main; Set-ContainerVersion app -Tag prod -WhatIf; Remove-ContainerVersion app -WhatIf").AssertNoErrors();
        Assert.Equal(["demo"], session.Invoke("Get-ContainerVersion").AssertNoErrors().Values<string>("Tag"));
    }

    [Fact]
    public void A_change_leaves_what_was_not_named()
    {
        session.Invoke("$null = New-ContainerVersion app r.example/app demo main -Selector @{ cvapp = 'a'; tier = 'web' } -VersionSyntax 'v[0-9]+'").AssertNoErrors();

        PSObject changed = session.Invoke("Get-ContainerVersion | Set-ContainerVersion -Tag prod -Selector @{ cvapp = 'b' } -PassThru").Single();

        Assert.Equal(("prod", "r.example/app"), ((string)changed.Properties["Tag"].Value, (string)changed.Properties["ImageRepo"].Value));
        Assert.Equal(["cvapp=b"], ((IReadOnlyDictionary<string, string>)changed.Properties["Selector"].Value).Select(label => $"{label.Key}={label.Value}"));
        Assert.Empty(session.Invoke("Set-ContainerVersion a* -Tag demo").AssertNoErrors().Output);
        Assert.Equal(["demo"], session.Invoke("Get-ContainerVersion").AssertNoErrors().Values<string>("Tag"));
        Assert.StartsWith("NothingToSet,", session.Invoke("Set-ContainerVersion app").Error().FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.StartsWith("ContainerVersionNotFound,", session.Invoke("Set-ContainerVersion nope -Tag x").Error().FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_removed_is_gone_and_one_that_is_not_there_is_an_error()
    {
        session.Invoke("'one', 'two', 'three' | ForEach-Object { $null = New-ContainerVersion $_ r.example/app demo main }").AssertNoErrors();

        Assert.Equal(["three", "two"], session.Invoke("Remove-ContainerVersion t* -PassThru").AssertNoErrors().Values<string>("Name"));
        Assert.Empty(session.Invoke("Get-ContainerVersion | Remove-ContainerVersion").AssertNoErrors().Output);
        Assert.Empty(session.Invoke("Get-ContainerVersion").AssertNoErrors().Output);
        Assert.StartsWith("ContainerVersionNotFound,", session.Invoke("Remove-ContainerVersion one").Error().FullyQualifiedErrorId, StringComparison.Ordinal);
    }
}
