using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Web;

namespace CvManager.Integration.Registries;

/// <summary>
/// A token server as specified by the distribution project (docs/spec/auth: token.md, jwt.md, oauth.md). Signs the permissions of a user
/// with its own certificate, which a registry must trust.
/// </summary>
internal sealed class SigningTokenServer : IAsyncDisposable
{
    public const string Service = "cvm-registry";
    public const string Issuer = "cvm-tokens";
    public const string RefreshToken = "long-lived-refresh-token";

    private readonly HttpListener _listener = new();
    private readonly RSA _key = RSA.Create(2048);
    private readonly X509Certificate2 _certificate;
    private readonly ConcurrentQueue<string> _scopes = new();
    private readonly Task _serving;

    /// <param name="users">Password and allowed actions of each user. The user of the refresh token is "refresher".</param>
    public SigningTokenServer(IReadOnlyDictionary<string, (string Password, string[] Actions)> users)
    {
        CertificateRequest request = new("CN=" + Issuer, _key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddHours(1));
        var port = LoopbackPort.Free();
        Realm = $"http://127.0.0.1:{port}/token";
        _listener.Prefixes.Add($"http://127.0.0.1:{port}/");
        _listener.Start();
        _serving = ServeAsync(users);
    }

    public string Realm { get; }

    /// <summary>The scopes of the tokens issued so far.</summary>
    public IReadOnlyList<string> Scopes => [.. _scopes];

    public string CertificatePem => _certificate.ExportCertificatePem();

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
        _certificate.Dispose();
        _key.Dispose();
    }

    private async Task ServeAsync(IReadOnlyDictionary<string, (string Password, string[] Actions)> users)
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            using var response = context.Response;
            var answer = await RespondAsync(context.Request, users);
            response.StatusCode = answer is null ? 401 : 200;
            response.ContentType = "application/json";
            response.OutputStream.Write(Encoding.UTF8.GetBytes(answer ?? """{"details":"incorrect username or password"}"""));
        }
    }

    private async Task<string?> RespondAsync(
        HttpListenerRequest request,
        IReadOnlyDictionary<string, (string Password, string[] Actions)> users
    )
    {
        var parameters = HttpUtility.ParseQueryString(request.Url!.Query);
        string? user = null;
        if (request.HttpMethod == "POST")
        {
            using StreamReader reader = new(request.InputStream);
            parameters = HttpUtility.ParseQueryString(await reader.ReadToEndAsync());
            user = parameters["grant_type"] == "refresh_token" && parameters["refresh_token"] == RefreshToken ? "refresher" : null;
        }
        else if (request.Headers["Authorization"] is ['B', 'a', 's', 'i', 'c', ' ', .. string encoded])
        {
            var login = Encoding.UTF8.GetString(Convert.FromBase64String(encoded)).Split(':', 2);
            user = users.TryGetValue(login[0], out var known) && known.Password == login[1] ? login[0] : null;
        }

        if (user is null || parameters["service"] != Service)
            return null;
        JsonArray access = [];
        // A push can request several scopes: the repository, and those to mount layers from.
        foreach (var scope in parameters.GetValues("scope") ?? [])
        {
            _scopes.Enqueue(scope);
            if (scope.Split(':') is not [var type, .. var name, var actions])
                continue;
            access.Add(
                new JsonObject
                {
                    ["type"] = type,
                    ["name"] = string.Join(':', name),
                    ["actions"] = JsonSerializer.SerializeToNode(actions.Split(',').Intersect(users[user].Actions)),
                }
            );
        }

        return new JsonObject { ["token"] = Sign(user, access), ["expires_in"] = 300 }.ToJsonString();
    }

    private string Sign(string user, JsonArray access)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        JsonObject header = new()
        {
            ["typ"] = "JWT",
            ["alg"] = "RS256",
            ["x5c"] = new JsonArray(Convert.ToBase64String(_certificate.RawData)),
        };
        JsonObject claims = new()
        {
            ["iss"] = Issuer,
            ["sub"] = user,
            ["aud"] = Service,
            ["iat"] = now,
            ["nbf"] = now - 10,
            ["exp"] = now + 300,
            ["jti"] = Guid.NewGuid().ToString("N"),
            ["access"] = access,
        };
        var signed = $"{Encoded(header)}.{Encoded(claims)}";
        return $"{signed}.{Url(_key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    private static string Encoded(JsonObject json) => Url(Encoding.UTF8.GetBytes(json.ToJsonString()));

    private static string Url(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
