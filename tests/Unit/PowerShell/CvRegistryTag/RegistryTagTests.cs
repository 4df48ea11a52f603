using System.Management.Automation;
using System.Security;
using CvManager.Support.PowerShell;
using Xunit;
using RegistryLogin = CvManager.Sandbox.Registry.RegistryLogin;
using RegistryLoginKind = CvManager.Sandbox.Registry.RegistryLoginKind;

namespace CvManager.Unit.PowerShell.CvRegistryTag;

// The test namespace with the same last part hides the namespace of the engine.
using SandboxRegistry = CvManager.Sandbox.Registry.SandboxRegistry;

/// <summary>The tag cmdlets with a registry over HTTP.</summary>
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
    public void All_tags_are_listed_with_their_versions()
    {
        _registry.PushImage("shop/web", "nightly");

        var tags = Invoke("Get-CvRegistryTag $repository").AssertNoErrors();

        Assert.Equal(["1a2b3c4", "5d6e7f8", "demo", "nightly", "qa"], tags.Values<string>("Tag"));
        Assert.Equal(
            ["1a2b3c4", "5d6e7f8", "1a2b3c4", _registry.Digest("shop/web", "nightly")!, "5d6e7f8"],
            tags.Values<string>("Version")
        );
        Assert.Equal([_first, _second, _first, _registry.Digest("shop/web", "nightly")!, _second], tags.Values<string>("Digest"));
        Assert.All(tags.Values<string>("Repository"), r => Assert.Equal(Repository, r));
    }

    [Fact]
    public void Tags_are_shown_as_a_table()
    {
        var text = PlainText.Of(_session.Render("Get-CvRegistryTag $repository qa", ("repository", Repository)));

        Assert.Contains($"Repository: {Repository}\n", text, StringComparison.Ordinal);
        Assert.Contains($"5d6e7f8       {_second[..19]}… qa", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Version_lists_all_tags_of_an_image()
    {
        Assert.Equal(["1a2b3c4", "demo"], Invoke("Get-CvRegistryTag $repository -Version 1a2b3c4").AssertNoErrors().Values<string>("Tag"));
        Assert.Equal(["5d6e7f8", "qa"], Invoke($"Get-CvRegistryTag $repository -Version {_second}").AssertNoErrors().Values<string>("Tag"));
        Assert.StartsWith(
            "RegistryVersionNotFound,",
            Invoke("Get-CvRegistryTag $repository -Version 9f9f9f9").Error().FullyQualifiedErrorId,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_consumer_that_stops_the_pipeline_stops_the_listing()
    {
        for (var i = 0; i < 200; i++)
            _registry.Tag("shop/web", $"0a00{i:000}", _first);

        var first = Invoke("foreach ($tag in Get-CvRegistryTag $repository) { $tag; break }");

        Assert.Equal("0a00000", Assert.Single(first.Output).Properties["Tag"].Value);
    }

    [Fact]
    public void WhatIf_sends_no_request()
    {
        Invoke("Add-CvRegistryTag $repository -Version 5d6e7f8 -Tag demo -WhatIf").AssertNoErrors();
        Invoke("Remove-CvRegistryTag $repository demo -WhatIf").AssertNoErrors();

        Assert.Equal(0, _registry.Requests.Values.Sum());
    }

    [Fact]
    public async Task A_credential_is_used_and_never_shown()
    {
        await using var closed = await SandboxRegistry.StartAsync(
            new() { Login = new RegistryLogin("ci", "geheim") { Kind = RegistryLoginKind.Bearer } },
            TestContext.Current.CancellationToken
        );
        closed.PushImage("app", "1a2b3c4");

        var without = Use(closed, null);
        var wrong = Use(closed, Credential("falsch"));
        var right = Use(closed, Credential("geheim"));

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

    private SessionResult Use(SandboxRegistry registry, PSCredential? credential) =>
        _session.Invoke(
            credential is null
                ? "Add-CvRegistryTag $closed -Version 1a2b3c4 -Tag demo"
                : "Add-CvRegistryTag $closed -Version 1a2b3c4 -Tag demo -Credential $credential",
            ("closed", $"{registry.Host}/app"),
            ("credential", credential)
        );

    private static PSCredential Credential(string password)
    {
        var secret = new SecureString();
        foreach (var c in password)
            secret.AppendChar(c);
        return new PSCredential("ci", secret);
    }
}
