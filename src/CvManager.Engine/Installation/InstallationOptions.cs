using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Installation;

/// <summary>What to install: where, for which namespaces, and with which image. Immutable.</summary>
public sealed record InstallationOptions
{
    public const string DefaultNamespace = "cvmanager";

    /// <summary>The namespace of the controller.</summary>
    public string Namespace { get; init; } = DefaultNamespace;

    /// <summary>The namespaces that the controller watches, in which it gets Roles; empty for the whole cluster.</summary>
    public IReadOnlyList<string> WatchedNamespaces { get; init; } = [];

    /// <summary>The image of the controller; null for the published image of this version.</summary>
    public string? Image { get; init; }

    public int Replicas { get; init; } = 2;

    /// <summary>Environment variables of the controller, for example HTTPS_PROXY.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Annotations of the service account, for example the AWS role that it assumes.</summary>
    public IReadOnlyDictionary<string, string> ServiceAccountAnnotations { get; init; } = new Dictionary<string, string>();

    /// <summary>Secrets in the namespace of the controller with the login for its own image.</summary>
    public IReadOnlyList<string> ImagePullSecrets { get; init; } = [];

    /// <summary>False to withhold the permission to read Secrets and service accounts.</summary>
    public bool ReadsSecrets { get; init; } = true;

    /// <summary>True to allow connections to the HTTP port only.</summary>
    public bool HasNetworkPolicy { get; init; }

    /// <summary>The tag of the controller's own image to follow; null to stay with the installed image.</summary>
    public string? FollowTag { get; init; }

    /// <summary>The effective image.</summary>
    internal string EffectiveImage => Image ?? $"{ControllerManifests.PublishedRepository}:{ProductVersion.Text}";

    /// <exception cref="CvException"><c>InstallationOptionInvalid</c>: names the option and its value.</exception>
    public void Validate()
    {
        CheckName("namespace of the controller", Namespace);
        foreach (var ns in WatchedNamespaces)
            CheckName("namespace", ns);
        foreach (var secret in ImagePullSecrets)
            Check(KubernetesNames.IsSubdomain(secret), "image pull secret", secret, "Specify the name of a Secret.");
        Check(
            ImageReference.TryParse(EffectiveImage, out _),
            "image",
            EffectiveImage,
            "Specify an image as registry.example.com/team/cvmanager:1.0.0."
        );
        Check(Replicas is >= 0 and <= 100, "number of replicas", $"{Replicas}", "Specify a number between 0 and 100.");
        foreach (var name in Environment.Keys)
            Check(
                KubernetesNames.IsEnvironmentName(name) && name != ControllerManifests.PodUidVariable,
                "environment variable",
                name,
                $"Names of environment variables have letters, digits, '_', '-' and '.'; {ControllerManifests.PodUidVariable} is set already."
            );
        foreach (var key in ServiceAccountAnnotations.Keys)
            Check(KubernetesNames.IsQualified(key), "annotation", key, "Specify a key such as eks.amazonaws.com/role-arn.");
        if (FollowTag is not null)
            Check(ImageReference.IsTag(FollowTag), "tag to follow", FollowTag, "Specify a tag such as stable.");
    }

    private static void CheckName(string what, string value) =>
        Check(
            KubernetesNames.IsLabel(value),
            what,
            value,
            "Specify the name of a namespace: at most 63 lower-case letters, digits and '-'."
        );

    private static void Check(bool isValid, string what, string value, string remedy)
    {
        if (!isValid)
            throw new CvException(ErrorIds.InstallationOptionInvalid, CvErrorKind.Invalid, $"The {what} '{value}' is not valid.", remedy)
            {
                Target = value,
            };
    }
}
