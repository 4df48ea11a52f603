namespace CvManager.PowerShell;

/// <summary>A cluster and a registry of the session, stored in <see cref="SessionMemory"/> while they run.</summary>
/// <remarks>Public for other modules of CvManager: their contexts and repositories are found and completed without further parameters.</remarks>
public interface ISessionSandbox : IAsyncDisposable
{
    /// <summary>The path of the kubeconfig of the cluster.</summary>
    string KubeConfig { get; }

    /// <summary>The repositories of the registry, with its host.</summary>
    IReadOnlyList<string> Repositories { get; }
}
