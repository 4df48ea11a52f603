using System.Collections;
using System.Collections.Concurrent;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace CvManager.PowerShell.Completion;

/// <summary>
/// Offers values for a parameter. Somebody waits at the prompt: what is not there in time, or fails, offers nothing.
/// </summary>
public abstract class Completer : IArgumentCompleter
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(1);

    /// <summary>Called on the pipeline thread.</summary>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var request = new CompletionRequest(fakeBoundParameters, SessionMemory.Current);
        var begun = CommandArgument.Unquote(wordToComplete);
        return Candidates(request)
            .Where(candidate => candidate.Value.Length > 0 && candidate.Value.StartsWith(begun, StringComparison.OrdinalIgnoreCase))
            .OrderBy(candidate => candidate.Value, StringComparer.OrdinalIgnoreCase)
            .Select(candidate => new CompletionResult(
                CommandArgument.Quote(TakesWildcards ? WildcardPattern.Escape(candidate.Value) : candidate.Value),
                DisplayText.Line(candidate.Value), CompletionResultType.ParameterValue, DisplayText.Line(candidate.Description ?? candidate.Value)));
    }

    /// <summary>True where the parameter is a pattern, in which a value stands for itself only when it is escaped.</summary>
    private protected virtual bool TakesWildcards => false;

    /// <summary>All values that there are, on the thread pool. Anything thrown means none.</summary>
    internal abstract Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken);

    private IReadOnlyList<CompletionCandidate> Candidates(CompletionRequest request)
    {
        using var limit = new CancellationTokenSource(s_limit);
        // The work posts its answer, as completion cannot await it; late, it posts to nobody.
        var answer = new BlockingCollection<IReadOnlyList<CompletionCandidate>>(1);
        _ = Task.Run(async () =>
        {
            try
            {
                answer.Add(await FindAsync(request, limit.Token), limit.Token);
            }
#pragma warning disable CA1031 // A prompt is no place for errors: the cmdlet itself will say what is wrong.
            catch (Exception)
#pragma warning restore CA1031
            {
                answer.CompleteAdding();
            }
        });
        return answer.TryTake(out var candidates, s_limit) ? candidates : [];
    }
}

internal sealed record CompletionCandidate(string Value, string? Description = null);

/// <summary>What is on the command line already.</summary>
internal sealed record CompletionRequest(IDictionary Bound, SessionMemory Session)
{
    /// <summary>The text of a parameter that is given already.</summary>
    public string? Text(string parameter) => Bound[parameter] switch
    {
        null => null,
        PSObject wrapped => wrapped.BaseObject as string,
        object value => value as string,
    };
}
