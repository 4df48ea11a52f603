namespace CvManager.Support.PowerShell;

internal static class KubeConfigs
{
    /// <summary>A kubeconfig with one context, named test, for a server.</summary>
    public static string For(string server) =>
        $$"""
            apiVersion: v1
            kind: Config
            current-context: test
            clusters:
            - name: test
              cluster: {server: "{{server}}" }
            users:
            - name: test
              user: {token: token }
            contexts:
            - name: test
              context: {cluster: test, user: test, namespace: shop}
            """;
}
