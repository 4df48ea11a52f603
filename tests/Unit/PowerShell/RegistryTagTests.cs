using System.Management.Automation;
using System.Security;
using Xunit;
using RegistryLogin = CvManager.Sandbox.Registry.RegistryLogin;
using RegistryLoginKind = CvManager.Sandbox.Registry.RegistryLoginKind;

namespace CvManager.Unit.PowerShell;

// The tests of that room have its name as their namespace.
using SandboxRegistry = CvManager.Sandbox.Registry.SandboxRegistry;

/// <summary>The tag cmdlets against a registry over HTTP.</summary>
public sealed class RegistryTagTests : IAsyncLifetime
{
    private readonly PowerShellSession _session = new();
    private SandboxRegistry _registry = null!;
    private string _first = "";
    private string _second = "";

    private string Repository => $"{_registry.Host}/shop/web";

    public async ValueTask InitializeAsync()
    {
        _registry = await SandboxRegistry.StartAsync(new(), TestContext.Current.CancellationToken);
        _first = _registry.PushImage("shop/web", "1a2b3c4");
        _second = _registry.PushImage("shop/web", "5d6e7f8", platforms: ["linux/amd64", "linux/arm64"]);
        _registry.Tag("shop/web", "demo", _first);
        _registry.Tag("shop/web", "qa", _second);
        _registry.ResetRequests();
    }

    public async ValueTask DisposeAsync()
    {
        _session.Dispose();
        await _registry.DisposeAsync();
    }

    [Fact]
    public void All_tags_come_with_what_they_stand_for()
    {
        _registry.PushImage("shop/web", "nightly");

        SessionResult tags = Invoke("Get-CvRegistryTag $repository").AssertNoErrors();

        Assert.Equal(["1a2b3c4", "5d6e7f8", "demo", "nightly", "qa"], tags.Values<string>("Tag"));
        Assert.Equal(["1a2b3c4", "5d6e7f8", "1a2b3c4", _registry.Digest("shop/web", "nightly")!, "5d6e7f8"], tags.Values<string>("Version"));
        Assert.Equal([_first, _second, _first, _registry.Digest("shop/web", "nightly")!, _second], tags.Values<string>("Digest"));
        Assert.All(tags.Values<string>("Repository"), r => Assert.Equal(Repository, r));
    }

    [Fact]
    public void They_are_a_table()
    {
        string text = PlainText.Of(_session.Render("Get-CvRegistryTag $repository qa", ("repository", Repository)));

        Assert.Contains("Repository", text, StringComparison.Ordinal);
        Assert.Contains($"qa  5d6e7f8 {_second[..19]}", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_and_wildcards_choose()
    {
        Assert.Equal("1a2b3c4", Invoke("Get-CvRegistryTag $repository demo").Single().Properties["Version"].Value);
        Assert.Equal("5d6e7f8", Invoke("Get-CvRegistryTag $repository 5d6e7f8").Single().Properties["Version"].Value);
        Assert.Equal(["demo", "qa"], Invoke("Get-CvRegistryTag $repository d*, qa").AssertNoErrors().Values<string>("Tag"));
        Assert.Empty(Invoke("Get-CvRegistryTag $repository x*").AssertNoErrors().Output);

        SessionResult mixed = Invoke("Get-CvRegistryTag $repository prod, demo");
        Assert.Equal(["demo"], mixed.Values<string>("Tag"));
        Assert.Equal("RegistryTagNotFound,CvManager.PowerShell.GetCvRegistryTagCommand", mixed.Error().FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.ObjectNotFound, mixed.Error().CategoryInfo.Category);
    }

    [Fact]
    public void A_version_has_its_tags()
    {
        Assert.Equal(["1a2b3c4", "demo"], Invoke("Get-CvRegistryTag $repository -Version 1a2b3c4").AssertNoErrors().Values<string>("Tag"));
        Assert.Equal(["5d6e7f8", "qa"], Invoke($"Get-CvRegistryTag $repository -Version {_second}").AssertNoErrors().Values<string>("Tag"));
        Assert.StartsWith("RegistryVersionNotFound,", Invoke("Get-CvRegistryTag $repository -Version 9f9f9f9").Error().FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_that_has_enough_ends_the_reading()
    {
        for (int i = 0; i < 200; i++)
            _registry.Tag("shop/web", $"0a00{i:000}", _first);

        SessionResult first = Invoke("foreach ($tag in Get-CvRegistryTag $repository) { $tag; break }");

        Assert.Equal("0a00000", Assert.Single(first.Output).Properties["Tag"].Value);
    }

    [Fact]
    public void Promoting_moves_a_tag_and_says_from_where()
    {
        SessionResult result = Invoke("Get-CvRegistryTag $repository qa | Add-CvRegistryTag -Tag demo, prod -Verbose").AssertNoErrors();

        Assert.Empty(result.Output);
        Assert.Equal((_second, _second), (_registry.Digest("shop/web", "demo"), _registry.Digest("shop/web", "prod")));
        Assert.Contains(result.Verbose, v => Facts.AreIn(v, "demo", _first, "5d6e7f8"));
        Assert.Contains(result.Verbose, v => Facts.AreIn(v, "prod", "5d6e7f8"));

        SessionResult again = Invoke("Add-CvRegistryTag $repository -Version 5d6e7f8 -Tag demo -PassThru -Verbose").AssertNoErrors();
        Assert.Equal(_second, again.Single().Properties["Digest"].Value);
        Assert.Contains(again.Verbose, v => Facts.AreIn(v, "demo", "5d6e7f8", _second));
        Assert.DoesNotContain(again.Verbose, v => Facts.AreIn(v, _first));
    }

    [Fact]
    public void WhatIf_asks_nobody()
    {
        Invoke("Add-CvRegistryTag $repository -Version 5d6e7f8 -Tag demo -WhatIf").AssertNoErrors();
        Invoke("Remove-CvRegistryTag $repository demo -WhatIf").AssertNoErrors();

        Assert.Equal(0, _registry.Requests.Values.Sum());
    }

    [Fact]
    public void A_version_that_is_not_there_moves_nothing()
    {
        SessionResult result = Invoke("Add-CvRegistryTag $repository -Version 9f9f9f9 -Tag demo");

        Assert.Equal("RegistryVersionNotFound,CvManager.PowerShell.AddCvRegistryTagCommand", result.Error().FullyQualifiedErrorId);
        Assert.Equal(_first, _registry.Digest("shop/web", "demo"));
    }

    [Fact]
    public void Removing_takes_the_tag_alone()
    {
        Invoke("Get-CvRegistryTag $repository d* | Remove-CvRegistryTag").AssertNoErrors();

        Assert.Equal(["1a2b3c4", "5d6e7f8", "qa"], _registry.Tags("shop/web"));
        Assert.StartsWith("RegistryTagNotFound,", Invoke("Remove-CvRegistryTag $repository demo").Error().FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Get-CvRegistryTag '{0}:demo'", "ImageRepositoryInvalid")]
    [InlineData("Get-CvRegistryTag '{0}' -VersionSyntax '('", "VersionSyntaxInvalid")]
    [InlineData("Get-CvRegistryTag '{0}' demo -VersionSyntax 'v[0-9]+'", "VersionNotFound")]
    [InlineData("Get-CvRegistryTag '{0}/nowhere'", "RegistryRepositoryNotFound")]
    [InlineData("Add-CvRegistryTag '{0}' -Version 5d6e7f8 -Tag 'no tag'", "RegistryTagInvalid")]
    [InlineData("Get-CvRegistryTag 127.0.0.1:9/app demo", "RegistryUnreachable")]
    public void Bad_input_is_named(string script, string errorId) =>
        Assert.StartsWith(errorId + ",", Invoke(script.Replace("{0}", Repository, StringComparison.Ordinal)).Error().FullyQualifiedErrorId, StringComparison.Ordinal);

    [Fact]
    public async Task A_credential_logs_in_and_is_not_shown()
    {
        await using SandboxRegistry closed = await SandboxRegistry.StartAsync(
            new() { Login = new RegistryLogin("ci", "geheim") { Kind = RegistryLoginKind.Bearer } }, TestContext.Current.CancellationToken);
        closed.PushImage("app", "1a2b3c4");

        SessionResult without = Use(closed, null);
        SessionResult wrong = Use(closed, Credential("falsch"));
        SessionResult right = Use(closed, Credential("geheim"));

        Assert.Equal(ErrorCategory.AuthenticationError, without.Error().CategoryInfo.Category);
        Assert.StartsWith("RegistryUnauthorized,", wrong.Error().FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.DoesNotContain("falsch", wrong.Error().Exception.ToString(), StringComparison.Ordinal);
        right.AssertNoErrors();
        Assert.Equal(["1a2b3c4", "demo"], closed.Tags("app"));
    }

    [Fact]
    public void Tags_are_completed() =>
        Assert.Equal(["demo"], _session.Complete($"Add-CvRegistryTag '{Repository}' -Version 1a2b3c4 -Tag d"));

    private SessionResult Invoke(string script) => _session.Invoke(script, ("repository", Repository));

    private SessionResult Use(SandboxRegistry registry, PSCredential? credential) => _session.Invoke(
        credential is null ? "Add-CvRegistryTag $closed -Version 1a2b3c4 -Tag demo" : "Add-CvRegistryTag $closed -Version 1a2b3c4 -Tag demo -Credential $credential",
        ("closed", $"{registry.Host}/app"), ("credential", credential));

    private static PSCredential Credential(string password)
    {
        var secret = new SecureString();
        foreach (char c in password)
            secret.AppendChar(c);
        return new PSCredential("ci", secret);
    }
}
