using System.Collections;
using System.Globalization;
using System.Management.Automation;
using CvManager.PowerShell;
using CvManager.PowerShell.Completion;
using CvManager.Sandbox.Registry;

namespace CvManager.Sandbox.PowerShell;

/// <summary>Pushes a small test image to the registry of the sandbox, as a build would.</summary>
[Cmdlet(VerbsCommon.Add, "CvSandboxImage", SupportsShouldProcess = true, HelpUri = ProjectUri.Docs + "Add-CvSandboxImage.md")]
[OutputType(typeof(CvSandboxImage))]
public sealed class AddCvSandboxImageCommand : AsyncCmdlet
{
    /// <summary>The repository, with or without the registry of the sandbox.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RepositoryCompleter))]
    public string Repository { get; set; } = "";

    /// <summary>The tags of the image. Existing tags are moved.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true)]
    [TextTransformation]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string[] Tag { get; set; } = [];

    /// <summary>The labels of the image, such as org.opencontainers.image.version.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public Hashtable Label { get; set; } = [];

    /// <summary>Creates an image that cannot be pulled: its tags exist, but its layers do not.</summary>
    [Parameter]
    public SwitchParameter Broken { get; set; }

    /// <summary>The sandbox; the default is the one that was started last.</summary>
    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public CvSandbox? Sandbox { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var session = await OnPipelineAsync(() => SessionMemory.Current);
        var sandbox =
            session.All<RunningSandbox>().LastOrDefault(running => Sandbox is null || running.Description == Sandbox)
            ?? throw RunningSandbox.NotRunning(Sandbox?.Server);
        var registry = sandbox.Registry;
        var name = Repository.StartsWith(registry.Host + "/", StringComparison.Ordinal)
            ? Repository[(registry.Host.Length + 1)..]
            : Repository;
        var repository = $"{registry.Host}/{name}";
        if (!await ShouldProcessAsync($"{repository}:{string.Join(',', Tag)}", Broken ? "Add image that cannot be pulled" : "Add image"))
            return;
        var digest = Push(registry, name);
        await WriteObjectAsync(
            new CvSandboxImage
            {
                Repository = repository,
                Tag = [.. Tag],
                Digest = digest,
                Pullable = !Broken,
            }
        );
    }

    private string Push(SandboxRegistry registry, string name)
    {
        try
        {
            var labels = Label
                .Cast<DictionaryEntry>()
                .ToDictionary(
                    entry => Convert.ToString(entry.Key, CultureInfo.InvariantCulture)!,
                    entry => Convert.ToString(entry.Value, CultureInfo.InvariantCulture) ?? ""
                );
            var digest = registry.PushImage(name, Tag[0], labels);
            foreach (var tag in Tag.Skip(1))
                registry.Tag(name, tag, digest);
            if (Broken)
                registry.BreakImage(name, Tag[0]);
            return digest;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            throw new CvException(
                SandboxErrorIds.SandboxImageInvalid,
                CvErrorKind.Invalid,
                e.Message,
                "Use a valid lower-case repository name and valid tags. "
                    + $"If the repository includes a registry, it must be {registry.Host}.",
                e
            )
            {
                Target = name,
            };
        }
    }
}
