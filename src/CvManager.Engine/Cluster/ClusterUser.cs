using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;

namespace CvManager.Cluster;

/// <summary>The user of a connection, by the name that the audit log of the cluster has.</summary>
public static class ClusterUser
{
    /// <summary>
    /// Kubernetes documentation, "API access to authentication information for a client": alpha in 1.26, beta in 1.27, stable in 1.28.
    /// </summary>
    private static readonly string[] Versions = ["v1", "v1beta1", "v1alpha1"];

    private const int MaxNameLength = 256;

    /// <summary>
    /// The user according to the API server (SelfSubjectReview); if it does not serve that API, the user in the kubeconfig; if there is
    /// none, the user of the operating system.
    /// </summary>
    /// <returns>Without control characters, at most 256 characters.</returns>
    public static async Task<string> FindAsync(ClusterConnection cluster, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        var name = await ReviewAsync(cluster, cancellationToken) ?? cluster.UserName ?? Environment.UserName;
        name = new string([.. name.Where(c => !char.IsControl(c))]);
        return name.Length <= MaxNameLength ? name : name[..MaxNameLength];
    }

    /// <summary>The impersonated user, the common name of the client certificate, the user name, or the name of the user entry.</summary>
    internal static string? NameIn(KubeConfig file, string context)
    {
        var entry = file.Contexts?.FirstOrDefault(c => c.Name == context)?.Context?.User;
        var user = file.Users?.FirstOrDefault(u => u.Name == entry)?.User;
        var name = user?.As ?? CommonName(user?.ClientCertificateData) ?? user?.Username ?? entry;
        return string.IsNullOrEmpty(name) ? null : name;
    }

    private static async Task<string?> ReviewAsync(ClusterConnection cluster, CancellationToken cancellationToken)
    {
        foreach (var version in Versions)
        {
            try
            {
                var review = await cluster.CreateAsync(
                    new ResourcePath("authentication.k8s.io", version, "selfsubjectreviews"),
                    new JsonObject { ["apiVersion"] = $"authentication.k8s.io/{version}", ["kind"] = "SelfSubjectReview" },
                    cancellationToken
                );
                return review.Text("status", "userInfo", "username") is { Length: > 0 } name ? name : null;
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                // An older server serves an older version or none.
            }
            catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.NotSupported or CvErrorKind.Invalid)
            {
                return null;
            }
        }

        return null;
    }

    private static string? CommonName(string? base64)
    {
        if (string.IsNullOrEmpty(base64))
            return null;
        try
        {
            var pem = System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(base64));
            using var certificate = X509Certificate2.CreateFromPem(pem);
            return certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) is { Length: > 0 } name ? name : null;
        }
        catch (Exception e) when (e is FormatException or CryptographicException or ArgumentException)
        {
            return null;
        }
    }
}
