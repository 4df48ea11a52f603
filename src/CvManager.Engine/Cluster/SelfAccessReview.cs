using System.Text.Json.Nodes;

namespace CvManager.Cluster;

/// <summary>Asks the API server what the user of a connection may do (SelfSubjectAccessReview, authorization.k8s.io/v1).</summary>
internal static class SelfAccessReview
{
    /// <param name="path">A collection, or an object by name; without a namespace: in all of them.</param>
    /// <exception cref="CvException">The API server did not answer, or refused the credential (<c>ClusterUnauthorized</c>).</exception>
    public static async Task<bool> IsAllowedAsync(
        ClusterConnection cluster,
        ResourcePath path,
        string verb,
        CancellationToken cancellationToken
    )
    {
        var review = await cluster.CreateAsync(
            new ResourcePath("authorization.k8s.io", "v1", "selfsubjectaccessreviews"),
            new JsonObject
            {
                ["apiVersion"] = "authorization.k8s.io/v1",
                ["kind"] = "SelfSubjectAccessReview",
                ["spec"] = new JsonObject
                {
                    ["resourceAttributes"] = new JsonObject
                    {
                        ["group"] = path.Group,
                        ["resource"] = path.Plural,
                        ["namespace"] = path.Namespace ?? "",
                        ["verb"] = verb,
                    },
                },
            },
            cancellationToken
        );
        return review.Flag("status", "allowed");
    }
}
