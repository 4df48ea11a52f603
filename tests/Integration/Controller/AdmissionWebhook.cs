using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Support.Network;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>A mutating admission webhook on loopback, for one kind of object in one namespace.</summary>
internal sealed class AdmissionWebhook : LoopbackServer
{
    public const string Name = "images.example.com";

    private readonly Scene _scene;
    private readonly Func<string, Verdict> _judge;
    private readonly X509Certificate2 _certificate;

    private AdmissionWebhook(Scene scene, Func<string, Verdict> judge, X509Certificate2 certificate)
    {
        (_scene, _judge, _certificate) = (scene, judge, certificate);
        Start();
    }

    /// <summary>The requests so far: operation, kind and image of the first container.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <param name="scene">The scene whose namespace it applies to.</param>
    /// <param name="group">The API group of the objects; empty for the core group.</param>
    /// <param name="resource">The plural name of the resource.</param>
    /// <param name="judge">Returns the verdict for an object, given the image of its first container.</param>
    public static async Task<AdmissionWebhook> StartAsync(Scene scene, string group, string resource, Func<string, Verdict> judge)
    {
        using TestAuthority authority = new();
        AdmissionWebhook webhook = new(scene, judge, authority.Issue("webhook", ["127.0.0.1"]).Certificate);
        await scene.KubeCtlAsync("label", "namespace", scene.Namespace, $"hook={scene.Namespace}");
        await scene.ApplyAsync(
            $$$"""
            apiVersion: admissionregistration.k8s.io/v1
            kind: MutatingWebhookConfiguration
            metadata: {name: {{{scene.Namespace}}} }
            webhooks:
            - name: {{{Name}}}
              clientConfig: {url: "https://127.0.0.1:{{{webhook.Port}}}/", caBundle: {{{Convert.ToBase64String(
                Encoding.ASCII.GetBytes(authority.Pem)
            )}}} }
              namespaceSelector: {matchLabels: {hook: {{{scene.Namespace}}} } }
              rules: [{apiGroups: ["{{{group}}}"], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [{{{resource}}}]}]
              sideEffects: None
              admissionReviewVersions: [v1]
              timeoutSeconds: 5
            """
        );
        // The API server takes some time to apply the configuration.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        while (webhook.Requests.IsEmpty)
            await webhook.ProbeAsync(group, resource, limit.Token);

        webhook.Requests.Clear();
        return webhook;
    }

    /// <summary>Removes the webhook from the cluster.</summary>
    public Task RemoveAsync() => _scene.KubeCtlAsync("delete", "mutatingwebhookconfiguration", _scene.Namespace, "--ignore-not-found");

    public override async ValueTask DisposeAsync()
    {
        await RemoveAsync();
        await base.DisposeAsync();
        _certificate.Dispose();
    }

    protected override async Task ServeAsync(Stream client, CancellationToken cancellationToken)
    {
        await using SslStream tls = new(client);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, cancellationToken);
        while (await ReadHeadAsync(tls, cancellationToken) is { } head)
        {
            var length = head.Single(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))[
                "Content-Length:".Length..
            ];
            var body = new byte[int.Parse(length, CultureInfo.InvariantCulture)];
            await tls.ReadExactlyAsync(body, cancellationToken);
            JsonObject review = new()
            {
                ["apiVersion"] = "admission.k8s.io/v1",
                ["kind"] = "AdmissionReview",
                ["response"] = Answer(JsonNode.Parse(body)!["request"]!),
            };
            var text = Encoding.UTF8.GetBytes(review.ToJsonString());
            await WriteHeadAsync(
                tls,
                cancellationToken,
                "HTTP/1.1 200 OK",
                "Content-Type: application/json",
                $"Content-Length: {text.Length}"
            );
            await tls.WriteAsync(text, cancellationToken);
        }
    }

    private JsonObject Answer(JsonNode request)
    {
        JsonObject response = new() { ["uid"] = request["uid"]!.GetValue<string>(), ["allowed"] = true };
        var isPod = request["kind"]!["kind"]!.GetValue<string>() == "Pod";
        var image = (isPod ? request["object"]!["spec"] : request["object"]!["spec"]!["template"]!["spec"])!["containers"]![0]![
            "image"
        ]!.GetValue<string>();
        Requests.Enqueue($"{request["operation"]!.GetValue<string>()} {request["kind"]!["kind"]!.GetValue<string>()} {image}");
        var verdict = _judge(image);
        if (verdict.Code is { } code)
        {
            response["allowed"] = false;
            response["status"] = new JsonObject { ["code"] = code, ["message"] = "image is not signed" };
        }
        else if (verdict.Image is { } other && other != image)
        {
            JsonArray patch =
            [
                new JsonObject
                {
                    ["op"] = "replace",
                    ["path"] = $"/spec{(isPod ? "" : "/template/spec")}/containers/0/image",
                    ["value"] = other,
                },
            ];
            response["patchType"] = "JSONPatch";
            response["patch"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(patch.ToJsonString()));
        }

        return response;
    }

    /// <summary>Creates an object with dry run, for which the API server calls the webhook once it has applied the configuration.</summary>
    private async Task ProbeAsync(string group, string resource, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        const string Pod = """{containers: [{name: probe, image: "probe.example.com/probe:1"}], restartPolicy: """;
        var template =
            $$$"""{selector: {matchLabels: {app: probe}}, template: {metadata: {labels: {app: probe}}, spec: {{{Pod}}} Always} } }""";
        (var version, var kind, var spec) = (group, resource) switch
        {
            ("apps", "deployments") => ("apps/v1", "Deployment", template),
            ("batch", "jobs") => ("batch/v1", "Job", $$"""{template: {spec: {{Pod}} Never} } }"""),
            _ => ("v1", "Pod", Pod + "Always}"),
        };
        await _scene.ApplyAsync(
            $$"""
            apiVersion: {{version}}
            kind: {{kind}}
            metadata: {name: probe}
            spec: {{spec}}
            """,
            "--dry-run=server"
        );
    }

    /// <summary>The verdict on an object: the status code of a denial, or a new image.</summary>
    internal readonly record struct Verdict(int? Code, string? Image)
    {
        public static Verdict Refuse(int code) => new(code, null);

        public static Verdict Rewrite(string image) => new(null, image);
    }
}
