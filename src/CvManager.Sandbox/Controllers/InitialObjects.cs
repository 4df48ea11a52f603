using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;

namespace CvManager.Sandbox.Controllers;

/// <summary>The objects of a new cluster: namespaces, nodes, and the kubernetes service.</summary>
internal static class InitialObjects
{
    public static void Create(ClusterState cluster)
    {
        foreach (var name in (string[])["default", "kube-system", "kube-public", "kube-node-lease"])
            cluster.Create(BuiltInKinds.Namespaces, "", Named("v1", "Namespace", name), ControllerIdentity.Internal);
        for (var i = 1; i <= cluster.Options.Nodes; i++)
            cluster.Create(BuiltInKinds.Nodes, "", Node(cluster, $"sandbox-{i}"), ControllerIdentity.Internal);
        var service = Named("v1", "Service", "kubernetes");
        service["spec"] = new JsonObject
        {
            ["clusterIP"] = "10.96.0.1",
            ["ports"] = new JsonArray(
                new JsonObject
                {
                    ["name"] = "https",
                    ["port"] = 443L,
                    ["protocol"] = "TCP",
                    ["targetPort"] = 6443L,
                }
            ),
        };
        var services = cluster.Catalog.Find("", "v1", "services")!.Value.Type;
        cluster.Create(services, "default", service, ControllerIdentity.Internal);
    }

    private static JsonObject Named(string apiVersion, string kind, string name) =>
        new()
        {
            ["kind"] = kind,
            ["apiVersion"] = apiVersion,
            ["metadata"] = new JsonObject { ["name"] = name },
        };

    private static JsonObject Node(ClusterState cluster, string name)
    {
        var node = Named("v1", "Node", name);
        node.Meta()["labels"] = new JsonObject
        {
            ["kubernetes.io/hostname"] = name,
            ["kubernetes.io/os"] = "linux",
            ["kubernetes.io/arch"] = "amd64",
            ["node-role.kubernetes.io/worker"] = "",
        };
        JsonObject Capacity() =>
            new()
            {
                ["cpu"] = "64",
                ["memory"] = "256Gi",
                ["pods"] = "100000",
                ["ephemeral-storage"] = "500Gi",
            };
        node["status"] = new JsonObject
        {
            ["capacity"] = Capacity(),
            ["allocatable"] = Capacity(),
            ["conditions"] = new JsonArray(
                Condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                Condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                Condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                Condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
            ),
            ["addresses"] = new JsonArray(
                new JsonObject { ["type"] = "InternalIP", ["address"] = "127.0.0.1" },
                new JsonObject { ["type"] = "Hostname", ["address"] = name }
            ),
            ["nodeInfo"] = new JsonObject
            {
                ["machineID"] = name,
                ["systemUUID"] = name,
                ["bootID"] = name,
                ["kernelVersion"] = "6.1.0",
                ["osImage"] = "CvManager sandbox",
                ["containerRuntimeVersion"] = "sandbox://1.0.0",
                ["kubeletVersion"] = BuiltInKinds.KubernetesVersion,
                ["kubeProxyVersion"] = BuiltInKinds.KubernetesVersion,
                ["operatingSystem"] = "linux",
                ["architecture"] = "amd64",
            },
        };
        return node;

        JsonObject Condition(string type, string status, string reason, string message) =>
            new()
            {
                ["type"] = type,
                ["status"] = status,
                ["lastHeartbeatTime"] = cluster.Timestamp,
                ["lastTransitionTime"] = cluster.Timestamp,
                ["reason"] = reason,
                ["message"] = message,
            };
    }
}
