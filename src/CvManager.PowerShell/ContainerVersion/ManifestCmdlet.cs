using System.Management.Automation;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>
/// The base class of cmdlets that read manifests from files, folders or the pipeline: YAML or JSON, with any number of documents.
/// </summary>
public abstract class ManifestCmdlet : ClusterCmdlet
{
    internal const string PathSet = "Path";
    internal const string LiteralPathSet = "LiteralPath";
    internal const string ManifestSet = "Manifest";

    /// <summary>In bytes. A character takes up to four bytes in UTF-8.</summary>
    private const long LargestFile = 4L * YamlDocuments.MaxTextLength;

    private static readonly string[] Extensions = [".yaml", ".yml", ".json"];

    /// <summary>The source of manifests from the pipeline.</summary>
    private const string Pipeline = "pipeline";

    private readonly List<string> _lines = [];

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    public string[] Path { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    public string[] LiteralPath { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = ManifestSet, ValueFromPipeline = true)]
    [TextTransformation]
    [AllowEmptyString]
    [TextListTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string[] Manifest { get; set; } = [];

    /// <summary>The namespace of objects that specify none; the default is the namespace of the context.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    /// <summary>True if an error was written for a file or a document.</summary>
    private protected bool HasErrors { get; private set; }

    /// <summary>Called for each document. An exception becomes an error for that document, and the next one is processed.</summary>
    private protected abstract Task ProcessDocumentAsync(ManifestDocument document, CancellationToken cancellationToken);

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        if (ParameterSetName == ManifestSet)
        {
            foreach (var text in Manifest)
            {
                // Get-Content without -Raw writes single lines. They are joined, and parsed after the last one.
                if (IsLine(text))
                    _lines.Add(text);
                else
                    await ReadAsync(text, Pipeline, cancellationToken);
            }
            return;
        }

        var literal = ParameterSetName == LiteralPathSet;
        foreach (var path in literal ? LiteralPath : Path)
        {
            await GuardAsync(
                path,
                async () =>
                {
                    var files = await OnPipelineAsync(() => Resolve(path, literal));
                    if (files.Count == 0)
                        throw Empty(path, $"'{path}' contains no manifest (*{string.Join(", *", Extensions)}).");
                    foreach (var file in files)
                        await ReadFileAsync(file, cancellationToken);
                }
            );
        }
    }

    protected override Task EndProcessingAsync(CancellationToken cancellationToken) =>
        _lines.Count == 0 ? Task.CompletedTask : ReadAsync(string.Join('\n', _lines), Pipeline, cancellationToken);

    /// <exception cref="CvException"><c>NamespaceMismatch</c>: the namespace of the object differs from -Namespace.</exception>
    private protected string NamespaceOf(ManifestDocument document, ClusterConnection cluster)
    {
        if (Namespace is not null && document.Namespace is { } own && own != Namespace)
        {
            throw new CvException(
                CmdletErrorIds.NamespaceMismatch,
                CvErrorKind.Invalid,
                $"{document.Title} is in namespace '{own}', but -Namespace is '{Namespace}'.",
                "Omit -Namespace, or remove metadata.namespace from the manifest."
            )
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
        IEnumerable<string> resolved = literal
            ? [GetUnresolvedProviderPathFromPSPath(path)]
            : GetResolvedProviderPathFromPSPath(path, out _);
        return [.. resolved.SelectMany(FilesOf)];
    }

    private static IEnumerable<string> FilesOf(string path) =>
        Directory.Exists(path)
            ? Directory
                .EnumerateFiles(path)
                .Where(f => Extensions.Contains(System.IO.Path.GetExtension(f), StringComparer.OrdinalIgnoreCase))
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
                throw new CvException(
                    ErrorIds.ManifestTooLarge,
                    CvErrorKind.LimitExceeded,
                    $"{file} has {length} bytes; the limit is {LargestFile} bytes.",
                    "Split it into several files."
                )
                {
                    Target = file,
                };
            }

            text = await File.ReadAllTextAsync(file, cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CvException(CmdletErrorIds.ManifestNotFound, CvErrorKind.NotFound, $"File '{file}' not found.", "Check the path.", e)
            {
                Target = file,
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CvException(
                CmdletErrorIds.ManifestUnreadable,
                CvErrorKind.Forbidden,
                $"Could not read '{file}': {e.Message}",
                "Check the permissions of the file.",
                e
            )
            {
                Target = file,
            };
        }

        await ReadAsync(text, file, cancellationToken);
    }

    private Task ReadAsync(string text, string source, CancellationToken cancellationToken) =>
        GuardAsync(
            source,
            async () =>
            {
                var nodes = YamlDocuments
                    .Read(text)
                    .SelectMany((root, number) => ItemsOf(root).Select(node => (Node: node, Number: number)))
                    .ToList();
                if (nodes.Count == 0)
                    throw Empty(source, $"{source} contains no object.");
                foreach (var (node, number) in nodes)
                {
                    var document =
                        node as JsonObject
                        ?? throw new CvException(
                            ErrorIds.ManifestInvalid,
                            CvErrorKind.Invalid,
                            $"{source} contains a JSON {node.GetValueKind()} instead of a Kubernetes object.",
                            "Write each document as an object with apiVersion and kind."
                        )
                        {
                            Target = source,
                        };
                    // All documents before this one are objects, so that the number is the same.
                    var place = (string field) => PlaceOf(source, YamlPositions.Read(text)[number].Find(PathOf(document, field)));
                    await GuardAsync(source, () => ProcessDocumentAsync(new ManifestDocument(source, document, place), cancellationToken));
                }
            }
        );

    /// <summary>Null if the text does not come from a file.</summary>
    private static SourcePlace? PlaceOf(string source, TextPosition? position) =>
        source != Pipeline && File.Exists(source) ? new SourcePlace(source, position) : null;

    /// <summary>The path of a field of an object in the document, which may be a List.</summary>
    private static string PathOf(JsonObject document, string field)
    {
        var parent = document.GetPath().TrimStart('$').TrimStart('.');
        return parent.Length == 0 || field.Length == 0 ? parent + field : $"{parent}.{field}";
    }

    private static CvException Empty(string source, string message) =>
        new(
            CmdletErrorIds.ManifestEmpty,
            CvErrorKind.Invalid,
            message,
            "Specify a manifest with a ContainerVersion (apiVersion: custom.k8s.io/v1, kind: ContainerVersion)."
        )
        {
            Target = source,
        };

    /// <summary>Expands a List, which <c>kubectl get -o yaml</c> writes for several objects.</summary>
    private static IEnumerable<JsonNode> ItemsOf(JsonNode node) =>
        node is JsonObject map
        && map["items"] is JsonArray items
        && map["kind"]?.GetValueKind() == JsonValueKind.String
        && map["kind"]!.GetValue<string>().EndsWith("List", StringComparison.Ordinal)
            ? items.OfType<JsonNode>()
            : [node];

    /// <summary>Writes an error of one file or document, so that the others are processed.</summary>
    private async Task GuardAsync(string source, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is CvException or SessionStateException)
        {
            HasErrors = true;
            await WriteErrorAtAsync(e, source, PlaceOf(source, (e as CvException)?.Position));
        }
    }
}

/// <summary>An object in a manifest.</summary>
/// <param name="Source">The path of the file, or <c>pipeline</c>.</param>
/// <param name="Json">The object.</param>
/// <param name="PlaceOf">Returns the place of a field, or of the object that lacks it; null if the source is not a file.</param>
internal sealed record ManifestDocument(string Source, JsonObject Json, Func<string, SourcePlace?> PlaceOf)
{
    public bool IsContainerVersion => ContainerVersionManifest.IsContainerVersion(Json);

    public string Kind => Json.Text("kind") ?? "object without a kind";

    /// <summary>Kind and name, as far as the object has them.</summary>
    public string Title => Name is null ? Kind : $"{Kind} {Name}";

    /// <summary>Empty for the core group.</summary>
    public string ApiGroup =>
        Json.Text("apiVersion") is { } version && version.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash
            ? version[..slash]
            : "";

    public string? Name => Json.Text("metadata", "name");

    public string? Namespace => Json.Text("metadata", "namespace");
}
