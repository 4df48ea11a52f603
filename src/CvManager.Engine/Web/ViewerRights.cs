using System.Security.Cryptography;
using System.Text;
using CvManager.Cluster;
using CvManager.Following;
using CvManager.Resources;

namespace CvManager.Web;

/// <summary>What the API server answers about a viewer.</summary>
public enum ViewerAccess
{
    /// <summary>The token is not valid.</summary>
    Unauthorized,

    Denied,
    Allowed,
}

/// <summary>Which namespaces a viewer may see.</summary>
/// <param name="Access">Denied if there is no namespace to see.</param>
/// <param name="Namespaces">Null for all.</param>
public sealed record ViewerScope(ViewerAccess Access, IReadOnlySet<string>? Namespaces)
{
    internal static readonly ViewerScope Everything = new(ViewerAccess.Allowed, null);

    public bool Sees(string? ns) => Access == ViewerAccess.Allowed && (Namespaces is null || (ns is not null && Namespaces.Contains(ns)));
}

/// <summary>
/// Finds out what a viewer may see: what they may list as ContainerVersions with their own Kubernetes token. The API server is asked with
/// that token (SelfSubjectAccessReview), so that the controller needs no permission, and a namespaced installation works in the same way.
/// A token for another audience than the API server's is not valid.
/// </summary>
/// <remarks>
/// Thread-safe. Answers are kept for a minute under a hash of the token; tokens are neither kept nor logged. Neither the controller's token
/// nor its client certificate is sent with a question: the API server would answer for the controller.
/// </remarks>
public sealed class ViewerRights : IDisposable
{
    /// <summary>The cookie with the token, for browsers.</summary>
    internal const string CookieName = "cvmanager-token";

    /// <summary>How long an answer is valid, and so how long a viewer whose rights were removed still sees pages.</summary>
    internal static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(1);

    /// <summary>The answers that are kept.</summary>
    internal const int MaxAnswers = 10_000;

    /// <summary>The number of namespaces about which the API server is asked for one page.</summary>
    internal const int MaxNamespaces = 500;

    /// <summary>Unknown tokens in a second: guessing tokens costs the API server no more than this.</summary>
    internal const int MaxNewTokens = 20;

    private const int MaxConcurrentReviews = 8;

    private static readonly TimeSpan ReviewLimit = TimeSpan.FromSeconds(5);

    private readonly ClusterConnection? _cluster;
    private readonly TimeProvider _time;
    private readonly ReadCache<ViewerAccess> _answers;
    private readonly object _gate = new();
    private long _second;
    private int _newTokens;

    /// <param name="cluster">The API server to ask; its credentials are not used. Null to let everyone see everything.</param>
    /// <param name="time">The clock.</param>
    public ViewerRights(ClusterConnection? cluster, TimeProvider time)
    {
        _cluster = cluster?.WithoutCredentials();
        _time = time;
        _answers = new(MaxAnswers, time);
    }

    /// <summary>True if nobody has to log in.</summary>
    public bool IsOpen => _cluster is null;

    public void Dispose() => _cluster?.Dispose();

    /// <summary>The scope of the viewer who sent a request.</summary>
    /// <param name="ns">The only namespace of interest; null for all.</param>
    /// <param name="namespaces">The namespaces that have anything to see.</param>
    /// <exception cref="CvException"><c>ViewerRateLimited</c>, <c>TooManyNamespaces</c>; the API server did not answer.</exception>
    public async ValueTask<ViewerScope> FindAsync(
        PageRequest request,
        string? ns,
        IEnumerable<string> namespaces,
        CancellationToken cancellationToken
    )
    {
        if (IsOpen)
            return ViewerScope.Everything;
        if (TokenOf(request) is not { } token)
            return new(ViewerAccess.Unauthorized, null);
        var inAll = await ReviewAsync(token, null, cancellationToken);
        if (inAll != ViewerAccess.Denied)
            return new(inAll, null);
        if (ns is not null && !KubernetesNames.IsLabel(ns))
            return new(ViewerAccess.Denied, null);
        string[] asked = ns is null ? [.. namespaces.Distinct(StringComparer.Ordinal)] : [ns];
        if (asked.Length > MaxNamespaces)
        {
            throw new CvException(
                ErrorIds.TooManyNamespaces,
                CvErrorKind.LimitExceeded,
                $"ContainerVersions are in more than {MaxNamespaces} namespaces, and you may not list those of all namespaces.",
                "Add the name of a namespace to the address: ?namespace=NAME"
            );
        }

        HashSet<string> seen = new(StringComparer.Ordinal);
        await Parallel.ForEachAsync(
            asked,
            new ParallelOptions { MaxDegreeOfParallelism = MaxConcurrentReviews, CancellationToken = cancellationToken },
            async (one, stop) =>
            {
                if (await ReviewAsync(token, one, stop) == ViewerAccess.Allowed)
                {
                    lock (seen)
                        seen.Add(one);
                }
            }
        );
        // Without a namespace in the request, an empty list is the answer.
        return new(seen.Count == 0 && ns is not null ? ViewerAccess.Denied : ViewerAccess.Allowed, seen);
    }

    /// <summary>Whether a token is valid, and may list ContainerVersions.</summary>
    /// <param name="ns">Null for all namespaces.</param>
    /// <inheritdoc cref="FindAsync" path="/exception"/>
    internal async ValueTask<ViewerAccess> ReviewAsync(string token, string? ns, CancellationToken cancellationToken)
    {
        if (!IsToken(token))
            return ViewerAccess.Unauthorized;
        using CancellationTokenSource limit = new(ReviewLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await _answers.GetAsync(
                $"{Convert.ToHexString(SHA256.HashData(Encoding.ASCII.GetBytes(token)))}/{ns}",
                MaxAge,
                stop => AskAsync(token, ns, stop),
                either.Token
            );
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CvException(
                ErrorIds.ClusterTimeout,
                CvErrorKind.Unavailable,
                $"The API server did not answer within {ReviewLimit.TotalSeconds:0} s.",
                "Try again later.",
                e
            );
        }
    }

    private async Task<ViewerAccess> AskAsync(string token, string? ns, CancellationToken cancellationToken)
    {
        // The question about all namespaces is the first one about a token.
        if (ns is null)
            CountNewToken();
        try
        {
            var isAllowed = await SelfAccessReview.IsAllowedAsync(
                _cluster!.WithToken(token),
                ContainerVersionStore.Path(ns),
                "list",
                cancellationToken
            );
            return isAllowed ? ViewerAccess.Allowed : ViewerAccess.Denied;
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ClusterUnauthorized)
        {
            return ViewerAccess.Unauthorized;
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Forbidden)
        {
            // May not even ask.
            return ViewerAccess.Denied;
        }
    }

    private void CountNewToken()
    {
        lock (_gate)
        {
            var second = _time.GetUtcNow().ToUnixTimeSeconds();
            if (second != _second)
                (_second, _newTokens) = (second, 0);
            if (++_newTokens > MaxNewTokens)
                throw new CvException(ErrorIds.ViewerRateLimited, CvErrorKind.LimitExceeded, "Too many logins.", "Try again in a second.");
        }
    }

    /// <summary>The token of a request, in the header or the cookie; null for none.</summary>
    internal static string? TokenOf(PageRequest request)
    {
        if (request.Header("Authorization").Split(' ', 2) is [var scheme, var token])
            return scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) ? token.Trim() : null;
        return request
            .Header("Cookie")
            .Split(';')
            .Select(cookie => cookie.Trim().Split('=', 2))
            .FirstOrDefault(cookie => cookie[0] == CookieName && cookie.Length == 2)
            ?[1];
    }

    /// <summary>RFC 6750 section 2.1. Such a token is also a valid value of a cookie and a header.</summary>
    internal static bool IsToken(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '~' or '+' or '/' or '=');
}
