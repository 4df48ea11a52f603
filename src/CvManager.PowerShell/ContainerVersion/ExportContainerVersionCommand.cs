using System.Management.Automation;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>Writes ContainerVersions as manifests, which Import-ContainerVersion and kubectl apply.</summary>
[Cmdlet(
    VerbsData.Export,
    "ContainerVersion",
    DefaultParameterSetName = NamespaceSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Export-ContainerVersion.md"
)]
[OutputType(typeof(string))]
public sealed class ExportContainerVersionCommand : OptionalNameCmdlet
{
    /// <summary>For people: without the escapes that only HTML needs.</summary>
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly List<JsonObject> _manifests = [];

    /// <summary>The file to write; without it, the text goes to the pipeline.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>The format of the text.</summary>
    [Parameter]
    public ManifestFormat Format { get; set; }

    /// <summary>Does not replace a file that exists.</summary>
    [Parameter]
    public SwitchParameter NoClobber { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        foreach (var resource in await FindAsync(cancellationToken))
            _manifests.Add(ContainerVersionManifest.Export(resource));
    }

    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        if (_manifests.Count == 0)
            return;
        IReadOnlyList<string> texts =
            Format == ManifestFormat.Yaml
                ? [.. _manifests.Select(YamlWriter.Write)]
                : [Json().ToJsonString(Readable).ReplaceLineEndings("\n") + "\n"];
        if (Path is null)
        {
            foreach (var text in texts)
                await WriteObjectAsync(text.TrimEnd('\n'));
            return;
        }

        var file = await OnPipelineAsync(() => GetUnresolvedProviderPathFromPSPath(Path));
        if (await ShouldProcessAsync(file, $"Write {Counted.Of(_manifests.Count, "ContainerVersion")}"))
            await WriteFileAsync(file, string.Concat(texts), cancellationToken);
    }

    /// <summary>A List for several objects, because a JSON file has one value.</summary>
    private JsonObject Json() =>
        _manifests is [var single]
            ? single
            : new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "List",
                ["items"] = new JsonArray([.. _manifests]),
            };

    /// <summary>Writes a file of its own first, so that an interrupt leaves neither half a manifest nor the former one destroyed.</summary>
    private async Task WriteFileAsync(string file, string text, CancellationToken cancellationToken)
    {
        var part = $"{file}.{Guid.NewGuid():N}.part";
        try
        {
            await File.WriteAllTextAsync(part, text, new UTF8Encoding(false), cancellationToken);
            File.Move(part, file, overwrite: !NoClobber);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Terminating(
                new CvException(
                    CmdletErrorIds.ManifestNotWritten,
                    e is DirectoryNotFoundException ? CvErrorKind.NotFound
                        : NoClobber && File.Exists(file) ? CvErrorKind.Conflict
                        : CvErrorKind.Forbidden,
                    $"Could not write '{file}': {e.Message}",
                    "Check the folder and its permissions. With -NoClobber, a file that exists is not replaced.",
                    e
                )
                {
                    Target = file,
                }
            );
        }
        finally
        {
            if (File.Exists(part))
                File.Delete(part);
        }
    }
}
