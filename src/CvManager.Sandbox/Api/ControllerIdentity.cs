namespace CvManager.Sandbox.Api;

/// <summary>The field managers of the cluster's own parts.</summary>
internal static class ControllerIdentity
{
    public const string ControllerManager = "kube-controller-manager";

    public const string Scheduler = "kube-scheduler";

    public const string Kubelet = "kubelet";

    /// <summary>The API server itself; may write status together with the rest.</summary>
    public const string Internal = "kube-apiserver";
}
