using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>Shows what registries were asked in this session, and what is left of their limits; asks none of them.</summary>
[Cmdlet(VerbsCommon.Get, "CvRegistryBudget")]
[OutputType(typeof(CvRegistryBudget))]
public sealed class GetCvRegistryBudgetCommand : AsyncCmdlet
{
    /// <summary>Registries (<c>host[:port]</c>, <c>docker.io</c>), wildcards allowed; left out, all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    public string[] Registry { get; set; } = [];

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var budgets = SessionRegistries.Of(await OnPipelineAsync(() => SessionMemory.Current)).Budgets;
        // Host names are kept in lower case.
        var patterns = new NamePatterns([.. Registry.Select(name => name.ToLowerInvariant())]);
        foreach (var budget in budgets.Where(budget => patterns.Matches(budget.Registry)))
        {
            var state = budget.State;
            await WriteObjectAsync(new CvRegistryBudget
            {
                Registry = budget.Registry,
                Login = budget.Login,
                Spent = state.Spent,
                Refused = state.Refused,
                Waiting = state.Waiting,
                Available = state.Available,
                Burst = state.Burst,
                PerSecond = state.PerSecond,
                Since = state.Since.LocalDateTime,
                PausedUntil = state.PausedUntil?.LocalDateTime,
                Limit = state.RegistryLimit,
                Remaining = state.RegistryRemaining,
            });
        }

        foreach (var missing in patterns.ExactNames.Where(name => budgets.All(budget => budget.Registry != name)))
        {
            await WriteErrorAsync(new CvException(
                CmdletErrorIds.RegistryBudgetNotFound,
                CvErrorKind.NotFound,
                $"No request was sent to registry '{missing}' in this session.",
                "Run Get-CvRegistryBudget without -Registry to list the registries. Write a registry as 'host[:port]', and Docker Hub as 'docker.io'.")
            { Target = missing });
        }
    }
}
