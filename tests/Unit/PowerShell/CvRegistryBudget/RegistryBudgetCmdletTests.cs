using System.Management.Automation;
using System.Security;
using CvManager.Support.PowerShell;
using Xunit;
using RegistryRateLimit = CvManager.Sandbox.Registry.RegistryRateLimit;

namespace CvManager.Unit.PowerShell.CvRegistryBudget;

// The test namespace with the same last part hides the namespace of the engine.
using SandboxRegistry = CvManager.Sandbox.Registry.SandboxRegistry;

/// <summary>Get-CvRegistryBudget.</summary>
public sealed class RegistryBudgetCmdletTests : IAsyncLifetime
{
    private readonly PowerShellSession _session = new();
    private SandboxRegistry _registry = null!;

    private string Repository => $"{_registry.Host}/app";

    public async ValueTask InitializeAsync()
    {
        _registry = await SandboxRegistry.StartAsync(new(), TestContext.Current.CancellationToken);
        _registry.PushImage("app", "1a2b3c4");
    }

    public async ValueTask DisposeAsync()
    {
        _session.Dispose();
        await _registry.DisposeAsync();
    }

    [Fact]
    public void A_session_without_requests_has_no_budgets() =>
        Assert.Empty(_session.Invoke("Get-CvRegistryBudget").AssertNoErrors().Output);

    [Fact]
    public void Requests_are_counted_for_all_cmdlets_of_the_session()
    {
        var before = DateTime.Now;
        Invoke("Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag demo").AssertNoErrors();
        Invoke("Get-CvRegistryTag $repository 1a2b3c4").AssertNoErrors();

        dynamic budget = Invoke("Get-CvRegistryBudget").Single().BaseObject;

        Assert.Equal((_registry.Host, ""), ((string)budget.Registry, (string)budget.Login));
        // GET of the manifest of the version, HEAD and GET of the missing tag (HEAD alone is not conclusive), PUT; then HEAD.
        Assert.Equal(5L, budget.Spent);
        Assert.Equal(_registry.Requests.Values.Sum(), (long)budget.Spent);
        Assert.Equal(0L, budget.Refused);
        Assert.InRange((DateTime)budget.Since, before, DateTime.Now);
        Assert.Null(budget.PausedUntil);
        Assert.InRange((int)budget.Available, 1, (int)budget.Burst);
    }

    [Fact]
    public void Each_login_has_its_own_budget_and_its_secret_is_not_shown()
    {
        using SecureString secret = new();
        foreach (var c in "geheim")
            secret.AppendChar(c);
        Invoke("Get-CvRegistryTag $repository 1a2b3c4").AssertNoErrors();
        _session
            .Invoke(
                "Get-CvRegistryTag $repository 1a2b3c4 -Credential $credential",
                ("repository", Repository),
                ("credential", new PSCredential("ci", secret))
            )
            .AssertNoErrors();

        var budgets = Invoke("Get-CvRegistryBudget *").AssertNoErrors();

        Assert.Equal(["", "ci"], budgets.Values<string>("Login"));
        Assert.Equal([1L, 1L], budgets.Values<long>("Spent"));
        Assert.DoesNotContain(
            "geheim",
            string.Concat(budgets.Output.SelectMany(b => b.Properties).Select(p => $"{p.Value}")),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_pause_that_a_registry_requests_is_shown_and_the_next_cmdlet_honours_it()
    {
        await using var scarce = await SandboxRegistry.StartAsync(
            new() { RateLimit = new RegistryRateLimit(1, TimeSpan.FromHours(1)) },
            TestContext.Current.CancellationToken
        );
        scarce.PushImage("app", "1a2b3c4");
        Ask().AssertNoErrors();
        Assert.Equal(ErrorCategory.LimitsExceeded, Ask().Error().CategoryInfo.Category);
        var asked = scarce.Requests.Values.Sum();

        Assert.StartsWith("RegistryRateLimited,", Ask().Error().FullyQualifiedErrorId, StringComparison.Ordinal);

        Assert.Equal(asked, scarce.Requests.Values.Sum());
        dynamic budget = Invoke("Get-CvRegistryBudget").Single().BaseObject;
        Assert.InRange((DateTime)budget.PausedUntil, DateTime.Now.AddMinutes(50), DateTime.Now.AddMinutes(61));
        Assert.Equal((1L, 0L), ((long?)budget.Limit, (long?)budget.Remaining));

        SessionResult Ask() => _session.Invoke("Get-CvRegistryTag $repository 1a2b3c4", ("repository", $"{scarce.Host}/app"));
    }

    [Fact]
    public void Budgets_are_shown_as_a_table_and_selected_by_name()
    {
        Invoke("Get-CvRegistryTag $repository 1a2b3c4").AssertNoErrors();

        Assert.Contains(_registry.Host, PlainText.Of(_session.Render("Get-CvRegistryBudget")), StringComparison.Ordinal);
        Assert.Single(_session.Invoke("Get-CvRegistryBudget 127.*").AssertNoErrors().Output);
        Assert.Empty(_session.Invoke("Get-CvRegistryBudget other*").AssertNoErrors().Output);
        Assert.Equal(
            "RegistryBudgetNotFound,CvManager.PowerShell.GetCvRegistryBudgetCommand",
            _session.Invoke("Get-CvRegistryBudget docker.io").Error().FullyQualifiedErrorId
        );
    }

    private SessionResult Invoke(string script) => _session.Invoke(script, ("repository", Repository));
}
