namespace CvManager.Sandbox.Api;

/// <summary>The field managers of the control plane's own components.</summary>
internal static class ControllerIdentity
{
    public const string ControllerManager = "kube-controller-manager";

    public const string Scheduler = "kube-scheduler";

    public const string Kubelet = "kubelet";

    /// <summary>The API server itself. It may write status together with the rest of the object.</summary>
    public const string Internal = "kube-apiserver";
}
