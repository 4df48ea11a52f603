namespace CvManager.Registries;

/// <summary>The errors of registries: their ids, and texts that name the repository and what to do.</summary>
internal static class RegistryErrors
{
    public static CvException TagNotFound(ImageRepository repository, string tag) =>
        Error(ErrorIds.RegistryTagNotFound, CvErrorKind.NotFound, $"There is no tag '{tag}' in '{repository}'.",
            "Check the tag's name, or add it: Add-CvRegistryTag -Repository … -Version … -Tag ….", $"{repository}:{tag}");

    public static CvException VersionNotFound(ImageRepository repository, string version) =>
        Error(ErrorIds.RegistryVersionNotFound, CvErrorKind.NotFound, $"There is no image with the version tag '{version}' in '{repository}'.",
            "Push the image under its version tag first, or correct the version.", $"{repository}:{version}");

    public static CvException ImageNotFound(ImageRepository repository, string digest) =>
        Error(ErrorIds.RegistryImageNotFound, CvErrorKind.NotFound, $"There is no image '{digest}' in '{repository}'.",
            "The image, or a part of it, was removed or never pushed whole: push it again.", $"{repository}@{digest}");

    public static CvException ImageIncomplete(ImageRepository repository, string indexDigest, string missing, Exception? inner = null) =>
        Error(ErrorIds.RegistryImageIncomplete, CvErrorKind.NotFound, $"The image index '{indexDigest}' in '{repository}' names an image that is not there: {missing}.",
            "Push the images of all its platforms, then the index.", $"{repository}@{indexDigest}", inner);

    /// <param name="reference">A tag or a digest.</param>
    public static CvException NotAnImage(ImageRepository repository, string reference, string why) =>
        Error(ErrorIds.RegistryNotAnImage, CvErrorKind.Invalid, $"'{reference}' in '{repository}' is no container image: {why}.",
            "Follow a tag of an image: a chart, a signature or another artifact cannot be rolled out.", Target(repository, reference));

    /// <summary>What nodes of today do not pull: containerd reads it no longer.</summary>
    public static CvException SchemaOne(ImageRepository repository, string reference) =>
        Error(ErrorIds.RegistryManifestOutdated, CvErrorKind.NotSupported, $"The manifest '{reference}' in '{repository}' is of Docker's schema 1, which is no longer pulled.",
            "Push the image again with a current tool, or remove the tag.", Target(repository, reference));

    /// <param name="why">What the registry answered.</param>
    public static CvException ManifestUnreadable(ImageRepository repository, string reference, string why) =>
        Error(ErrorIds.RegistryManifestUnreadable, CvErrorKind.Invalid, $"The registry cannot give the manifest '{reference}' in '{repository}': {RemoteText.Show(why)}",
            "Push the image again, or remove its tag; the other tags are not affected.", Target(repository, reference));

    /// <summary>A tag of a list that is readable otherwise: the fault is likely its own.</summary>
    /// <param name="error">Why it cannot be read.</param>
    public static CvException OfTag(ImageRepository repository, string tag, CvException error) => error.Kind switch
    {
        CvErrorKind.Forbidden => Error(error.ErrorId, error.Kind, $"The tag '{tag}' may be listed, but not read: {error.Message}",
            $"A rule of the registry may block this image (a scan, a quarantine): ask whoever runs it, or remove the tag. Where all tags are refused: {error.Remedy}",
            $"{repository}:{tag}", error),
        CvErrorKind.Unavailable or CvErrorKind.Timeout => Error(error.ErrorId, error.Kind, $"The tag '{tag}' cannot be read now: {error.Message}",
            "Try again later. Where only this tag fails, its image is damaged in the registry: push it again, or remove the tag.", $"{repository}:{tag}", error),
        _ => error,
    };

    /// <summary>A manifest of an image's form, but of something else.</summary>
    public static CvException NoImageConfiguration(ImageRepository repository, string reference, string? type) =>
        NotAnImage(repository, reference, $"its configuration is of the type '{RemoteText.Show(type)}'");

    /// <param name="refusal">What the registry answered.</param>
    public static CvException ListDenied(ImageRepository repository, CvException refusal) =>
        Error(refusal.ErrorId, refusal.Kind, $"The tags of '{repository}' may not be listed: {refusal.Message}",
            $"{refusal.Remedy} Some registries grant listing apart from pulling (Azure: metadata/read).", repository.ToString());

    public static CvException ListUnsupported(ImageRepository repository, string? said) =>
        Error(ErrorIds.RegistryListUnsupported, CvErrorKind.NotSupported, $"The registry does not list the tags of '{repository}'{Quoted(said)}.",
            "Label the images with their version (org.opencontainers.image.version).", repository.ToString());

    public static CvException AddressRefused(ImageRepository repository, string host, System.Net.IPAddress address) =>
        Error(ErrorIds.RegistryAddressRefused, CvErrorKind.Invalid,
            $"The registry of '{repository}' is not asked: {RemoteText.Show(host)} has the address {address}, which no registry may have.",
            $"Name a registry elsewhere; where that one is meant, the operator allows it: {RegistryClientOptions.LinkLocalVariable}.", repository.ToString());

    public static CvException ConnectTimedOut(ImageRepository repository) =>
        Error(ErrorIds.RegistryTimeout, CvErrorKind.Timeout, $"No connection to the registry of '{repository}' came about in time.",
            "Check host, port, network and proxy.", repository.ToString());

    public static CvException ListTimedOut(ImageRepository repository, TimeSpan limit) =>
        Error(ErrorIds.RegistryTimeout, CvErrorKind.Timeout, $"The list of tags of '{repository}' did not end within {limit.TotalSeconds:0.#} s.",
            "Remove old tags, or label the images with their version (org.opencontainers.image.version), which saves the list.", repository.ToString());

    public static CvException RepositoryNotFound(ImageRepository repository, string? said = null) =>
        Error(ErrorIds.RegistryRepositoryNotFound, CvErrorKind.NotFound, $"There is no repository '{repository}', or its tags may not be seen{Quoted(said)}.",
            "Check registry and path. Some registries answer so, too, when the login may not see the repository.", repository.ToString());

    public static CvException Unauthorized(ImageRepository repository, bool loggedIn, string? said = null) =>
        Error(ErrorIds.RegistryUnauthorized, CvErrorKind.Unauthenticated,
            loggedIn ? $"The registry does not accept the login for '{repository}'{Quoted(said)}." : $"The registry asks for a login for '{repository}'{Quoted(said)}.",
            $"Give a credential (-Credential, imagePullSecrets, or log in with 'docker login {repository.Registry}'); where there is one, renew it.",
            repository.ToString());

    public static CvException Forbidden(ImageRepository repository, string permission, string? said = null) =>
        Error(ErrorIds.RegistryForbidden, CvErrorKind.Forbidden, $"The login has no permission '{permission}' on '{repository}'{Quoted(said)}.",
            $"Have '{permission}' granted on the repository, or use another credential.", repository.ToString());

    /// <param name="inner">Nothing that quotes the peer.</param>
    public static CvException Unreachable(ImageRepository repository, string what, Exception? inner = null) =>
        Error(ErrorIds.RegistryUnreachable, CvErrorKind.Unavailable, $"The registry of '{repository}' cannot be used: {RemoteText.Show(what)}",
            "Check host, port, network, proxy and certificates; try again when the registry is up.", repository.ToString(), inner);

    public static CvException TlsFailed(ImageRepository repository, TlsFault fault) =>
        Error(ErrorIds.RegistryUnreachable, CvErrorKind.Unavailable, $"No TLS connection to the registry of '{repository}' can be made: {fault.Why.TrimEnd('.')}.",
            fault.Kind switch
            {
                TlsFaultKind.ServerCertificate => $"Check the registry's name and certificate; a private authority is trusted where {RegistryClientOptions.AuthorityVariable} names its file.",
                TlsFaultKind.ClientCertificate => "Use an address of the registry that asks for no client certificate: there is none to show.",
                TlsFaultKind.NotTls => $"Check the port. Where the registry speaks plain HTTP: -PlainHttp, or {RegistryClientOptions.PlainHttpVariable}.",
                _ => "Check which versions of TLS the registry, or a proxy before it, allows.",
            }, repository.ToString());

    public static CvException TimedOut(ImageRepository repository, TimeSpan limit, Exception? inner = null) =>
        Error(ErrorIds.RegistryTimeout, CvErrorKind.Timeout, $"The registry of '{repository}' did not answer within {limit.TotalSeconds:0.#} s.",
            "Try again; check network and proxy where it goes on.", repository.ToString(), inner);

    public static CvException RateLimited(ImageRepository repository, TimeSpan? retryAfter) =>
        Error(ErrorIds.RegistryRateLimited, CvErrorKind.LimitExceeded,
            $"The registry of '{repository}' answers no more requests for now{(retryAfter is TimeSpan t ? $"; again in {t.TotalSeconds:0} s" : "")}.",
            "Wait, log in (anonymous use has lower limits), or poll less often.", repository.ToString());

    public static CvException Invalid(ImageRepository repository, string what, Exception? inner = null) =>
        Error(ErrorIds.RegistryResponseInvalid, CvErrorKind.Invalid, $"The registry of '{repository}' gave an answer that cannot be used: {RemoteText.Show(what)}",
            "Check that host and port are a registry's and not a web page's or proxy's.", repository.ToString(), inner);

    /// <param name="code">The error code of the distribution specification, or ECR's, where there is one.</param>
    public static CvException Refused(ImageRepository repository, string what, int status, string? said, string? code = null) =>
        Error(ErrorIds.RegistryRefused, CvErrorKind.Invalid, $"The registry of '{repository}' refused {what}: status {status}{Quoted(said)}.",
            code switch
            {
                "MANIFEST_BLOB_UNKNOWN" or "BLOB_UNKNOWN" or "MANIFEST_UNKNOWN" or "MANIFEST_UNVERIFIED" or "LayersNotFoundException" =>
                    "A part of the image is not in the repository: push the image again, whole.",
                "MANIFEST_INVALID" or "DIGEST_INVALID" or "SIZE_INVALID" or "UNSUPPORTED" => "The registry does not take an image of this form: build it in another one, or use another registry.",
                "NAME_INVALID" or "NAME_UNKNOWN" => "Check the repository's name, and that it exists.",
                "TAG_INVALID" => "Use another name for the tag: the registry has rules for them.",
                _ when status is 409 or 412 or 423 || said?.Contains("immutab", StringComparison.OrdinalIgnoreCase) == true =>
                    "Check whether tags of the repository are immutable or protected by a rule of the registry.",
                _ => "See what the registry says.",
            }, repository.ToString());

    public static CvException TooLarge(ImageRepository repository, string what, long limit) =>
        Error(ErrorIds.RegistryResponseTooLarge, CvErrorKind.Invalid, $"The registry of '{repository}' sent {what} of more than {limit} bytes.",
            "No real one is that large: check what is at that address.", repository.ToString());

    public static CvException TagRemovalUnsupported(ImageRepository repository, string tag) =>
        Error(ErrorIds.RegistryTagRemovalUnsupported, CvErrorKind.NotSupported, $"The registry cannot remove the tag '{tag}' of '{repository}' alone.",
            "Point the tag at another version, or remove it in the registry's own administration; removing by digest would remove the image.",
            $"{repository}:{tag}");

    public static CvException LastTag(ImageRepository repository, string tag) =>
        Error(ErrorIds.RegistryLastTag, CvErrorKind.Conflict, $"'{tag}' is the last tag of its image in '{repository}': the image would be removed with it.",
            "Give the image another tag first, or use -Force to remove both.", $"{repository}:{tag}");

    public static CvException TagInvalid(ImageRepository repository, string tag) =>
        Error(ErrorIds.RegistryTagInvalid, CvErrorKind.Invalid, $"'{tag}' cannot be a tag of '{repository}'.",
            "A tag has 1 to 128 letters, digits, '_', '.' or '-', and starts with none of the last two.", $"{repository}:{tag}");

    private static CvException Error(string id, CvErrorKind kind, string message, string remedy, string target, Exception? inner = null) =>
        new(id, kind, message, remedy, inner) { Target = target };

    private static string Target(ImageRepository repository, string reference) => $"{repository}{(ImageReference.IsDigest(reference) ? '@' : ':')}{reference}";

    private static string Quoted(string? said) => RemoteText.Show(said).Trim() is { Length: > 0 } shown ? $" (it says: {shown})" : "";
}
