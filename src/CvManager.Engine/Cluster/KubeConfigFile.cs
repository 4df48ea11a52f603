using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;
using YamlDotNet.Core;

namespace CvManager.Cluster;

/// <summary>Finds and reads kubeconfig files, by kubectl's rules: the given one, else those of <c>KUBECONFIG</c>, else ~/.kube/config.</summary>
public static class KubeConfigFile
{
    /// <summary>Bytes; a kubeconfig with hundreds of clusters and their certificates has a tenth of it.</summary>
    private const long MaximumLength = 8 * 1024 * 1024;

    /// <summary>The files that are read, in order of precedence; none where there is none (in a pod, for example).</summary>
    /// <param name="path">Where given, this one alone.</param>
    /// <exception cref="CvException">KubeConfigNotFound: the given one does not exist.</exception>
    public static IReadOnlyList<FileInfo> Locate(string? path)
    {
        if (!string.IsNullOrEmpty(path))
        {
            var given = new FileInfo(path);
            return given.Exists ? [given] : throw new CvException(
                "KubeConfigNotFound", CvErrorKind.NotFound, $"There is no kubeconfig '{path}'.", "Give the path of an existing one with -KubeConfig.")
            { Target = path };
        }
        var listed = Environment.GetEnvironmentVariable("KUBECONFIG");
        IEnumerable<string> paths = string.IsNullOrEmpty(listed)
            ? [KubernetesClientConfiguration.KubeConfigDefaultLocation]
            : listed.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return [.. paths.Select(p => new FileInfo(p)).Where(file => file.Exists)];
    }

    /// <summary>Reads the files as one: of what several name alike, the first holds. Paths in it are absolute.</summary>
    /// <exception cref="CvException">KubeConfigInvalid, KubeConfigUnreadable, KubeConfigTooLarge.</exception>
    public static K8SConfiguration Read(IReadOnlyList<FileInfo> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        var configs = files.Select(ReadOne).ToList();
        return new K8SConfiguration
        {
            CurrentContext = configs.Select(config => config.CurrentContext).FirstOrDefault(name => !string.IsNullOrEmpty(name)),
            Contexts = [.. configs.SelectMany(config => config.Contexts ?? []).DistinctBy(context => context.Name)],
            Clusters = [.. configs.SelectMany(config => config.Clusters ?? []).DistinctBy(cluster => cluster.Name)],
            Users = [.. configs.SelectMany(config => config.Users ?? []).DistinctBy(user => user.Name)],
        };
    }

    /// <summary>The contexts of the files, as they stand; no credential is among what is told.</summary>
    /// <exception cref="CvException">As <see cref="Locate"/> and <see cref="Read"/>.</exception>
    public static IReadOnlyList<KubeContext> ReadContexts(string? path)
    {
        var files = Locate(path);
        if (files.Count == 0)
            return [];
        var config = Read(files);
        return
        [
            .. (config.Contexts ?? []).Select(context => new KubeContext(
                context.Name ?? "",
                context.Name == config.CurrentContext,
                context.ContextDetails?.Cluster ?? "",
                config.Clusters?.FirstOrDefault(cluster => cluster.Name == context.ContextDetails?.Cluster)?.ClusterEndpoint?.Server ?? "",
                string.IsNullOrEmpty(context.ContextDetails?.Namespace) ? "default" : context.ContextDetails.Namespace,
                context.ContextDetails?.User ?? "")),
        ];
    }

    private static K8SConfiguration ReadOne(FileInfo file)
    {
        if (file.Length > MaximumLength)
        {
            throw new CvException(
                "KubeConfigTooLarge", CvErrorKind.LimitExceeded, $"'{file.FullName}' has {file.Length} bytes; a kubeconfig may have {MaximumLength}.", "Name the right file.")
            { Target = file.FullName };
        }
        try
        {
            var config = KubernetesClientConfiguration.LoadKubeConfig(file);
            foreach (var cluster in (config.Clusters ?? []).Select(cluster => cluster.ClusterEndpoint).OfType<ClusterEndpoint>())
                cluster.CertificateAuthority = Absolute(cluster.CertificateAuthority);
            foreach (var user in (config.Users ?? []).Select(user => user.UserCredentials).OfType<UserCredentials>())
            {
                user.ClientCertificate = Absolute(user.ClientCertificate);
                user.ClientKey = Absolute(user.ClientKey);
            }
            return config;
        }
        // The client library's answer to a file without content is a null reference.
        catch (Exception e) when (e is YamlException or KubeConfigException or InvalidCastException or FormatException or NullReferenceException)
        {
            throw new CvException(
                "KubeConfigInvalid", CvErrorKind.Invalid, $"'{file.FullName}' is no kubeconfig: {(e is NullReferenceException ? "it is empty" : e.Message)}", "See that it is the right file; kubectl config view checks it.", e)
            { Target = file.FullName };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CvException("KubeConfigUnreadable", CvErrorKind.Forbidden, $"'{file.FullName}' cannot be read: {e.Message}", "See who may read it.", e)
            { Target = file.FullName };
        }

        string? Absolute(string? path) => string.IsNullOrEmpty(path) ? path : Path.Combine(file.DirectoryName!, path);
    }
}

/// <summary>One context of a kubeconfig.</summary>
/// <param name="Name">The context's name.</param>
/// <param name="IsCurrent">True for the file's own current-context.</param>
/// <param name="Cluster">The name of the cluster in the file; empty where there is none.</param>
/// <param name="Server">The API server's address; empty where the file does not know the cluster.</param>
/// <param name="Namespace">The namespace that is meant where none is given.</param>
/// <param name="User">The user's name in the file.</param>
public sealed record KubeContext(string Name, bool IsCurrent, string Cluster, string Server, string Namespace, string User);
