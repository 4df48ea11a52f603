using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace CvManager.Cluster;

/// <summary>Turns what an API server or the network says into errors that people can act on.</summary>
internal static partial class ClusterErrors
{
    /// <summary>
    /// What sending a request and reading its answer may throw because of a peer: HttpClient does not say all of it as HttpRequestException
    /// (a Location or a proxy that is no address, a header that cannot be read).
    /// </summary>
    public static bool IsOfPeer(Exception e) =>
        e is IOException or HttpRequestException or SocketException or AuthenticationException or CryptographicException or FormatException
            or NotSupportedException or ArgumentException
        || (e is InvalidOperationException && e is not ObjectDisposedException);

    public static CvException From(Exception failure, Uri server)
    {
        TlsFault? tls = TlsFault.Of(failure);
        string why = UrlRedaction.Remove(tls?.Why ?? (failure.InnerException ?? failure).Message);
        (string id, CvErrorKind kind, string message, string remedy) = tls?.Kind switch
        {
            TlsFaultKind.ServerCertificate => (ErrorIds.ClusterCertificateInvalid, CvErrorKind.Unavailable, $"The certificate of {server} is not trusted: {why}",
                "Check certificate-authority, tls-server-name and server in the kubeconfig."),
            TlsFaultKind.ClientCertificate => (ErrorIds.ClusterUnauthorized, CvErrorKind.Unauthenticated, $"{server} admits nobody without a client certificate that it accepts: {why}.",
                "Check client-certificate and client-key of the user in the kubeconfig: whether they have expired, and which authority signed them."),
            TlsFaultKind.NotTls => (ErrorIds.ClusterTlsFailed, CvErrorKind.Unavailable, $"No TLS connection to {server} can be made: {why}.",
                "Check the port and the scheme of server in the kubeconfig, and proxies before it."),
            TlsFaultKind.Handshake => (ErrorIds.ClusterTlsFailed, CvErrorKind.Unavailable, $"No TLS connection to {server} can be made: {why}.",
                "Check server and tls-server-name in the kubeconfig, and which versions of TLS the API server or a load balancer before it allows."),
            _ => (ErrorIds.ClusterUnreachable, CvErrorKind.Unavailable, $"{server} cannot be reached: {why}",
                "See whether the cluster is up and the context is the right one (Get-CvContext)."),
        };
        return new CvException(id, kind, message, remedy, UrlRedaction.Without(failure)) { Target = server.ToString() };
    }

    public static CvException Late(string message, string title, Exception inner) => new(ErrorIds.ClusterTimeout, CvErrorKind.Timeout, message,
        "Check the network and the load of the API server, then try again.", inner) { Target = title };

    public static CvException TooLarge(string what, int limit) => new(ErrorIds.ClusterAnswerTooLarge, CvErrorKind.LimitExceeded,
        $"The API server sent a {what} of more than {limit / 1024 / 1024} MiB.", "Narrow it down with -Namespace or -LabelSelector.");

    /// <summary>There is no credential to show: an exec plugin or a token file failed.</summary>
    public static CvException NoCredential(string message, string remedy, Exception? inner = null) =>
        new(ErrorIds.ClusterUnauthorized, CvErrorKind.Unauthenticated, message, remedy, inner);

    public static CvException NoJson(string title, Exception? inner) => NoAnswer(title, "it is no JSON object", inner);

    /// <summary>No Kubernetes API server answered, but something between: a fault of the infrastructure, which may pass.</summary>
    public static CvException NoAnswer(string title, string why, Exception? inner = null) => new(ErrorIds.ClusterAnswerInvalid, CvErrorKind.Unavailable,
        $"The answer for {title} is not a Kubernetes API server's: {why}.", "Check the server's address in the kubeconfig, and proxies and load balancers before it.", inner) { Target = title };

    /// <param name="text">The body, a <c>Status</c> where the API server itself answered.</param>
    public static CvException FromAnswer(int code, string text, HttpMethod method, string title)
    {
        JsonObject? status = null;
        try
        {
            status = JsonNode.Parse(text) as JsonObject;
            bool isStatus = status.Text("kind") == "Status";
            status = isStatus ? ObjectShape.Whole(status!) : null;
        }
        catch (Exception e) when (ObjectShape.IsFault(e))
        {
            status = null;
        }

        // What stands for the whole server may be said by anybody before it, too. The API server's own word for a path that it does not serve is plain text.
        bool byCode = code is 401 or 408 or 429 or >= 500 || (code == 404 && text.Trim() == "404 page not found");
        return status is null && !byCode ? NoAnswer(title, $"status {code} without a Status object") : FromStatus(code, status, method, title);
    }

    /// <summary>Kubernetes API conventions, "Response Status Kind".</summary>
    public static CvException FromStatus(int code, JsonObject? status, HttpMethod method, string title)
    {
        string reason = status.Text("reason") ?? "";
        string message = status.Text("message") ?? $"the API server answered {code}";
        string did = $"{Verb(method)} {title}";
        (string id, CvErrorKind kind, string remedy) = Admission(code, message, Causes(status, "reason")) ?? (code, reason) switch
        {
            (401, _) => (ErrorIds.ClusterUnauthorized, CvErrorKind.Unauthenticated, "Log in again, or use another context: the credential is missing, wrong or expired."),
            (403, _) when MissingRight().IsMatch(message) => (ErrorIds.ClusterForbidden, CvErrorKind.Forbidden, $"Give the user or service account the right to {did} (RBAC)."),
            (403, _) => (ErrorIds.ClusterRefused, CvErrorKind.Forbidden, "See the message: a rule of the cluster forbids it, not a missing right."),
            (404, _) when title.StartsWith(Resources.ContainerVersion.Plural, StringComparison.Ordinal) && status.Text("details", "name") is null =>
                (ErrorIds.CrdNotInstalled, CvErrorKind.NotFound, "Install the custom resource: Install-CvController -CrdOnly."),
            (404, _) => (ErrorIds.ResourceNotFound, CvErrorKind.NotFound, "See its name and namespace, and that its kind is served by this cluster."),
            (409, "AlreadyExists") => (ErrorIds.ResourceAlreadyExists, CvErrorKind.Conflict, "Use another name, or change the one that exists."),
            (409, "Conflict") => (ErrorIds.ResourceConflict, CvErrorKind.Conflict, "Somebody else changed it meanwhile: read it again, and try again."),
            (409, _) => (ErrorIds.ClusterRefused, CvErrorKind.Forbidden, "See the message: a rule of the cluster forbids it."),
            (410, _) => (ErrorIds.ResourceExpired, CvErrorKind.Conflict, "Read it again from the beginning."),
            (400 or 422, _) => (ErrorIds.ResourceInvalid, CvErrorKind.Invalid, Remedy(status)),
            (429, _) => (ErrorIds.ClusterRateLimited, CvErrorKind.LimitExceeded, "Try again later; the API server is busy."),
            (408 or 504, _) => (ErrorIds.ClusterTimeout, CvErrorKind.Timeout, "Try again; the API server is slow."),
            (>= 500, _) => (ErrorIds.ClusterFailed, CvErrorKind.Unavailable, "Try again; the fault is the API server's."),
            _ => (ErrorIds.ClusterRefused, CvErrorKind.Invalid, "See the API server's message."),
        };
        string said = id == ErrorIds.CrdNotInstalled ? "The cluster does not serve containerversions.custom.k8s.io." : $"Could not {did}: {message}";
        return new CvException(id, kind, said, remedy) { Target = title };
    }

    /// <summary>
    /// A refusal by admission, whatever its code: a webhook answers with any that it likes (apiserver/pkg/admission/plugin/webhook/errors), and
    /// what the built-in plugins forbid has the code of a missing right. Each is told by the words of the plugin that says it.
    /// </summary>
    private static (string Id, CvErrorKind Kind, string Remedy)? Admission(int code, string message, IReadOnlyList<string> causes)
    {
        if (DeniedByWebhook().IsMatch(message))
            return (ErrorIds.ClusterAdmissionDenied, CvErrorKind.Forbidden, "See the message: an admission webhook of the cluster refuses it. Change the object, or ask whoever runs the webhook.");
        if (DeniedByPolicy().IsMatch(message))
            return (ErrorIds.ClusterPolicyDenied, CvErrorKind.Forbidden, "See the message: a ValidatingAdmissionPolicy of the cluster refuses it. Change the object, or the policy or its binding.");
        if (code == 500 && message.Contains("failed calling webhook", StringComparison.Ordinal))
            return (ErrorIds.ClusterWebhookFailed, CvErrorKind.Unavailable, "See whether the admission webhook's service is up; with failurePolicy Fail nothing is admitted without it.");
        // A pod in two budgets cannot be evicted at all, and that is answered with 500 (kubernetes/pkg/registry/core/pod/storage/eviction.go).
        if ((code == 429 && (causes.Contains("DisruptionBudget") || message.Contains("disruption budget", StringComparison.Ordinal)))
            || (code == 500 && message.Contains("more than one PodDisruptionBudget", StringComparison.Ordinal)))
            return (ErrorIds.PodDisruptionBudgetViolated, CvErrorKind.LimitExceeded, "Wait until more of its pods are ready, or change the PodDisruptionBudget.");
        if (code != 403)
            return null;
        if (message.Contains("exceeded quota", StringComparison.Ordinal) || message.Contains("failed quota", StringComparison.Ordinal))
            return (ErrorIds.ClusterQuotaExceeded, CvErrorKind.Forbidden, "Raise the namespace's ResourceQuota, free some of it, or give the containers the requests and limits that it asks for.");
        if (message.Contains("violates PodSecurity", StringComparison.Ordinal) || UnderNoPolicy().IsMatch(message))
            return (ErrorIds.ClusterPodSecurityDenied, CvErrorKind.Forbidden, "Give the pod a securityContext that the namespace's Pod Security level allows, or change the level.");
        if (AgainstLimitRange().IsMatch(message))
            return (ErrorIds.ClusterLimitRangeViolated, CvErrorKind.Forbidden, "Change the containers' requests and limits to what the namespace's LimitRange allows, or change that.");
        if (causes.Contains("NamespaceTerminating") || message.Contains("because it is being terminated", StringComparison.Ordinal))
            return (ErrorIds.NamespaceTerminating, CvErrorKind.Forbidden, "Wait until the namespace is gone, then create it again; nothing new may be created in it meanwhile.");
        return null;
    }

    private static string Remedy(JsonObject? status)
    {
        string named = string.Join(", ", Causes(status, "field"));
        return named.Length == 0 ? "Fix the object as described." : $"Fix {named}.";
    }

    private static List<string> Causes(JsonObject? status, string field) =>
        [.. status.Items("details", "causes").Select(cause => cause.Text(field)).OfType<string>().Distinct()];

    private static string Verb(HttpMethod method) => method.Method switch
    {
        "GET" => "read",
        "POST" => "create",
        "PUT" => "replace",
        "PATCH" => "patch",
        _ => "delete",
    };

    // apiserver/pkg/endpoints/handlers/responsewriters/errors.go, and the escalation check of RBAC.
    [GeneratedRegex(@"forbidden: (User "".*"" cannot |user "".*"" \(groups=.*is attempting to grant RBAC permissions)", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline)]
    private static partial Regex MissingRight();

    [GeneratedRegex(@"\A(admission webhook "".*"" denied the request|.*image policy webhook .* denied)", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline)]
    private static partial Regex DeniedByWebhook();

    [GeneratedRegex(@"ValidatingAdmissionPolicy '.*' with binding '.*' denied request", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline)]
    private static partial Regex DeniedByPolicy();

    // PodSecurityPolicy (until 1.24) and OpenShift's SecurityContextConstraints.
    [GeneratedRegex(@"unable to validate against any (pod security policy|security context constraint)", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex UnderNoPolicy();

    // plugin/pkg/admission/limitranger/admission.go
    [GeneratedRegex(@"(maximum|minimum) \S+ usage per \w+ is|max limit to request ratio per \w+ is", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex AgainstLimitRange();
}
