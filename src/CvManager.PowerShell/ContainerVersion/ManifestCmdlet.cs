using System.Management.Automation;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>
/// The base of cmdlets that read manifests: files, folders, or text from the pipeline, as YAML or JSON, any number of documents in each.
/// </summary>
public abstract class ManifestCmdlet : ClusterCmdlet
{
    internal const string PathSet = "Path";
    internal const string LiteralPathSet = "LiteralPath";
    internal const string ManifestSet = "Manifest";

    /// <summary>Characters that a file may have take up to four bytes each.</summary>
    private const long LargestFile = 4L * YamlDocuments.LargestText;

    private static readonly string[] s_extensions = [".yaml", ".yml", ".json"];

    private readonly List<string> _lines = [];

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = ManifestSet, ValueFromPipeline = true)]
    [AllowEmptyString]
    public string[] Manifest { get; set; } = [];

    /// <summary>Of objects that name none; left out, the context's own namespace.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    /// <summary>True once a file or document has become an error record.</summary>
    private protected bool AnyFailed { get; private set; }

    /// <summary>Called for each document; what it throws is an error of that document, and the next one goes on.</summary>
    private protected abstract Task ProcessDocumentAsync(ManifestDocument document, CancellationToken cancellationToken);

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        if (ParameterSetName == ManifestSet)
        {
            foreach (var text in Manifest)
            {
                // Get-Content without -Raw hands over line after line: they are one text, and read when the last has come.
                if (IsLine(text))
                    _lines.Add(text);
                else
                    await ReadAsync(text, "pipeline", cancellationToken);
            }
            return;
        }

        var literal = ParameterSetName == LiteralPathSet;
        foreach (var path in literal ? LiteralPath : Path)
        {
            await GuardAsync(path, async () =>
            {
                foreach (var file in await OnPipelineAsync(() => Resolve(path, literal)))
                    await ReadFileAsync(file, cancellationToken);
            });
        }
    }

    protected override Task EndProcessingAsync(CancellationToken cancellationToken) =>
        _lines.Count == 0 ? Task.CompletedTask : ReadAsync(string.Join('\n', _lines), "pipeline", cancellationToken);

    /// <exception cref="CvException"><c>NamespaceMismatch</c>: the object names another one than -Namespace.</exception>
    private protected string NamespaceOf(ManifestDocument document, ClusterConnection cluster)
    {
        if (Namespace is not null && document.Namespace is { } own && own != Namespace)
        {
            throw new CvException(CmdletErrorIds.NamespaceMismatch, CvErrorKind.Invalid,
                $"{document.Kind} {document.Name} is in namespace '{own}', but -Namespace is '{Namespace}'.",
                "Omit -Namespace, or remove metadata.namespace from the manifest.")
            {
                Target = $"{own}/{document.Name}",
            };
        }

        return document.Namespace ?? Namespace ?? cluster.DefaultNamespace;
    }

    private static bool IsLine(string text)
    {
        var trimmed = text.AsSpan().Trim();
        return !text.Contains('\n', StringComparison.Ordinal) && !(trimmed.StartsWith("{") && trimmed.EndsWith("}"));
    }

    private List<string> Resolve(string path, bool literal)
    {
        IEnumerable<string> resolved = literal ? [GetUnresolvedProviderPathFromPSPath(path)] : GetResolvedProviderPathFromPSPath(path, out _);
        return [.. resolved.SelectMany(FilesOf)];
    }

    private static IEnumerable<string> FilesOf(string path) => Directory.Exists(path)
        ? Directory.EnumerateFiles(path).Where(f => s_extensions.Contains(System.IO.Path.GetExtension(f), StringComparer.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal)
        : [path];

    private async Task ReadFileAsync(string file, CancellationToken cancellationToken)
    {
        string text;
        try
        {
            var length = new FileInfo(file).Length;
            if (length > LargestFile)
            {
                throw new CvException(ErrorIds.ManifestTooLarge, CvErrorKind.LimitExceeded,
                    $"{file} has {length} bytes; the limit is {LargestFile} bytes.", "Split it into several files.") { Target = file };
            }

            text = await File.ReadAllTextAsync(file, cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CvException(CmdletErrorIds.ManifestNotFound, CvErrorKind.NotFound, $"File '{file}' not found.", "Check the path.", e) { Target = file };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CvException(
                CmdletErrorIds.ManifestUnreadable, CvErrorKind.Forbidden, $"Could not read '{file}': {e.Message}", "Check the permissions of the file.", e)
            {
                Target = file,
            };
        }

        await ReadAsync(text, file, cancellationToken);
    }

    private Task ReadAsync(string text, string source, CancellationToken cancellationToken) => GuardAsync(source, async () =>
    {
        foreach (var node in YamlDocuments.Read(text).SelectMany(ItemsOf))
        {
            var document = node as JsonObject ?? throw new CvException(ErrorIds.ManifestInvalid, CvErrorKind.Invalid,
                $"{source} contains a JSON {node.GetValueKind()} instead of a Kubernetes object.", "Write each document as an object with apiVersion and kind.") { Target = source };
            await GuardAsync(source, () => ProcessDocumentAsync(new ManifestDocument(source, document), cancellationToken));
        }
    });

    /// <summary>What <c>kubectl get -o yaml</c> writes for several objects is one List.</summary>
    private static IEnumerable<JsonNode> ItemsOf(JsonNode node) =>
        node is JsonObject map && map["items"] is JsonArray items && map["kind"]?.GetValueKind() == JsonValueKind.String
            && map["kind"]!.GetValue<string>().EndsWith("List", StringComparison.Ordinal)
            ? items.OfType<JsonNode>()
            : [node];

    /// <summary>An error of one file or document leaves the others alone.</summary>
    private async Task GuardAsync(string source, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is CvException or SessionStateException)
        {
            AnyFailed = true;
            await WriteErrorAsync(e, source);
        }
    }
}

/// <summary>One object of a manifest.</summary>
/// <param name="Source">The file, or <c>pipeline</c>.</param>
/// <param name="Json">The object itself.</param>
internal sealed record ManifestDocument(string Source, JsonObject Json)
{
    public bool IsContainerVersion => ContainerVersionManifest.IsContainerVersion(Json);

    public string Kind => Text(Json["kind"]) ?? "object without a kind";

    /// <summary>Empty for the core group.</summary>
    public string ApiGroup => Text(Json["apiVersion"]) is { } version && version.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash ? version[..slash] : "";

    public string? Name => Text(Json["metadata"]?["name"]);

    public string? Namespace => Text(Json["metadata"]?["namespace"]);

    private static string? Text(JsonNode? node) => node?.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : null;
}
