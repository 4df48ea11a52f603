using System.Net;
using System.Text;
using System.Text.Json;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Support.Registries;
using Xunit;
using static CvManager.Support.Registries.ScriptedRegistry;

namespace CvManager.Unit.Registries;

/// <summary>Registries that echo credentials (invariant 12) or send escape sequences.</summary>
public sealed class EchoTests
{
    private static readonly ImageRepository App = ImageRepository.Parse("registry.test/app");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Where the response contains the echo.</summary>
    public static TheoryData<string> Places() => ["403", "401", "404", "400", "500", "type", "digest", "location", "link", "status line"];

    [Theory]
    [MemberData(nameof(Places))]
    public async Task An_echoed_credential_is_not_in_any_message(string place)
    {
        var header = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("robot:S3cret-pass-XYZ"));
        var echo = $"\u001b[31m\r\n{header} S3cret-pass-XYZ {new string('x', 100_000)}";
        var body = JsonSerializer.Serialize(new { errors = new[] { new { code = "DENIED", message = echo } } });
        using var handler = new ScriptedRegistry(request =>
            request.Headers.Authorization is null
                ? Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", "Basic realm=\"x\""))
                : place switch
                {
                    "type" => Typed(echo),
                    "digest" => Status(HttpStatusCode.OK, ("Docker-Content-Digest", echo)),
                    "location" => Status(HttpStatusCode.Found, ("Location", "http://S3cret-pass-XYZ.test/")),
                    "link" => Status(
                        HttpStatusCode.OK,
                        ("Link", $"<https://{Convert.ToBase64String(Encoding.UTF8.GetBytes("robot:S3cret-pass-XYZ"))}.test/>; rel=\"next\"")
                    ),
                    "status line" => throw new HttpRequestException($"Received an invalid status line: '{echo}'.", new IOException(echo)),
                    _ => Json(body, (HttpStatusCode)int.Parse(place, System.Globalization.CultureInfo.InvariantCulture)),
                }
        );
        using var catalog = handler.Catalog(RegistryCredential.OfPassword("robot", "S3cret-pass-XYZ"));
        var registry = catalog.For(App);

        foreach (
            var ask in (Func<Task>[])
                [
                    () => registry.FindTagAsync(App, "demo", Token),
                    () => List(registry),
                    () => registry.AddTagAsync(App, "v1", "demo", Token),
                    () => registry.RemoveTagAsync(App, "demo", false, Token),
                ]
        )
        {
            if (await Record.ExceptionAsync(ask) is not { } error)
                continue;
            Assert.IsType<CvException>(error);
            var all = error.ToString();
            Assert.DoesNotContain("S3cret", all, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(header[6..].TrimEnd('='), all, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(error.Message, char.IsControl);
            Assert.InRange(error.Message.Length, 1, 2000);
        }

        Assert.Contains(handler.Requests, r => r.Authorization is not null);
    }

    private static HttpResponseMessage Typed(string type)
    {
        var answer = Json("{}");
        answer.Content.Headers.Remove("Content-Type");
        answer.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        return answer;
    }

    private static async Task List(IRegistry registry)
    {
        await foreach (var _ in registry.ListTagsAsync(App, Token)) { }
    }
}
