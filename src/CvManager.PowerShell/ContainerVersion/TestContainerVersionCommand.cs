using System.Management.Automation;
using CvManager.Controller;
using CvManager.PowerShell.Completion;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Watching;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Checks ContainerVersions in manifests, or in a cluster together with the registry.</summary>
[Cmdlet(
    VerbsDiagnostic.Test,
    "ContainerVersion",
    DefaultParameterSetName = PathSet,
    HelpUri = ProjectUri.Docs + "Test-ContainerVersion.md"
)]
[OutputType(typeof(ContainerVersionTest), typeof(bool))]
public sealed class TestContainerVersionCommand : ManifestCmdlet, IAnnotatesCILog
{
    private const string NameSet = "Name";
    private const string InputObjectSet = "InputObject";

    private bool _anyInvalid;
    private int _tested;
    private readonly HashSet<(string Namespace, string Name)> _references = [];

    /// <summary>Names of ContainerVersions in the cluster. Wildcards are allowed.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NameSet)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>
    /// A ContainerVersion of the cluster, or an object that refers to one: a workload, a rollout, a record, the result of a
    /// reconcile. Several workloads of one ContainerVersion count once.
    /// </summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [ContainerVersionReferenceTransformation(IncludeWorkloads = true)]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public ContainerVersionReference InputObject { get; set; } = null!;

    [Parameter(ParameterSetName = NameSet)]
    public SwitchParameter AllNamespaces { get; set; }

    /// <summary>Returns one boolean for all input.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <summary>The CI service in whose log errors and warnings also appear as annotations.</summary>
    [Parameter]
    public CIFormat CIFormat { get; set; }

    protected override Task ProcessRecordAsync(CancellationToken cancellationToken) =>
        ParameterSetName switch
        {
            NameSet => TestInClusterAsync(AllNamespaces, Namespace, Name, cancellationToken),
            InputObjectSet when !_references.Add((InputObject.Namespace, InputObject.Name)) => Task.CompletedTask,
            InputObjectSet => TestInClusterAsync(false, InputObject.Namespace, [InputObject.Name], cancellationToken),
            _ => base.ProcessRecordAsync(cancellationToken),
        };

    private async Task TestInClusterAsync(bool allNamespaces, string? inNamespace, string[] names, CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = allNamespaces ? null : inNamespace ?? cluster.DefaultNamespace;
        using var scope = new ReconcilerScope(cluster, await OnPipelineAsync(() => SessionMemory.Current), Logger);
        var snapshot = await scope.Reconciler.ReadAsync(ns, cancellationToken);
        var found = await ContainerVersionLookup.SelectAsync(
            snapshot.Resources,
            new NamePatterns(names),
            ns,
            async e =>
            {
                _anyInvalid = true;
                await WriteErrorAsync(e);
            }
        );
        foreach (var resource in found)
            await TestAsync(scope.Reconciler, resource, snapshot, cancellationToken);
    }

    private async Task TestAsync(Reconciler reconciler, Resource resource, NamespaceSnapshot snapshot, CancellationToken cancellationToken)
    {
        var problems = ProblemsOf(resource.ValidationErrors);
        var isValid = problems.Count == 0;
        var plan = await reconciler.PlanAsync(resource, snapshot.Around(resource), cancellationToken);
        if (isValid && plan.Verdict == PlanVerdict.Stalled)
            problems =
            [
                new ContainerVersionProblem
                {
                    Message = plan.Message,
                    Remedy = $"{plan.Problem?.Remedy ?? "Fix the problem that the message describes."} ({plan.Reason})",
                },
            ];
        await WriteAsync(
            new ContainerVersionTest
            {
                Namespace = resource.Metadata.Namespace ?? "",
                Name = resource.Metadata.Name,
                Source = "cluster",
                Problems = problems,
                Plan = problems.Count == 0 ? plan.Message : null,
                Change = CvPlannedChange.Of(plan),
            },
            isValid ? plan.Reason : ConditionReasons.InvalidSpec,
            _ => null
        );
    }

    private protected override async Task ProcessDocumentAsync(ManifestDocument document, CancellationToken cancellationToken)
    {
        if (!document.IsContainerVersion)
        {
            WriteVerbose($"{document.Source}: skipped {document.Title}, which is not a ContainerVersion.");
            return;
        }

        await WriteAsync(
            new ContainerVersionTest
            {
                Namespace = document.Namespace ?? "",
                Name = document.Name ?? "",
                Source = document.Source,
                Problems = ProblemsOf(ContainerVersionValidator.Validate(document.Json)),
            },
            ErrorIds.ContainerVersionInvalid,
            document.PlaceOf
        );
    }

    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        await base.EndProcessingAsync(cancellationToken);
        var isManifest = ParameterSetName is not (NameSet or InputObjectSet);
        if (isManifest && _tested == 0 && !HasErrors)
            WriteWarning("No ContainerVersion was found in the manifests, so nothing was tested.");
        if (Quiet)
            await WriteObjectAsync(!_anyInvalid && !HasErrors && (_tested > 0 || !isManifest));
    }

    /// <param name="test">The result.</param>
    /// <param name="code">The error id or reason of its problems.</param>
    /// <param name="placeOf">Returns the place of a field in a file.</param>
    private async Task WriteAsync(ContainerVersionTest test, string code, Func<string, SourcePlace?> placeOf)
    {
        _tested++;
        _anyInvalid |= !test.Valid;
        foreach (var problem in test.Problems)
            AnnotateProblem(code, $"{test}: {problem}\n{problem.Remedy}", placeOf(problem.Field));
        if (!Quiet)
            await WriteObjectAsync(test);
    }

    private static Listed<ContainerVersionProblem> ProblemsOf(IEnumerable<ValidationError> errors) =>
        [
            .. errors.Select(error => new ContainerVersionProblem
            {
                Field = error.Field,
                Value = error.Value,
                Message = error.Message,
                Remedy = error.Remedy,
            }),
        ];
}
