using System.Management.Automation;
using System.Security;
using Xunit;
using RegistryRateLimit = CvManager.Sandbox.Registry.RegistryRateLimit;

namespace CvManager.Unit.PowerShell;

// The tests of that room have its name as their namespace.
using SandboxRegistry = CvManager.Sandbox.Registry.SandboxRegistry;

/// <summary>What is spent at registries, as people see it.</summary>
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
    public void A_session_that_asked_no_registry_has_spent_nothing() =>
        Assert.Empty(_session.Invoke("Get-CvRegistryBudget").AssertNoErrors().Output);

    [Fact]
    public void It_counts_over_all_cmdlets_of_the_session()
    {
        DateTime before = DateTime.Now;
        Invoke("Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag demo").AssertNoErrors();
        Invoke("Get-CvRegistryTag $repository 1a2b3c4").AssertNoErrors();

        dynamic budget = Invoke("Get-CvRegistryBudget").Single().BaseObject;

        Assert.Equal((_registry.Host, ""), ((string)budget.Registry, (string)budget.Login));
        // The version's manifest, HEAD and GET of a tag that is not there yet (HEAD alone does not decide that), a PUT; then a HEAD.
        Assert.Equal(5L, budget.Spent);
        Assert.Equal(_registry.Requests.Values.Sum(), (long)budget.Spent);
        Assert.Equal(0L, budget.Refused);
        Assert.InRange((DateTime)budget.Since, before, DateTime.Now);
        Assert.Null(budget.PausedUntil);
        Assert.InRange((int)budget.Available, 1, (int)budget.Burst);
    }

    [Fact]
    public void Each_login_has_its_own_and_its_secret_is_not_shown()
    {
        using SecureString secret = new();
        foreach (char c in "geheim")
            secret.AppendChar(c);
        Invoke("Get-CvRegistryTag $repository 1a2b3c4").AssertNoErrors();
        _session.Invoke("Get-CvRegistryTag $repository 1a2b3c4 -Credential $credential", ("repository", Repository), ("credential", new PSCredential("ci", secret))).AssertNoErrors();

        SessionResult budgets = Invoke("Get-CvRegistryBudget *").AssertNoErrors();

        Assert.Equal(["", "ci"], budgets.Values<string>("Login"));
        Assert.Equal([1L, 1L], budgets.Values<long>("Spent"));
        Assert.DoesNotContain("geheim", string.Concat(budgets.Output.SelectMany(b => b.Properties).Select(p => $"{p.Value}")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rest_that_a_registry_asked_for_is_shown_and_kept_to_by_the_next_cmdlet()
    {
        await using SandboxRegistry scarce = await SandboxRegistry.StartAsync(
            new() { RateLimit = new RegistryRateLimit(1, TimeSpan.FromHours(1)) }, TestContext.Current.CancellationToken);
        scarce.PushImage("app", "1a2b3c4");
        Ask().AssertNoErrors();
        Assert.Equal(ErrorCategory.LimitsExceeded, Ask().Error().CategoryInfo.Category);
        long asked = scarce.Requests.Values.Sum();

        Assert.StartsWith("RegistryRateLimited,", Ask().Error().FullyQualifiedErrorId, StringComparison.Ordinal);

        Assert.Equal(asked, scarce.Requests.Values.Sum());
        dynamic budget = Invoke("Get-CvRegistryBudget").Single().BaseObject;
        Assert.InRange((DateTime)budget.PausedUntil, DateTime.Now.AddMinutes(50), DateTime.Now.AddMinutes(61));
        Assert.Equal((1L, 0L), ((long?)budget.Limit, (long?)budget.Remaining));

        SessionResult Ask() => _session.Invoke("Get-CvRegistryTag $repository 1a2b3c4", ("repository", $"{scarce.Host}/app"));
    }

    [Fact]
    public void They_are_a_table_and_names_choose()
    {
        Invoke("Get-CvRegistryTag $repository 1a2b3c4").AssertNoErrors();

        Assert.Contains(_registry.Host, PlainText.Of(_session.Render("Get-CvRegistryBudget")), StringComparison.Ordinal);
        Assert.Single(_session.Invoke("Get-CvRegistryBudget 127.*").AssertNoErrors().Output);
        Assert.Empty(_session.Invoke("Get-CvRegistryBudget other*").AssertNoErrors().Output);
        Assert.Equal("RegistryBudgetNotFound,CvManager.PowerShell.GetCvRegistryBudgetCommand", _session.Invoke("Get-CvRegistryBudget docker.io").Error().FullyQualifiedErrorId);
    }

    private SessionResult Invoke(string script) => _session.Invoke(script, ("repository", Repository));
}
