namespace CvManager.Registries;

/// <summary>Errors of registries: each names the repository and a remedy.</summary>
internal static class RegistryErrors
{
    public static CvException TagNotFound(ImageRepository repository, string tag) =>
        Error(
            ErrorIds.RegistryTagNotFound,
            CvErrorKind.NotFound,
            $"Tag '{tag}' not found in '{repository}'.",
            "Check the tag's name, or create the tag with Add-CvRegistryTag.",
            $"{repository}:{tag}"
        );

    public static CvException VersionNotFound(ImageRepository repository, string version) =>
        Error(
            ErrorIds.RegistryVersionNotFound,
            CvErrorKind.NotFound,
            $"Version tag '{version}' not found in '{repository}'.",
            "Push the image under its version tag first, or correct the version.",
            $"{repository}:{version}"
        );

    public static CvException ImageNotFound(ImageRepository repository, string digest) =>
        Error(
            ErrorIds.RegistryImageNotFound,
            CvErrorKind.NotFound,
            $"Image '{digest}' not found in '{repository}'.",
            "The image or a part of it was deleted or not pushed completely: push it again.",
            $"{repository}@{digest}"
        );

    public static CvException ImageIncomplete(ImageRepository repository, string indexDigest, string missing, Exception? inner = null) =>
        Error(
            ErrorIds.RegistryImageIncomplete,
            CvErrorKind.NotFound,
            $"Image index '{indexDigest}' in '{repository}' refers to a missing image: {missing}.",
            "Push the images of all platforms, then the index.",
            $"{repository}@{indexDigest}",
            inner
        );

    /// <param name="reference">A tag or a digest.</param>
    public static CvException NotAnImage(ImageRepository repository, string reference, string why) =>
        Error(
            ErrorIds.RegistryNotAnImage,
            CvErrorKind.Invalid,
            $"'{reference}' in '{repository}' is not a container image: {why}.",
            "Follow the tag of an image: a chart, a signature or another artifact cannot be rolled out.",
            Target(repository, reference)
        );

    /// <summary>A manifest format that current nodes do not pull: containerd no longer supports it.</summary>
    public static CvException SchemaVersion1(ImageRepository repository, string reference) =>
        Error(
            ErrorIds.RegistryManifestOutdated,
            CvErrorKind.NotSupported,
            $"Manifest '{reference}' in '{repository}' has Docker schema 1, which is no longer supported.",
            "Push the image again with a current tool, or delete the tag.",
            Target(repository, reference)
        );

    /// <param name="why">The registry's error message.</param>
    public static CvException ManifestUnreadable(ImageRepository repository, string reference, string why) =>
        Error(
            ErrorIds.RegistryManifestUnreadable,
            CvErrorKind.Invalid,
            $"The registry could not return manifest '{reference}' in '{repository}': {RemoteText.Show(why)}",
            "Push the image again, or delete its tag; other tags are not affected.",
            Target(repository, reference)
        );

    /// <summary>An error of a single tag while the others can be read: the tag or its image is the likely cause.</summary>
    public static CvException ForTag(ImageRepository repository, string tag, CvException error) =>
        error.Kind switch
        {
            CvErrorKind.Forbidden => Error(
                error.ErrorId,
                error.Kind,
                $"Permission to read tag '{tag}' denied, although it can be listed: {error.Message}",
                "A policy of the registry may block this image (a scan, a quarantine): ask the registry's administrator, or "
                    + "delete the tag. "
                    + $"If all tags are denied: {error.Remedy}",
                $"{repository}:{tag}",
                error
            ),
            CvErrorKind.Unavailable or CvErrorKind.Timeout => Error(
                error.ErrorId,
                error.Kind,
                $"Could not read tag '{tag}': {error.Message}",
                "Try again later. If only this tag fails, its image is damaged in the registry: push it again, or delete the tag.",
                $"{repository}:{tag}",
                error
            ),
            _ => error,
        };

    /// <summary>A manifest with the format of an image but the configuration of another artifact.</summary>
    public static CvException NoImageConfiguration(ImageRepository repository, string reference, string? type) =>
        NotAnImage(repository, reference, $"its configuration has type '{RemoteText.Show(type)}'");

    public static CvException ListDenied(ImageRepository repository, CvException refusal) =>
        Error(
            refusal.ErrorId,
            refusal.Kind,
            $"Permission to list the tags of '{repository}' denied: {refusal.Message}",
            $"{refusal.Remedy} Some registries have a separate permission for listing (Azure: metadata/read).",
            repository.ToString()
        );

    public static CvException ListUnsupported(ImageRepository repository, string? details) =>
        Error(
            ErrorIds.RegistryListUnsupported,
            CvErrorKind.NotSupported,
            $"The registry does not support listing the tags of '{repository}'{Quoted(details)}.",
            "Label the images with their version (org.opencontainers.image.version).",
            repository.ToString()
        );

    public static CvException AddressRefused(ImageRepository repository, string host, System.Net.IPAddress address) =>
        Error(
            ErrorIds.RegistryAddressRefused,
            CvErrorKind.Invalid,
            $"Connection to the registry of '{repository}' blocked: {RemoteText.Show(host)} has the link-local address {address}.",
            $"Use another registry. To allow this one, add it to {RegistryClientOptions.LinkLocalVariable}.",
            repository.ToString()
        );

    public static CvException ConnectTimedOut(ImageRepository repository) =>
        Error(
            ErrorIds.RegistryTimeout,
            CvErrorKind.Timeout,
            $"Connecting to the registry of '{repository}' timed out.",
            "Check the host name, port, network and proxy.",
            repository.ToString()
        );

    public static CvException ListTimedOut(ImageRepository repository, TimeSpan limit) =>
        Error(
            ErrorIds.RegistryTimeout,
            CvErrorKind.Timeout,
            $"Listing the tags of '{repository}' took longer than {limit.TotalSeconds:0.#} s.",
            "Delete old tags, or label the images with their version (org.opencontainers.image.version), which makes the list unnecessary.",
            repository.ToString()
        );

    public static CvException RepositoryNotFound(ImageRepository repository, string? details = null) =>
        Error(
            ErrorIds.RegistryRepositoryNotFound,
            CvErrorKind.NotFound,
            $"Repository '{repository}' not found, or permission denied{Quoted(details)}.",
            "Check the registry and path. Some registries also respond this way if the credential lacks permission.",
            repository.ToString()
        );

    public static CvException Unauthorized(ImageRepository repository, bool loggedIn, string? details = null) =>
        Error(
            ErrorIds.RegistryUnauthorized,
            CvErrorKind.Unauthenticated,
            loggedIn
                ? $"The registry rejected the credential for '{repository}'{Quoted(details)}."
                : $"The registry requires authentication for '{repository}'{Quoted(details)}.",
            $"Specify a credential (-Credential, imagePullSecrets, or 'docker login {repository.Registry}'), or renew the existing one.",
            repository.ToString()
        );

    public static CvException Forbidden(ImageRepository repository, string permission, string? details = null) =>
        Error(
            ErrorIds.RegistryForbidden,
            CvErrorKind.Forbidden,
            $"Permission '{permission}' on '{repository}' denied{Quoted(details)}.",
            $"Grant '{permission}' on the repository, or use another credential.",
            repository.ToString()
        );

    /// <param name="inner">Must not quote text from the registry.</param>
    public static CvException Unreachable(ImageRepository repository, string what, Exception? inner = null) =>
        Error(
            ErrorIds.RegistryUnreachable,
            CvErrorKind.Unavailable,
            $"The registry of '{repository}' is unavailable: {RemoteText.Show(what)}",
            "Check the host name, port, network, proxy and certificates, and that the registry is running.",
            repository.ToString(),
            inner
        );

    public static CvException TlsFailed(ImageRepository repository, TlsFault fault) =>
        Error(
            ErrorIds.RegistryUnreachable,
            CvErrorKind.Unavailable,
            $"TLS connection to the registry of '{repository}' failed: {TlsCause(fault)}.",
            fault.Kind switch
            {
                TlsFaultKind.ServerCertificate => "Check the registry's host name and certificate. "
                    + $"To trust a private authority, set {RegistryClientOptions.AuthorityVariable} to the path of its file.",
                TlsFaultKind.ClientCertificate => "Use an endpoint of the registry without client certificates: they are not supported.",
                TlsFaultKind.NotTls => "Check the port. If the registry uses plain HTTP, specify -PlainHttp or set "
                    + $"{RegistryClientOptions.PlainHttpVariable}.",
                _ => "Check the TLS versions that the registry or its proxy allows.",
            },
            repository.ToString()
        );

    public static CvException TimedOut(ImageRepository repository, TimeSpan limit, Exception? inner = null) =>
        Error(
            ErrorIds.RegistryTimeout,
            CvErrorKind.Timeout,
            $"The registry of '{repository}' did not respond within {limit.TotalSeconds:0.#} s.",
            "Try again. If it persists, check the network and proxy.",
            repository.ToString(),
            inner
        );

    public static CvException RateLimited(ImageRepository repository, TimeSpan? retryAfter) =>
        Error(
            ErrorIds.RegistryRateLimited,
            CvErrorKind.LimitExceeded,
            $"Rate limit of the registry of '{repository}' reached{(retryAfter is TimeSpan t ? $"; retry in {t.TotalSeconds:0} s" : "")}.",
            "Wait, log in (anonymous requests have lower limits), or increase pollIntervalSeconds.",
            repository.ToString()
        );

    public static CvException Invalid(ImageRepository repository, string what, Exception? inner = null) =>
        Error(
            ErrorIds.RegistryResponseInvalid,
            CvErrorKind.Invalid,
            $"Invalid response from the registry of '{repository}': {RemoteText.Show(what)}",
            "Check that the host name and port belong to a registry, not to a website or proxy.",
            repository.ToString(),
            inner
        );

    /// <param name="action">What was attempted: "to delete the tag 'demo'".</param>
    /// <param name="code">The error code of the distribution specification or of ECR; null if there is none.</param>
    public static CvException Refused(ImageRepository repository, string action, int status, string? details, string? code = null) =>
        Error(
            ErrorIds.RegistryRefused,
            CvErrorKind.Invalid,
            $"The registry of '{repository}' refused {action}: HTTP status {status}{Quoted(details)}.",
            code switch
            {
                "MANIFEST_BLOB_UNKNOWN" or "BLOB_UNKNOWN" or "MANIFEST_UNKNOWN" or "MANIFEST_UNVERIFIED" or "LayersNotFoundException" =>
                    "A part of the image is missing in the repository: push the complete image again.",
                "MANIFEST_INVALID" or "DIGEST_INVALID" or "SIZE_INVALID" or "UNSUPPORTED" =>
                    "The registry does not accept this image format: build the image in another format, or use another registry.",
                "NAME_INVALID" or "NAME_UNKNOWN" => "Check the repository's name, and that it exists.",
                "TAG_INVALID" => "The registry does not accept this tag name: use another one.",
                _ when status is 409 or 412 or 423 || details?.Contains("immutab", StringComparison.OrdinalIgnoreCase) == true =>
                    "Check whether the repository's tags are immutable or protected.",
                _ => "Resolve the problem that the registry reports.",
            },
            repository.ToString()
        );

    public static CvException TooLarge(ImageRepository repository, string what, long limit) =>
        Error(
            ErrorIds.RegistryResponseTooLarge,
            CvErrorKind.Invalid,
            $"The registry of '{repository}' sent {what} larger than the limit of {limit} bytes.",
            "Check that the address belongs to a registry.",
            repository.ToString()
        );

    public static CvException TagRemovalUnsupported(ImageRepository repository, string tag) =>
        Error(
            ErrorIds.RegistryTagRemovalUnsupported,
            CvErrorKind.NotSupported,
            $"The registry does not support deleting tag '{tag}' of '{repository}' without its image.",
            "Point the tag at another version, or delete it with the registry's own tools.",
            $"{repository}:{tag}"
        );

    public static CvException LastTag(ImageRepository repository, string tag) =>
        Error(
            ErrorIds.RegistryLastTag,
            CvErrorKind.Conflict,
            $"'{tag}' is the only tag of its image in '{repository}': deleting it would delete the image.",
            "Tag the image with another tag first, or use -Force to delete both.",
            $"{repository}:{tag}"
        );

    public static CvException TagInvalid(ImageRepository repository, string tag) =>
        Error(
            ErrorIds.RegistryTagInvalid,
            CvErrorKind.Invalid,
            $"'{tag}' is not a valid tag name for '{repository}'.",
            "Use 1 to 128 letters, digits, '_', '.' or '-'; the first character must not be '.' or '-'.",
            $"{repository}:{tag}"
        );

    private static CvException Error(string id, CvErrorKind kind, string message, string remedy, string target, Exception? inner = null) =>
        new(id, kind, message, remedy, inner) { Target = target };

    private static string Target(ImageRepository repository, string reference) =>
        $"{repository}{(ImageReference.IsDigest(reference) ? '@' : ':')}{reference}";

    private static string Quoted(string? text) => RemoteText.Show(text).Trim() is { Length: > 0 } shown ? $" (registry: {shown})" : "";

    private static string TlsCause(TlsFault fault) =>
        (fault.Kind == TlsFaultKind.ServerCertificate ? "the certificate is not trusted: " : "") + fault.Why.TrimEnd('.');
}
