using System.Collections;
using System.Collections.Concurrent;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace CvManager.PowerShell.Completion;

/// <summary>
/// The base class of argument completers. After two seconds, or if anything fails, it offers nothing, because a user waits at the prompt.
/// </summary>
public abstract class Completer : IArgumentCompleter
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    /// <summary>Called on the pipeline thread.</summary>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName,
        string parameterName,
        string wordToComplete,
        CommandAst commandAst,
        IDictionary fakeBoundParameters
    )
    {
        var request = new CompletionRequest(fakeBoundParameters, SessionMemory.Current);
        request = request with { KubeConfig = FullPath(request.Text("KubeConfig")) };
        var prefix = CommandArgument.Unquote(wordToComplete);
        return Candidates(request)
            .Where(candidate => candidate.Value.Length > 0 && candidate.Value.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            .OrderBy(candidate => candidate.Value, StringComparer.OrdinalIgnoreCase)
            .Select(candidate => new CompletionResult(
                CommandArgument.Quote(TakesWildcards ? WildcardPattern.Escape(candidate.Value) : candidate.Value),
                DisplayText.Line(candidate.Value),
                CompletionResultType.ParameterValue,
                DisplayText.Line(candidate.Description ?? candidate.Value)
            ));
    }

    /// <summary>True if the parameter takes wildcards, so that special characters in a value must be escaped.</summary>
    private protected virtual bool TakesWildcards => false;

    /// <summary>Returns all possible values. Called on the thread pool; an exception means that there are none.</summary>
    internal abstract Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken);

    /// <summary>Resolves a path as cmdlets do: relative to the location of the session, or on a PowerShell drive.</summary>
    private static string? FullPath(string? path)
    {
        if (path is null)
            return null;
        try
        {
            // Not by SessionStateProxy, which refuses while a pipeline runs: completion is one.
            using var shell = System.Management.Automation.PowerShell.Create(RunspaceMode.CurrentRunspace);
            return shell
                .AddScript("$ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($args[0])", useLocalScope: true)
                .AddArgument(path)
                .Invoke<string>()[0];
        }
        catch (RuntimeException)
        {
            // The cmdlet reports the error.
            return path;
        }
    }

    private IReadOnlyList<CompletionCandidate> Candidates(CompletionRequest request)
    {
        using var limit = new CancellationTokenSource(Limit);
        // Completion is synchronous, so the result is passed through a collection. A late result is ignored.
        var result = new BlockingCollection<IReadOnlyList<CompletionCandidate>>(1);
        _ = Task.Run(async () =>
        {
            try
            {
                result.Add(await FindAsync(request, limit.Token), limit.Token);
            }
#pragma warning disable CA1031 // Completion does not report errors; the cmdlet does.
            catch (Exception)
#pragma warning restore CA1031
            {
                result.CompleteAdding();
            }
        });
        return result.TryTake(out var candidates, Limit) ? candidates : [];
    }
}

internal sealed record CompletionCandidate(string Value, string? Description = null);

/// <summary>The parameters that are already on the command line.</summary>
internal sealed record CompletionRequest(IDictionary Bound, SessionMemory Session)
{
    /// <summary>The full path in -KubeConfig; null without it.</summary>
    public string? KubeConfig { get; init; }

    /// <summary>The value of a parameter as text; null if it is missing or not text.</summary>
    public string? Text(string parameter) =>
        Bound[parameter] switch
        {
            null => null,
            PSObject wrapped => wrapped.BaseObject as string,
            object value => value as string,
        };
}
