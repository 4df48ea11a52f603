using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Cluster;

/// <summary>Turns what an API server or the network says into errors that people can act on.</summary>
internal static class ClusterErrors
{
    public static CvException From(Exception failure, Uri server)
    {
        string why = LoginInAddress.Remove((failure.InnerException ?? failure).Message);
        Exception? inner = LoginInAddress.Without(failure);
        bool certificate = failure.InnerException is System.Security.Authentication.AuthenticationException;
        return certificate
            ? new CvException("ClusterCertificateInvalid", CvErrorKind.Unavailable, $"The certificate of {server} is not trusted: {why}",
                "Give the cluster's certificate-authority in the kubeconfig.", inner) { Target = server.ToString() }
            : new CvException("ClusterUnreachable", CvErrorKind.Unavailable, $"{server} cannot be reached: {why}",
                "See whether the cluster is up and the context is the right one (Get-CvContext).", inner) { Target = server.ToString() };
    }

    /// <summary>The credential could not be had: an exec plugin or a token file failed.</summary>
    public static CvException NoCredential(Exception failure, Uri server) => new("ClusterUnauthorized", CvErrorKind.Unauthenticated,
        $"There is no credential for {server}: {failure.Message}", "Log in again, and see the user's exec or token file in the kubeconfig.", failure)
    {
        Target = server.ToString(),
    };

    public static CvException NoJson(string title, Exception? inner) => new("ClusterAnswerInvalid", CvErrorKind.Invalid,
        $"What was answered for {title} is no JSON object: no Kubernetes API server, or something between.", "See the server's address in the kubeconfig.", inner) { Target = title };

    /// <param name="text">The body, a <c>Status</c> where the API server itself answered.</param>
    public static CvException FromAnswer(int code, string text, HttpMethod method, string title)
    {
        JsonObject? status = null;
        try
        {
            status = JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            // "404 page not found", or a proxy's page: the code is all that there is to go by.
        }

        return FromStatus(code, status, method, title);
    }

    /// <summary>Kubernetes API conventions, "Response Status Kind".</summary>
    public static CvException FromStatus(int code, JsonObject? status, HttpMethod method, string title)
    {
        string reason = Text(status?["reason"]) ?? "";
        string message = Text(status?["message"]) ?? $"the API server answered {code}";
        string did = $"{Verb(method)} {title}";
        (string id, CvErrorKind kind, string remedy) = (code, reason) switch
        {
            (401, _) => ("ClusterUnauthorized", CvErrorKind.Unauthenticated, "Log in again, or use another context: the credential is missing, wrong or expired."),
            (403, _) when IsRuled(message) => ("ClusterRefused", CvErrorKind.Forbidden, "See the message: a rule of the cluster forbids it, not a right that is missing."),
            (403, _) => ("ClusterForbidden", CvErrorKind.Forbidden, $"Give the user or service account the right to {did} (RBAC)."),
            (404, _) when title.StartsWith(Resources.ContainerVersion.Plural, StringComparison.Ordinal) && Text((status?["details"] as JsonObject)?["name"]) is null =>
                ("CrdNotInstalled", CvErrorKind.NotFound, "Install the custom resource: Install-CvController -CrdOnly."),
            (404, _) => ("ResourceNotFound", CvErrorKind.NotFound, "See its name and namespace, and that its kind is served by this cluster."),
            (409, "AlreadyExists") => ("ResourceAlreadyExists", CvErrorKind.Conflict, "Use another name, or change the one that exists."),
            (409, _) => ("ResourceConflict", CvErrorKind.Conflict, "Somebody else changed it meanwhile: read it again, and try again."),
            (410, _) => ("ResourceExpired", CvErrorKind.Conflict, "Read it again from the beginning."),
            (400 or 422, _) => ("ResourceInvalid", CvErrorKind.Invalid, Remedy(status)),
            (429, _) => ("ClusterRateLimited", CvErrorKind.LimitExceeded, "Try again later; the API server is busy."),
            (408 or 504, _) => ("ClusterTimeout", CvErrorKind.Timeout, "Try again; the API server is slow."),
            (>= 500, _) => ("ClusterFailed", CvErrorKind.Unavailable, "Try again; the fault is the API server's."),
            _ => ("ClusterRefused", CvErrorKind.Invalid, "See the API server's message."),
        };
        string said = id == "CrdNotInstalled" ? "The cluster does not serve containerversions.custom.k8s.io." : $"Could not {did}: {message}";
        return new CvException(id, kind, said, remedy) { Target = title };
    }

    /// <summary>403 is also what admission answers, beside RBAC: a webhook or policy, a quota, a namespace that is being deleted.</summary>
    private static bool IsRuled(string message) => message.Contains("admission webhook", StringComparison.Ordinal) || message.Contains("ValidatingAdmissionPolicy", StringComparison.Ordinal)
        || message.Contains("exceeded quota", StringComparison.Ordinal) || message.Contains("being terminated", StringComparison.Ordinal);

    private static string Remedy(JsonObject? status)
    {
        IEnumerable<string> fields = ((status?["details"] as JsonObject)?["causes"] as JsonArray)?.Select(cause => Text((cause as JsonObject)?["field"])).OfType<string>().Distinct() ?? [];
        string named = string.Join(", ", fields);
        return named.Length == 0 ? "Mend the object as the message says." : $"Mend {named}.";
    }

    /// <summary>Null for anything but a string: something between may answer in a shape of its own.</summary>
    private static string? Text(JsonNode? node) => node?.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : null;

    private static string Verb(HttpMethod method) => method.Method switch
    {
        "GET" => "read",
        "POST" => "create",
        "PUT" => "replace",
        "PATCH" => "patch",
        _ => "delete",
    };
}
