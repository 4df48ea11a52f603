using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Registry;

/// <summary>
/// Authentication and authorization: basic, or bearer tokens ("Token Authentication" in the distribution project). Thread-safe.
/// </summary>
internal sealed class RegistryAccess(RegistryLogin? login, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Grant> _grants = new();

    /// <summary>Throws if the request is not allowed.</summary>
    /// <exception cref="RegistryError">UNAUTHORIZED with a challenge, or DENIED.</exception>
    public void Check(RegistryRequest request, RegistryTarget target)
    {
        if (login is null)
            return;
        var pull = request.Method is "GET" or "HEAD" && target.Kind != RegistryRequestKind.Upload;
        var scope = target switch
        {
            { Repository.Length: > 0 } =>
                $"repository:{target.Repository}:{(pull ? "pull" : request.Method == "DELETE" ? "delete" : "pull,push")}",
            { Kind: RegistryRequestKind.Catalog } => "registry:catalog:*",
            _ => "",
        };
        var authorization = request.Header("Authorization") ?? "";
        if (login.Kind == RegistryLoginKind.Bearer)
        {
            CheckToken(request, scope, authorization);
        }
        else if (!(IsAccount(authorization) || (authorization.Length == 0 && pull && login.AnonymousPull && target.Repository.Length > 0)))
        {
            throw RegistryError.Unauthorized("Basic realm=\"cvm-sandbox\"");
        }
        if (!pull && !login.MayPush)
            throw RegistryError.Denied(target.Repository);
    }

    /// <summary>
    /// The token server: <c>GET /token?service=…&amp;scope=…</c>, with basic authentication, or anonymous if anonymous pull is allowed.
    /// </summary>
    /// <exception cref="RegistryError">UNAUTHORIZED.</exception>
    public RegistryResponse IssueToken(RegistryRequest request)
    {
        if (login is not { Kind: RegistryLoginKind.Bearer })
            throw new RegistryError(404, "UNSUPPORTED", "this registry does not issue tokens");
        if (request.Method != "GET")
            throw RegistryError.Unsupported();
        var authorization = request.Header("Authorization") ?? "";
        var account = IsAccount(authorization);
        if (!account && (authorization.Length > 0 || !login.AnonymousPull))
            throw RegistryError.Unauthorized("Basic realm=\"cvm-sandbox\"");

        HashSet<string> allowed = account ? (login.MayPush ? ["pull", "push", "delete", "*"] : ["pull", "*"]) : ["pull"];
        var granted = Scopes(request.PathAndQuery).SelectMany(Actions).Where(a => allowed.Contains(a.Action)).ToHashSet();
        var now = time.GetUtcNow();
        foreach (var old in _grants.Where(g => g.Value.Expires <= now))
            _grants.TryRemove(old);
        var token = Convert.ToHexString(RandomNumberGenerator.GetBytes(24));
        _grants[token] = new Grant(granted, now + login.TokenLifetime);
        return RegistryResponse.Json(
            new JsonObject
            {
                ["token"] = token,
                ["access_token"] = token,
                ["expires_in"] = (long)login.TokenLifetime.TotalSeconds,
                ["issued_at"] = now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            }
        );
    }

    /// <summary>Invalidates all issued tokens, as when a registry's signing key changes.</summary>
    public void RevokeTokens() => _grants.Clear();

    private void CheckToken(RegistryRequest request, string scope, string authorization)
    {
        var service = new Uri(request.Origin).Authority;
        var challenge = $"Bearer realm=\"{request.Origin}/token\",service=\"{service}\"" + (scope.Length > 0 ? $",scope=\"{scope}\"" : "");
        if (!authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            throw RegistryError.Unauthorized(challenge);
        if (!_grants.TryGetValue(authorization["Bearer ".Length..], out var grant) || grant.Expires <= time.GetUtcNow())
            throw RegistryError.Unauthorized(challenge + ",error=\"invalid_token\"");
        // An account that may never push gets DENIED instead of a challenge for another token.
        if (scope.Length > 0 && !Actions(scope).All(a => grant.Actions.Contains(a) || (!login!.MayPush && a.Action is "push" or "delete")))
            throw RegistryError.Unauthorized(challenge + ",error=\"insufficient_scope\"");
    }

    private bool IsAccount(string authorization)
    {
        if (!authorization.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
            return false;
        var expected = Encoding.UTF8.GetBytes($"{login!.User}:{login.Password}");
        var sent = new byte[authorization.Length];
        return Convert.TryFromBase64String(authorization["Basic ".Length..], sent, out var length)
            && CryptographicOperations.FixedTimeEquals(sent.AsSpan(0, length), expected);
    }

    /// <summary>All scopes of a query: the parameter may be repeated, and each value may hold several scopes separated by spaces.</summary>
    private static IEnumerable<string> Scopes(string pathAndQuery) =>
        pathAndQuery[(pathAndQuery.IndexOf('?', StringComparison.Ordinal) + 1)..]
            .Split('&')
            .Where(p => p.StartsWith("scope=", StringComparison.Ordinal))
            .SelectMany(p =>
                Uri.UnescapeDataString(p["scope=".Length..].Replace('+', ' ')).Split(' ', StringSplitOptions.RemoveEmptyEntries)
            );

    /// <summary><c>repository:a/b:pull,push</c> as (a/b, pull) and (a/b, push).</summary>
    private static IEnumerable<(string Resource, string Action)> Actions(string scope)
    {
        var last = scope.LastIndexOf(':');
        return last < 0 ? [] : scope[(last + 1)..].Split(',').Select(action => (scope[..last], action));
    }

    private sealed record Grant(IReadOnlySet<(string Resource, string Action)> Actions, DateTimeOffset Expires);
}
