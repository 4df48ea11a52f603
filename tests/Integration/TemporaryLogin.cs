using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using Xunit;

namespace CvManager.Integration;

/// <summary>A kubeconfig with a token of a service account. Disposing deletes the file.</summary>
internal sealed class TemporaryLogin : IDisposable
{
    private TemporaryLogin(string kubeConfig)
    {
        KubeConfig = kubeConfig;
    }

    public string KubeConfig { get; }

    /// <summary>Creates a token Secret, which Kubernetes 1.24 and later require; older versions support it as well.</summary>
    public static async Task<TemporaryLogin> CreateAsync(
        ClusterConnection cluster,
        string ns,
        string account,
        CancellationToken cancellationToken
    )
    {
        var name = $"login-{Guid.NewGuid().ToString("N")[..8]}";
        ResourcePath secrets = new("", "v1", "secrets", ns);
        await UntilAsync(cluster, new ResourcePath("", "v1", "serviceaccounts", ns), account, _ => true, cancellationToken);
        await cluster.CreateAsync(
            secrets,
            new JsonObject
            {
                ["type"] = "kubernetes.io/service-account-token",
                ["metadata"] = new JsonObject
                {
                    ["name"] = name,
                    ["annotations"] = new JsonObject { ["kubernetes.io/service-account.name"] = account },
                },
            },
            cancellationToken
        );
        var data = (await UntilAsync(cluster, secrets, name, secret => secret["data"]?["token"] is not null, cancellationToken))["data"]!;
        var file = Path.Combine(AppContext.BaseDirectory, $"{name}.kubeconfig");
        await File.WriteAllTextAsync(
            file,
            $$"""
            apiVersion: v1
            kind: Config
            clusters: [{name: tests, cluster: {server: "{{cluster.Server}}", certificate-authority-data: {{data[
                "ca.crt"
            ]!.GetValue<string>()}} } }]
            users: [{name: account, user: {token: {{Encoding.UTF8.GetString(
                Convert.FromBase64String(data["token"]!.GetValue<string>())
            )}} } }]
            contexts: [{name: account, context: {cluster: tests, user: account, namespace: {{ns}} } }]
            current-context: account
            """,
            cancellationToken
        );
        return new TemporaryLogin(file);
    }

    public void Dispose() => File.Delete(KubeConfig);

    private static async Task<JsonObject> UntilAsync(
        ClusterConnection cluster,
        ResourcePath path,
        string name,
        Func<JsonObject, bool> isMeant,
        CancellationToken cancellationToken
    )
    {
        await foreach ((var _, var item) in cluster.WatchAsync(path, null, "0", 30, cancellationToken))
        {
            if (item["metadata"]?["name"]?.GetValue<string>() == name && isMeant(item))
                return item;
        }

        Assert.Fail($"{path.Plural}/{name} of {path.Namespace} did not reach the expected state within 30 s.");
        throw new InvalidOperationException();
    }
}
