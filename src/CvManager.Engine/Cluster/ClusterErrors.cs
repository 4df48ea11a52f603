using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace CvManager.Cluster;

/// <summary>Maps responses of an API server and network failures to errors that name a cause and a remedy.</summary>
internal static partial class ClusterErrors
{
    /// <summary>
    /// True for exceptions that sending a request or reading its response throws because of the remote side. HttpClient does not wrap all
    /// of them in HttpRequestException (an invalid Location or proxy address, an unreadable header).
    /// </summary>
    public static bool IsRemoteFailure(Exception e) =>
        e
            is IOException
                or HttpRequestException
                or SocketException
                or AuthenticationException
                or CryptographicException
                or FormatException
                or NotSupportedException
                or ArgumentException
        || (e is InvalidOperationException && e is not ObjectDisposedException);

    public static CvException From(Exception failure, Uri server)
    {
        var tls = TlsFault.Of(failure);
        var why = UrlRedaction.Remove(tls?.Why ?? (failure.InnerException ?? failure).Message);
        (var id, var kind, var message, var remedy) = tls?.Kind switch
        {
            TlsFaultKind.ServerCertificate => (
                ErrorIds.ClusterCertificateInvalid,
                CvErrorKind.Unavailable,
                $"The certificate of {server} is not trusted: {why}",
                "Check certificate-authority, tls-server-name and server in the kubeconfig."
            ),
            TlsFaultKind.ClientCertificate => (
                ErrorIds.ClusterUnauthorized,
                CvErrorKind.Unauthenticated,
                $"{server} rejected the client certificate, or requires one: {why}.",
                "Check the user's client-certificate and client-key in the kubeconfig: their expiry date and the authority that "
                    + "signed them."
            ),
            TlsFaultKind.NotTls => (
                ErrorIds.ClusterTlsFailed,
                CvErrorKind.Unavailable,
                $"TLS connection to {server} failed: {why}.",
                "Check the port and scheme of the cluster's server in the kubeconfig, and any proxy in between."
            ),
            TlsFaultKind.Handshake => (
                ErrorIds.ClusterTlsFailed,
                CvErrorKind.Unavailable,
                $"TLS connection to {server} failed: {why}.",
                "Check server and tls-server-name in the kubeconfig, and the TLS versions that the API server or its load balancer allows."
            ),
            _ => (
                ErrorIds.ClusterUnreachable,
                CvErrorKind.Unavailable,
                $"Could not connect to {server}: {why}",
                "Check that the cluster is running and that the context is the right one (Get-CvContext)."
            ),
        };
        return new CvException(id, kind, message, remedy, UrlRedaction.Without(failure)) { Target = server.ToString() };
    }

    public static CvException TimedOut(string message, string title, Exception inner) =>
        new(
            ErrorIds.ClusterTimeout,
            CvErrorKind.Timeout,
            message,
            "Check the network and the load on the API server, then try again.",
            inner
        )
        {
            Target = title,
        };

    public static CvException TooLarge(string what, int limit) =>
        new(
            ErrorIds.ClusterResponseTooLarge,
            CvErrorKind.LimitExceeded,
            $"The API server sent a {what} larger than the limit of {limit / 1024 / 1024} MiB.",
            "Request fewer objects with -Namespace or -LabelSelector."
        );

    /// <summary>No credential available: an exec plugin or a token file failed.</summary>
    public static CvException NoCredential(string message, string remedy, Exception? inner = null) =>
        new(ErrorIds.ClusterUnauthorized, CvErrorKind.Unauthenticated, message, remedy, inner);

    public static CvException NotJson(string title, Exception? inner) => InvalidResponse(title, "it is not a JSON object", inner);

    /// <summary>
    /// The response did not come from a Kubernetes API server but from something in between (a proxy, a load balancer). Transient.
    /// </summary>
    public static CvException InvalidResponse(string title, string why, Exception? inner = null) =>
        new(
            ErrorIds.ClusterResponseInvalid,
            CvErrorKind.Unavailable,
            $"The response for {title} is not from a Kubernetes API server: {why}.",
            "Check the cluster's server address in the kubeconfig, and any proxy or load balancer in between.",
            inner
        )
        {
            Target = title,
        };

    /// <param name="text">The body; a <c>Status</c> object if the API server itself responded.</param>
    public static CvException FromResponse(int code, string text, HttpMethod method, string title)
    {
        JsonObject? status = null;
        try
        {
            status = JsonNode.Parse(text) as JsonObject;
            var isStatus = status.Text("kind") == "Status";
            status = isStatus ? ObjectShape.Validate(status!) : null;
        }
        catch (Exception e) when (ObjectShape.IsFault(e))
        {
            status = null;
        }

        // Proxies and load balancers send these codes without a Status, too. For a path that it does not serve, the API server sends plain
        // text.
        var byCode = code is 401 or 408 or 429 or >= 500 || (code == 404 && text.Trim() == "404 page not found");
        return status is null && !byCode
            ? InvalidResponse(title, $"HTTP status {code} without a Status object")
            : FromStatus(code, status, method, title);
    }

    /// <summary>Kubernetes API conventions, "Response Status Kind".</summary>
    public static CvException FromStatus(int code, JsonObject? status, HttpMethod method, string title)
    {
        var reason = status.Text("reason") ?? "";
        var message = status.Text("message") ?? $"the API server returned HTTP status {code}";
        var did = $"{Verb(method)} {title}";
        (var id, var kind, var remedy) =
            Admission(code, message, Causes(status, "reason"))
            ?? (code, reason) switch
            {
                (401, _) => (
                    ErrorIds.ClusterUnauthorized,
                    CvErrorKind.Unauthenticated,
                    "Log in again or use another context: the credential is missing, invalid or expired."
                ),
                (403, _) when MissingPermission().IsMatch(message) => (
                    ErrorIds.ClusterForbidden,
                    CvErrorKind.Forbidden,
                    $"Grant the user or service account permission to {did} (RBAC)."
                ),
                (403, _) => (
                    ErrorIds.ClusterRefused,
                    CvErrorKind.Forbidden,
                    "Blocked by an admission policy or quota, not by RBAC: change the object as the message says, or ask the "
                        + "cluster administrator."
                ),
                (404, _)
                    when title.StartsWith(Resources.ContainerVersion.Plural, StringComparison.Ordinal)
                        && status.Text("details", "name") is null => (
                    ErrorIds.CrdNotInstalled,
                    CvErrorKind.NotFound,
                    "Install the custom resource definition: Install-CvController -CrdOnly."
                ),
                (404, _) => (
                    ErrorIds.ResourceNotFound,
                    CvErrorKind.NotFound,
                    "Check the name and namespace, and that the cluster serves this kind."
                ),
                (409, "AlreadyExists") => (
                    ErrorIds.ResourceAlreadyExists,
                    CvErrorKind.Conflict,
                    "Use another name, or change the existing object."
                ),
                (409, "Conflict") => (
                    ErrorIds.ResourceConflict,
                    CvErrorKind.Conflict,
                    "The object was modified in the meantime: read it again and retry."
                ),
                (409, _) => (
                    ErrorIds.ClusterRefused,
                    CvErrorKind.Forbidden,
                    "The cluster does not allow this change: see the API server's message."
                ),
                (410, _) => (ErrorIds.ResourceExpired, CvErrorKind.Conflict, "Start the list or watch again."),
                (400 or 422, _) => (ErrorIds.ResourceInvalid, CvErrorKind.Invalid, Remedy(status)),
                (429, _) => (
                    ErrorIds.ClusterRateLimited,
                    CvErrorKind.LimitExceeded,
                    "Try again later: the API server limits the request rate."
                ),
                (408 or 504, _) => (ErrorIds.ClusterTimeout, CvErrorKind.Timeout, "Try again later: the API server is slow or overloaded."),
                _ when code >= 500 => (
                    ErrorIds.ClusterFailed,
                    CvErrorKind.Unavailable,
                    "Try again later, and check the health of the API server."
                ),
                _ => (ErrorIds.ClusterRefused, CvErrorKind.Invalid, "See the API server's message."),
            };
        var text =
            id == ErrorIds.CrdNotInstalled ? "The cluster does not serve containerversions.custom.k8s.io." : $"Could not {did}: {message}";
        return new CvException(id, kind, text, remedy) { Target = title };
    }

    /// <summary>
    /// Recognizes a denial by admission control. The status code does not identify it: a webhook may choose any code
    /// (apiserver/pkg/admission/plugin/webhook/errors), and built-in plugins use 403 as RBAC does. So the plugins' own wording is matched.
    /// </summary>
    private static (string Id, CvErrorKind Kind, string Remedy)? Admission(int code, string message, IReadOnlyList<string> causes)
    {
        if (DeniedByWebhook().IsMatch(message))
            return (
                ErrorIds.ClusterAdmissionDenied,
                CvErrorKind.Forbidden,
                "Denied by an admission webhook: change the object as the message says, or ask the webhook's owner."
            );
        if (DeniedByPolicy().IsMatch(message))
            return (
                ErrorIds.ClusterPolicyDenied,
                CvErrorKind.Forbidden,
                "Denied by a ValidatingAdmissionPolicy: change the object as the message says, or the policy or its binding."
            );
        if (code == 500 && message.Contains("failed calling webhook", StringComparison.Ordinal))
            return (
                ErrorIds.ClusterWebhookFailed,
                CvErrorKind.Unavailable,
                "Check that the admission webhook's service is running; "
                    + "with failurePolicy: Fail, every request is rejected while it is down."
            );
        // A pod covered by two budgets cannot be evicted; the API server returns 500 for it
        // (kubernetes/pkg/registry/core/pod/storage/eviction.go).
        if (
            (code == 429 && (causes.Contains("DisruptionBudget") || message.Contains("disruption budget", StringComparison.Ordinal)))
            || (code == 500 && message.Contains("more than one PodDisruptionBudget", StringComparison.Ordinal))
        )
            return (
                ErrorIds.PodDisruptionBudgetViolated,
                CvErrorKind.LimitExceeded,
                "Wait until more pods are ready, or change the PodDisruptionBudget."
            );
        if (code != 403)
            return null;
        if (message.Contains("exceeded quota", StringComparison.Ordinal) || message.Contains("failed quota", StringComparison.Ordinal))
            return (
                ErrorIds.ClusterQuotaExceeded,
                CvErrorKind.Forbidden,
                "Raise the namespace's ResourceQuota, free resources, or set the requests and limits that the quota requires."
            );
        if (message.Contains("violates PodSecurity", StringComparison.Ordinal) || NotAllowedByPodPolicy().IsMatch(message))
            return (
                ErrorIds.ClusterPodSecurityDenied,
                CvErrorKind.Forbidden,
                "Set a securityContext that the namespace's Pod Security level allows, or change the level."
            );
        if (ViolatesLimitRange().IsMatch(message))
            return (
                ErrorIds.ClusterLimitRangeViolated,
                CvErrorKind.Forbidden,
                "Change the containers' requests and limits to fit the namespace's LimitRange, or change the LimitRange."
            );
        if (causes.Contains("NamespaceTerminating") || message.Contains("because it is being terminated", StringComparison.Ordinal))
            return (
                ErrorIds.NamespaceTerminating,
                CvErrorKind.Forbidden,
                "Nothing can be created in a namespace that is being deleted: wait until it is gone, then create it again."
            );
        return null;
    }

    private static string Remedy(JsonObject? status)
    {
        var fields = string.Join(", ", Causes(status, "field"));
        return fields.Length == 0 ? "Fix the object as described." : $"Fix {fields}.";
    }

    private static List<string> Causes(JsonObject? status, string field) =>
        [.. status.Items("details", "causes").Select(cause => cause.Text(field)).OfType<string>().Distinct()];

    private static string Verb(HttpMethod method) =>
        method.Method switch
        {
            "GET" => "read",
            "POST" => "create",
            "PUT" => "replace",
            "PATCH" => "patch",
            _ => "delete",
        };

    // apiserver/pkg/endpoints/handlers/responsewriters/errors.go, and the privilege escalation check of RBAC.
    [GeneratedRegex(
        @"forbidden: (User "".*"" cannot |user "".*"" \(groups=.*is attempting to grant RBAC permissions)",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline
    )]
    private static partial Regex MissingPermission();

    [GeneratedRegex(
        @"\A(admission webhook "".*"" denied the request|.*image policy webhook .* denied)",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline
    )]
    private static partial Regex DeniedByWebhook();

    [GeneratedRegex(
        @"ValidatingAdmissionPolicy '.*' with binding '.*' denied request",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline
    )]
    private static partial Regex DeniedByPolicy();

    // PodSecurityPolicy (until 1.24) and OpenShift's SecurityContextConstraints.
    [GeneratedRegex(
        @"unable to validate against any (pod security policy|security context constraint)",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking
    )]
    private static partial Regex NotAllowedByPodPolicy();

    // plugin/pkg/admission/limitranger/admission.go
    [GeneratedRegex(
        @"(maximum|minimum) \S+ usage per \w+ is|max limit to request ratio per \w+ is",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking
    )]
    private static partial Regex ViolatesLimitRange();
}
