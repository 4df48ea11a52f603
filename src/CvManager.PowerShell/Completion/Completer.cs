using System.Collections;
using System.Collections.Concurrent;
using System.Management.Automation;
using System.Management.Automation.Language;
using CvManager.Cluster;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell.Completion;

/// <summary>
/// The base class of argument completers. After two seconds, or if anything fails, it offers nothing, because a user waits at the prompt.
/// PowerShell then offers nothing either; only for a parameter without a completer, it offers names of files.
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
            .OrderBy(candidate => IsOrdered ? "" : candidate.Value, StringComparer.OrdinalIgnoreCase)
            .Select(candidate => new CompletionResult(
                CommandArgument.Quote(TakesWildcards ? WildcardPattern.Escape(candidate.Value) : candidate.Value),
                DisplayText.Line(candidate.Value),
                CompletionResultType.ParameterValue,
                DisplayText.Line(candidate.Description ?? candidate.Value)
            ));
    }

    /// <summary>True if the parameter takes wildcards, so that special characters in a value must be escaped.</summary>
    private protected virtual bool TakesWildcards => false;

    /// <summary>True if the candidates have an order of their own; otherwise they are sorted by value.</summary>
    private protected virtual bool IsOrdered => false;

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

    /// <summary>The value of a parameter as text, the first one of a list; null if it is missing or not text.</summary>
    public string? Text(string parameter) => Texts(parameter) is [var first, ..] ? first : null;

    /// <summary>The values of a parameter; empty if it is missing or not text.</summary>
    public string[] Texts(string parameter) =>
        Base(Bound[parameter]) switch
        {
            string text => [text],
            IEnumerable list and not IDictionary => [.. list.Cast<object?>().Select(Base).OfType<string>()],
            _ => [],
        };

    /// <summary>True if a switch is on the command line.</summary>
    public bool Has(string parameter) => Bound.Contains(parameter);

    /// <summary>The namespace of the objects to offer; null for all namespaces.</summary>
    public string? NamespaceIn(ClusterConnection cluster) =>
        Has(nameof(NamespacedCmdlet.AllNamespaces)) ? null : Text("Namespace") ?? cluster.DefaultNamespace;

    /// <summary>Runs a function with the cluster on the command line, or the default one of the session.</summary>
    public async Task<T> WithClusterAsync<T>(Func<ClusterConnection, Task<T>> function)
    {
        var context = Text("Context");
        if (KubeConfig is null && context is null && SessionConnection.Of(Session) is { } connected)
            return await function(connected.Cluster);
        using var cluster = ClusterConnection.Connect(KubeContexts.Find(Session, KubeConfig, context));
        return await function(cluster);
    }

    /// <summary>The ContainerVersions that -Name selects, or all.</summary>
    public async Task<IReadOnlyList<Resource>> FindAsync(ClusterConnection cluster, CancellationToken cancellationToken)
    {
        NamePatterns names = new(Texts("Name"));
        var all = await new ContainerVersionStore(cluster).ListAsync(NamespaceIn(cluster), Text("LabelSelector"), cancellationToken);
        return [.. all.Where(resource => names.Matches(resource.Metadata.Name))];
    }

    private static object? Base(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
