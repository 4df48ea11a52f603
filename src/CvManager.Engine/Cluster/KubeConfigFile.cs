using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Cluster;

/// <summary>
/// Finds and reads kubeconfig files as kubectl does: the specified one, otherwise those of <c>KUBECONFIG</c>, otherwise ~/.kube/config.
/// </summary>
public static class KubeConfigFile
{
    /// <summary>In bytes; about ten times the size of a kubeconfig with hundreds of clusters.</summary>
    private const int MaximumLength = 8 * 1024 * 1024;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        MaxDepth = YamlDocuments.MaxDepth + 8,
    };

    /// <summary>The existing kubeconfig files in order of precedence; empty if there are none (for example in a pod).</summary>
    /// <param name="path">If not empty, the only file to read.</param>
    /// <exception cref="CvException">KubeConfigNotFound: <paramref name="path"/> does not exist.</exception>
    public static IReadOnlyList<FileInfo> Locate(string? path)
    {
        if (!string.IsNullOrEmpty(path))
        {
            var given = new FileInfo(path);
            return given.Exists
                ? [given]
                : throw new CvException(
                    ErrorIds.KubeConfigNotFound,
                    CvErrorKind.NotFound,
                    $"Kubeconfig '{path}' not found.",
                    "Specify the path of an existing file with -KubeConfig."
                )
                {
                    Target = path,
                };
        }
        var listed = Environment.GetEnvironmentVariable("KUBECONFIG");
        var paths = string.IsNullOrEmpty(listed)
            ? [Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".kube", "config")]
            : listed.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct();
        return [.. paths.Select(p => new FileInfo(p)).Where(file => file.Exists)];
    }

    /// <summary>The contexts of the files, without credentials.</summary>
    /// <exception cref="CvException">KubeConfigNotFound, KubeConfigInvalid, KubeConfigUnreadable, KubeConfigTooLarge.</exception>
    public static IReadOnlyList<KubeContext> ReadContexts(string? path)
    {
        var files = Locate(path);
        if (files.Count == 0)
            return [];
        var config = Read(files);
        return
        [
            .. config.Contexts!.Select(context => new KubeContext(
                context.Name,
                context.Name == config.CurrentContext,
                context.Context?.Cluster ?? "",
                UrlRedaction.Remove(
                    config.Clusters!.FirstOrDefault(cluster => cluster.Name == context.Context?.Cluster)?.Cluster?.Server ?? ""
                ),
                string.IsNullOrEmpty(context.Context?.Namespace) ? "default" : context.Context.Namespace,
                context.Context?.User ?? ""
            )),
        ];
    }

    /// <summary>
    /// Reads and merges the files: of entries with the same name, the first one is used (client-go/tools/clientcmd/loader.go). Paths
    /// relative to their file become absolute. No list is null.
    /// </summary>
    /// <exception cref="CvException">KubeConfigInvalid, KubeConfigUnreadable, KubeConfigTooLarge.</exception>
    internal static KubeConfig Read(IReadOnlyList<FileInfo> files)
    {
        var configs = files.Select(ReadOne).OfType<KubeConfig>().ToList();
        if (configs.Count == 0)
            throw Invalid(files[0].FullName, "the file is empty", null);
        return new KubeConfig
        {
            CurrentContext = configs.Select(config => config.CurrentContext).FirstOrDefault(name => !string.IsNullOrEmpty(name)),
            Contexts = [.. configs.SelectMany(config => config.Contexts ?? []).DistinctBy(context => context.Name)],
            Clusters = [.. configs.SelectMany(config => config.Clusters ?? []).DistinctBy(cluster => cluster.Name)],
            Users = [.. configs.SelectMany(config => config.Users ?? []).DistinctBy(user => user.Name)],
        };
    }

    /// <returns>Null if the file is empty.</returns>
    internal static KubeConfig? Parse(string text, string path, string folder)
    {
        KubeConfig config;
        try
        {
            // kubectl reads the first document only.
            if (YamlDocuments.Read(text, MaximumLength) is not [JsonNode document, ..])
                return null;
            config = document.Deserialize<KubeConfig>(Options)!;
        }
        catch (CvException e)
        {
            throw Invalid(path, e.Message, e);
        }
        catch (Exception e) when (ObjectShape.IsFault(e))
        {
            // The exception is not included: the value may be a secret.
            throw Invalid(
                path,
                $"{(e as JsonException)?.Path ?? "a field"} has the wrong type (quote a token or name that consists of digits)",
                null
            );
        }

        if (config.Kind is not (null or "" or "Config"))
            throw Invalid(path, $"kind must be 'Config', not '{config.Kind}'", null);
        CheckNames("contexts", config.Contexts?.Select(context => context?.Name));
        CheckNames("clusters", config.Clusters?.Select(cluster => cluster?.Name));
        CheckNames("users", config.Users?.Select(user => user?.Name));
        foreach (var cluster in (config.Clusters ?? []).Select(cluster => cluster.Cluster).OfType<KubeCluster>())
            cluster.CertificateAuthority = Absolute(cluster.CertificateAuthority);
        foreach (var user in (config.Users ?? []).Select(user => user.User).OfType<KubeUser>())
        {
            user.ClientCertificate = Absolute(user.ClientCertificate);
            user.ClientKey = Absolute(user.ClientKey);
            user.TokenFile = Absolute(user.TokenFile);
            // A name is searched for on the PATH; one with a separator is a path.
            if (
                user.Exec is { Command: { } command } exec
                && (
                    command.Contains('/', StringComparison.Ordinal)
                    || command.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal)
                )
            )
                exec.Command = Absolute(command);
        }

        return config;

        string? Absolute(string? relative) => string.IsNullOrEmpty(relative) ? relative : Path.GetFullPath(Path.Combine(folder, relative));

        void CheckNames(string list, IEnumerable<string?>? names)
        {
            HashSet<string> seen = [];
            foreach (var name in names ?? [])
            {
                if (name is null)
                    throw Invalid(path, $"an entry of {list} has no name", null);
                if (!seen.Add(name))
                    throw Invalid(path, $"{list} has two entries named '{name}'", null);
            }
        }
    }

    private static KubeConfig? ReadOne(FileInfo file)
    {
        try
        {
            if (file.Length > MaximumLength)
            {
                throw new CvException(
                    ErrorIds.KubeConfigTooLarge,
                    CvErrorKind.LimitExceeded,
                    $"'{file.FullName}' has {file.Length} bytes, which exceeds the limit of {MaximumLength} for a kubeconfig.",
                    "Check that the file is a kubeconfig."
                )
                {
                    Target = file.FullName,
                };
            }
            return Parse(File.ReadAllText(file.FullName), file.FullName, file.DirectoryName!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CvException(
                ErrorIds.KubeConfigUnreadable,
                CvErrorKind.Forbidden,
                $"Could not read '{file.FullName}': {e.Message}",
                "Check the file's permissions.",
                e
            )
            {
                Target = file.FullName,
            };
        }
    }

    /// <param name="context">The name of the context.</param>
    /// <param name="paths">The kubeconfigs that do not have it.</param>
    public static CvException ContextNotFound(string context, string paths) =>
        new(
            ErrorIds.KubeContextNotFound,
            CvErrorKind.NotFound,
            paths.Length > 0 ? $"Context '{context}' not found in {paths}." : $"Context '{context}' not found: no kubeconfig exists.",
            "Specify an existing context; Get-CvContext lists them."
        )
        {
            Target = context,
        };

    private static CvException Invalid(string path, string what, Exception? inner) =>
        new(
            ErrorIds.KubeConfigInvalid,
            CvErrorKind.Invalid,
            $"'{path}' is not a valid kubeconfig: {what.TrimEnd('.')}.",
            "Fix the file; 'kubectl config view' shows and checks it.",
            inner
        )
        {
            Target = path,
        };
}

/// <summary>One context of a kubeconfig.</summary>
/// <param name="Name">The context's name.</param>
/// <param name="IsCurrent">True for the current-context of the file.</param>
/// <param name="Cluster">The name of the cluster in the file; empty if there is none.</param>
/// <param name="Server">The API server's address; empty if the cluster is not in the file.</param>
/// <param name="Namespace">The default namespace.</param>
/// <param name="User">The user's name in the file.</param>
public sealed record KubeContext(string Name, bool IsCurrent, string Cluster, string Server, string Namespace, string User);
