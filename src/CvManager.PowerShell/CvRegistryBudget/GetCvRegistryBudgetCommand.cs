using System.Management.Automation;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>Shows the registry requests of this session and the remaining limits, without sending a request.</summary>
[Cmdlet(VerbsCommon.Get, "CvRegistryBudget", HelpUri = ProjectUri.Docs + "Get-CvRegistryBudget.md")]
[OutputType(typeof(CvRegistryBudget))]
public sealed class GetCvRegistryBudgetCommand : AsyncCmdlet
{
    /// <summary>Registries (<c>host[:port]</c>, <c>docker.io</c>). Wildcards are allowed; the default is all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextTransformation]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(RegistryHostCompleter))]
    public string[] Registry { get; set; } = [];

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var budgets = SessionRegistries.Of(await OnPipelineAsync(() => SessionMemory.Current)).Budgets;
        // Budgets are stored with lower-case host names.
        var patterns = new NamePatterns([.. Registry.Select(name => name.ToLowerInvariant())]);
        foreach (var budget in budgets.Where(budget => patterns.Matches(budget.Registry)))
        {
            var state = budget.State;
            await WriteObjectAsync(
                new CvRegistryBudget
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
                }
            );
        }

        foreach (var missing in patterns.ExactNames.Where(name => budgets.All(budget => budget.Registry != name)))
        {
            await WriteErrorAsync(
                new CvException(
                    CmdletErrorIds.RegistryBudgetNotFound,
                    CvErrorKind.NotFound,
                    $"No request was sent to registry '{missing}' in this session.",
                    "Run Get-CvRegistryBudget without -Registry to list the registries. "
                        + "Write a registry as 'host[:port]', and Docker Hub as 'docker.io'."
                )
                {
                    Target = missing,
                }
            );
        }
    }
}
