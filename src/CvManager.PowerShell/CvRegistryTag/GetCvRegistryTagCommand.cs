using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Versions;

namespace CvManager.PowerShell;

/// <summary>Lists the tags of repositories, with the version that each points at.</summary>
[Cmdlet(VerbsCommon.Get, "CvRegistryTag", DefaultParameterSetName = TagSet, HelpUri = ProjectUri.Docs + "Get-CvRegistryTag.md")]
[OutputType(typeof(CvRegistryTag))]
public sealed class GetCvRegistryTagCommand : RegistryCmdlet
{
    private const string TagSet = "Tag";
    private const string VersionSet = "Version";

    private readonly VersionTagCache _tagCache = new();

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("ImageRepo")]
    [TextTransformation]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(RepositoryCompleter))]
    public string[] Repository { get; set; } = [];

    /// <summary>Names of tags. Wildcards are allowed; the default is all.</summary>
    [Parameter(Position = 1, ParameterSetName = TagSet)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(RegistryTagCompleter))]
    public string[] Tag { get; set; } = [];

    /// <summary>A version tag or a digest; lists all tags of that image.</summary>
    [Parameter(Mandatory = true, ParameterSetName = VersionSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RegistryVersionCompleter))]
    public string Version { get; set; } = "";

    /// <summary>
    /// A regular expression that a whole tag must match to be a version; the default is git SHAs and full version numbers.
    /// </summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? VersionSyntax { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        foreach (var name in Repository)
            await GuardAsync(() => ListAsync(name, cancellationToken));
    }

    private async Task ListAsync(string name, CancellationToken cancellationToken)
    {
        var repository = ImageRepository.Parse(name);
        var syntax = Versions.VersionSyntax.Of(VersionSyntax);
        var registry = Registries.For(repository);
        var patterns = new NamePatterns(Tag);
        if (ParameterSetName == VersionSet)
            await ListImageAsync(registry, repository, name, cancellationToken);
        else if (Tag.Length == 0)
            await ListAllAsync(registry, repository, name, syntax, cancellationToken);
        else
            await ResolveAsync(registry, repository, name, patterns, syntax, cancellationToken);
    }

    /// <summary>
    /// Writes version tags immediately, and other tags at the end of the list, because their version can be its last entry.
    /// </summary>
    private async Task ListAllAsync(
        IRegistry registry,
        ImageRepository repository,
        string name,
        VersionSyntax syntax,
        CancellationToken cancellationToken
    )
    {
        List<KeyValuePair<string, string>> others = [];
        await foreach (
            var (tag, digest) in registry.ListWithDigestsAsync(repository, _ => true, e => WriteErrorAsync(e), cancellationToken)
        )
        {
            if (syntax.IsVersion(tag))
            {
                _tagCache.Add(repository, tag, digest);
                await WriteTagAsync(name, tag, digest, tag);
            }
            else
            {
                others.Add(new(tag, digest));
            }
        }

        foreach (var (tag, digest) in others)
        {
            var version =
                await syntax.MatchingAsync(_tagCache.TagsOf(repository, digest), cancellationToken) is [var best, ..] ? best
                : syntax.IsDefault ? digest
                : null;
            await WriteTagAsync(name, tag, digest, version);
        }
    }

    private async Task ResolveAsync(
        IRegistry registry,
        ImageRepository repository,
        string name,
        NamePatterns patterns,
        VersionSyntax syntax,
        CancellationToken cancellationToken
    )
    {
        var tags = patterns.ExactNames;
        if (!patterns.OnlyExact)
        {
            List<string> listed = [];
            await foreach (var tag in registry.ListTagsAsync(repository, cancellationToken))
            {
                if (patterns.Matches(tag.Tag))
                    listed.Add(tag.Tag);
            }

            // Resolving an exact name that is not in the list reports the error.
            tags = [.. listed.Union(patterns.ExactNames, StringComparer.Ordinal)];
        }

        var resolver = new VersionResolver(Registries, _tagCache, TimeProvider.System);
        foreach (var tag in tags)
        {
            await GuardAsync(async () =>
            {
                // A version tag is its own version.
                var isVersion = syntax.IsVersion(tag);
                FollowedTag followed = new(tag);
                var resolved =
                    isVersion && await registry.FindTagAsync(repository, tag, cancellationToken) is { } found
                        ? new ResolvedVersion(followed, found.Digest, tag, default)
                        : await resolver.ResolveAsync(repository, followed, VersionSyntax, [], cancellationToken);
                await WriteTagAsync(name, tag, resolved.Digest, resolved.Version);
            });
        }
    }

    private async Task ListImageAsync(IRegistry registry, ImageRepository repository, string name, CancellationToken cancellationToken)
    {
        var image = ImageReference.IsDigest(Version)
            ? Version
            : (await registry.FindTagAsync(repository, Version, cancellationToken))?.Digest;
        if (image is null)
        {
            throw new CvException(
                ErrorIds.RegistryVersionNotFound,
                CvErrorKind.NotFound,
                $"Version '{Version}' not found in '{repository}'.",
                "Run Get-CvRegistryTag without -Version to list the tags."
            )
            {
                Target = $"{repository}:{Version}",
            };
        }

        await foreach (
            var (tag, digest) in registry.ListWithDigestsAsync(repository, _ => true, e => WriteErrorAsync(e), cancellationToken)
        )
        {
            if (digest == image)
                await WriteTagAsync(name, tag, digest, Version);
        }
    }

    private Task WriteTagAsync(string repository, string tag, string digest, string? version) =>
        WriteObjectAsync(
            new CvRegistryTag
            {
                Repository = repository,
                Tag = tag,
                Digest = digest,
                Version = version,
            }
        );
}
