using System.Security.Cryptography;
using CvManager.Support;
using Xunit;

namespace CvManager.Node;

/// <summary>The API server restarts, and the service account tokens are rotated, while the controller runs.</summary>
[Collection(nameof(Disruptive))]
public sealed class CredentialTests(InstalledController controller)
{
    private const string Former = "1.0.0";
    private const string Next = "1.1.0";
    private const string SigningKey = "--service-account-signing-key-file=";
    private const string AcceptedKey = "--service-account-key-file=";

    [Fact]
    public async Task A_rollout_is_completed_although_the_API_server_restarts()
    {
        await using var scene = await NodeScene.RunSlowlyAsync("restart", Former, Next);
        var before = await controller.UntilReadyAsync();
        scene.MoveTag(Next);
        await scene.UntilProgressingAsync(Next);

        await TestNode.RestartApiServerAsync(arguments => arguments);

        await scene.UntilSuccessAsync("app", Next);
        Assert.Equal([$"{Next} Succeeded"], await scene.HistoryAsync());
        await IsSameAsync(before);
    }

    [Fact]
    public async Task Rotated_service_account_tokens_are_used()
    {
        await using var scene = await NodeScene.RunSlowlyAsync("rotation", Former, Next);
        var before = await controller.UntilReadyAsync();
        var former = before.ToDictionary(pod => pod.Name, TokenOf);
        var key = Path.Combine(TestNode.ControlPlane, "pki", $"sa-{Guid.NewGuid():N}");
        using (var rsa = RSA.Create(2048))
        {
            await File.WriteAllTextAsync(key + ".key", rsa.ExportRSAPrivateKeyPem(), TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(key + ".pub", rsa.ExportSubjectPublicKeyInfoPem(), TestContext.Current.CancellationToken);
        }

        // As an administrator rotates the key: new tokens are signed with it, while former ones are still accepted.
        await TestNode.RestartApiServerAsync(arguments =>
            [
                .. arguments.Where(one => !one.StartsWith(SigningKey, StringComparison.Ordinal)),
                $"{SigningKey}{key}.key",
                $"{AcceptedKey}{key}.pub",
            ]
        );
        // A kubelet that restarts requests a new token for each pod; otherwise, only after 80 % of the token's life (48 minutes).
        await TestNode.RestartKubeletAsync();
        await TestNode.UntilAsync("every token is replaced", () => Task.FromResult(before.All(pod => TokenOf(pod) != former[pod.Name])));
        // From now on, former tokens are rejected.
        await TestNode.RestartApiServerAsync(arguments =>
            arguments.Where(one => !one.StartsWith(AcceptedKey, StringComparison.Ordinal) || one == $"{AcceptedKey}{key}.pub")
        );
        foreach (var pod in before)
        {
            Assert.Equal("401", await StatusOfAsync(former[pod.Name]));
            Assert.Equal("200", await StatusOfAsync(TokenOf(pod)));
        }

        scene.MoveTag(Next);
        await scene.UntilSuccessAsync("app", Next);

        Assert.Equal([$"{Next} Succeeded"], await scene.HistoryAsync());
        await IsSameAsync(before);
    }

    /// <summary>Asserts that no container was restarted.</summary>
    private async Task IsSameAsync(IReadOnlyList<ControllerPod> before) =>
        Assert.Equal(
            before.Select(pod => pod.ContainerId).Order(StringComparer.Ordinal),
            (await controller.UntilReadyAsync()).Select(pod => pod.ContainerId).Order(StringComparer.Ordinal)
        );

    /// <summary>The token that the container finds in its file system.</summary>
    private static string TokenOf(ControllerPod pod)
    {
        using var process = pod.Process;
        return File.ReadAllText($"/proc/{process.Id}/root/run/secrets/kubernetes.io/serviceaccount/token");
    }

    /// <summary>The status code of a request with a token.</summary>
    private async Task<string> StatusOfAsync(string token) =>
        await ExternalProgram.RunAsync(
            "curl",
            [
                "--silent",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_code}",
                "--cacert",
                Path.Combine(TestNode.ControlPlane, "pki", "ca.crt"),
                "--header",
                $"Authorization: Bearer {token}",
                new Uri(controller.Space.Cluster.Server, "version").AbsoluteUri,
            ]
        );
}
