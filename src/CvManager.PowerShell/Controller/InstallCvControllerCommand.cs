using System.Collections;
using System.Management.Automation;
using CvManager.Installation;
using CvManager.PowerShell.Completion;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>Installs the controller in a cluster, upgrades it in place, or returns its manifests as YAML.</summary>
[Cmdlet(
    VerbsLifecycle.Install,
    "CvController",
    DefaultParameterSetName = InstallSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Install-CvController.md"
)]
[OutputType(typeof(CvControllerObject), ParameterSetName = [InstallSet])]
[OutputType(typeof(string), ParameterSetName = [YamlSet])]
public sealed class InstallCvControllerCommand : InstallationCmdlet
{
    private const string InstallSet = "Install";
    private const string YamlSet = "AsYaml";

    /// <summary>Long enough for a slow pull of the image.</summary>
    private static readonly TimeSpan WaitLimit = TimeSpan.FromMinutes(5);

    private static readonly string[] NotWithCrdOnly =
    [
        nameof(ControllerNamespace),
        nameof(Namespace),
        nameof(Image),
        nameof(Replicas),
        nameof(Environment),
        nameof(ServiceAccountAnnotation),
        nameof(ImagePullSecret),
        nameof(NoSecretAccess),
        nameof(NetworkPolicy),
        nameof(FollowTag),
        nameof(Wait),
    ];

    private ControllerHealth? _health;

    /// <summary>The namespaces that the controller watches; the default is all.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    public string[] Namespace { get; set; } = [];

    /// <summary>The image of the controller.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? Image { get; set; }

    [Parameter]
    [ValidateRange(0, 100)]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public int Replicas { get; set; } = new InstallationOptions().Replicas;

    /// <summary>Environment variables of the controller.</summary>
    [Parameter]
    [ValidateNotNull]
    [LabelsTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public Hashtable Environment { get; set; } = [];

    /// <summary>Annotations of the service account of the controller.</summary>
    [Parameter]
    [ValidateNotNull]
    [LabelsTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public Hashtable ServiceAccountAnnotation { get; set; } = [];

    /// <summary>Secrets with the login for the image of the controller.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string[] ImagePullSecret { get; set; } = [];

    /// <summary>Withholds the permission to read Secrets.</summary>
    [Parameter]
    public SwitchParameter NoSecretAccess { get; set; }

    /// <summary>Adds a NetworkPolicy.</summary>
    [Parameter]
    public SwitchParameter NetworkPolicy { get; set; }

    /// <summary>The tag of the controller's own image to follow.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? FollowTag { get; set; }

    /// <summary>Installs only the custom resource definition.</summary>
    [Parameter]
    public SwitchParameter CrdOnly { get; set; }

    /// <summary>Waits until the controller is ready.</summary>
    [Parameter(ParameterSetName = InstallSet)]
    public SwitchParameter Wait { get; set; }

    /// <summary>Returns the manifests, without connecting to a cluster.</summary>
    [Parameter(Mandatory = true, ParameterSetName = YamlSet)]
    public SwitchParameter AsYaml { get; set; }

    protected override TimeSpan? TimeLimit => Timeout ?? (Wait ? WaitLimit : null);

    protected override Task BeginProcessingAsync(CancellationToken cancellationToken) =>
        CrdOnly && NotWithCrdOnly.FirstOrDefault(MyInvocation.BoundParameters.ContainsKey) is { } wrong
            ? throw new CvException(
                CmdletErrorIds.ParameterNotApplicable,
                CvErrorKind.Invalid,
                $"-{wrong} cannot be combined with -CrdOnly, which does not install a controller.",
                $"Omit -{wrong} or -CrdOnly."
            )
            : Task.CompletedTask;

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var options = Options();
        if (AsYaml)
        {
            await WriteObjectAsync(CrdOnly ? CustomResourceDefinition.Yaml : ControllerManifests.ToYaml(options));
            return;
        }

        var cluster = await ConnectAsync(cancellationToken);
        var server = cluster.Server.ToString().TrimEnd('/');
        var steps = CrdOnly
            ? [ControllerInstallation.DefinitionStep]
            : await new ControllerInstallation(cluster, TimeProvider.System).PrepareAsync(options, cancellationToken);
        var isComplete = await ExecuteAsync(
            cluster,
            steps,
            step => ShouldProcessAsync($"{step} at {server}", step.Manifest is null ? "Remove" : "Apply"),
            cancellationToken
        );
        if (Wait && isComplete)
            await new ControllerInstallation(cluster, TimeProvider.System).WaitAsync(ControllerNamespace, Show, cancellationToken);
    }

    /// <summary>Called on another thread than <see cref="TimedOut"/>, but never at the same time.</summary>
    private void Show(ControllerHealth health)
    {
        _health = health;
        WriteStatusLine($"{health.ReadyReplicas} of {health.Replicas} replicas are ready. {string.Join(" ", health.Problems)}".TrimEnd());
    }

    private protected override CvException TimedOut(TimeSpan limit, Exception cancellation) =>
        _health?.ToError() ?? base.TimedOut(limit, cancellation);

    private InstallationOptions Options() =>
        new()
        {
            Namespace = ControllerNamespace,
            WatchedNamespaces = Namespace,
            Image = Image,
            Replicas = Replicas,
            Environment = ToMap(Environment),
            ServiceAccountAnnotations = ToMap(ServiceAccountAnnotation),
            ImagePullSecrets = ImagePullSecret,
            ReadsSecrets = !NoSecretAccess,
            HasNetworkPolicy = NetworkPolicy,
            FollowTag = FollowTag,
        };

    private static Dictionary<string, string> ToMap(Hashtable table) =>
        table
            .Cast<DictionaryEntry>()
            .ToDictionary(
                entry => LanguagePrimitives.ConvertTo<string>(entry.Key),
                entry => LanguagePrimitives.ConvertTo<string>(entry.Value),
                StringComparer.Ordinal
            );
}
