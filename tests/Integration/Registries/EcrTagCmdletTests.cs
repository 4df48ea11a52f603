using System.Management.Automation;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Integration.Registries;

/// <summary>The tag cmdlets on Amazon ECR, emulated by moto.</summary>
public sealed class EcrTagCmdletTests(Moto moto) : IClassFixture<Moto>, IDisposable
{
    private readonly PowerShellSession _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public async Task A_pipeline_releases_promotes_and_removes()
    {
        var path = await moto.CreateRepositoryAsync();
        var former = await moto.PushAsync(path, ["1a2b3c4", "demo"]);
        var next = await moto.PushAsync(path, ["5d6e7f8"]);

        var moved = Invoke("Add-CvRegistryTag $repository -Version 5d6e7f8 -Tag demo, qa -Verbose", path).AssertNoErrors();
        Assert.Contains(moved.Verbose, v => Facts.AreIn(v, "demo", former, "5d6e7f8", next));
        Invoke("Get-CvRegistryTag $repository -Tag qa | Add-CvRegistryTag -Tag prod", path).AssertNoErrors();

        Assert.Equal("5d6e7f8", Invoke("Get-CvRegistryTag $repository demo", path).Single().Properties["Version"].Value);
        Assert.Equal(
            ["5d6e7f8", "demo", "prod", "qa"],
            Invoke("Get-CvRegistryTag $repository -Version 5d6e7f8", path)
                .AssertNoErrors()
                .Values<string>("Tag")
                .Order(StringComparer.Ordinal)
        );
        Invoke("Remove-CvRegistryTag $repository qa, prod -Confirm:$false", path).AssertNoErrors();
        Assert.Equal(
            ["1a2b3c4", "5d6e7f8", "demo"],
            Invoke("Get-CvRegistryTag $repository", path).AssertNoErrors().Values<string>("Tag").Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task A_missing_tag_is_named_and_the_last_tag_of_an_image_is_kept()
    {
        var path = await moto.CreateRepositoryAsync();
        await moto.PushAsync(path, ["1a2b3c4"]);

        AssertError(
            "RegistryVersionNotFound",
            ErrorCategory.ObjectNotFound,
            Invoke("Add-CvRegistryTag $repository -Version 9f9f9f9 -Tag demo", path)
        );
        AssertError("RegistryTagNotFound", ErrorCategory.ObjectNotFound, Invoke("Get-CvRegistryTag $repository demo", path));
        AssertError(
            "RegistryRepositoryNotFound",
            ErrorCategory.ObjectNotFound,
            Invoke("Get-CvRegistryTag $repository demo", "nowhere/at-all")
        );
        AssertError(
            "RegistryLastTag",
            ErrorCategory.ResourceExists,
            Invoke("Remove-CvRegistryTag $repository 1a2b3c4 -Confirm:$false", path)
        );
        Assert.Equal(["1a2b3c4"], Invoke("Get-CvRegistryTag $repository", path).AssertNoErrors().Values<string>("Tag"));
        Invoke("Remove-CvRegistryTag $repository 1a2b3c4 -Force -Confirm:$false", path).AssertNoErrors();
        Assert.Empty(Invoke("Get-CvRegistryTag $repository", path).AssertNoErrors().Output);
    }

    private SessionResult Invoke(string script, string path) => _session.Invoke(script, ("repository", $"{Moto.Host()}/{path}"));

    private static void AssertError(string id, ErrorCategory category, SessionResult result)
    {
        Assert.StartsWith(id + ",", result.Error().FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(category, result.Error().CategoryInfo.Category);
    }
}
