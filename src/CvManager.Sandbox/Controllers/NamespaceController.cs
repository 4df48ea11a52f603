using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Creates the default objects of namespaces, and empties and removes deleted ones.</summary>
internal sealed class NamespaceController(ClusterState cluster) : ControllerBase(cluster)
{
    protected override void OnChange(StoreChange change)
    {
        if (ReferenceEquals(change.Table.Type, BuiltInKinds.Namespaces))
            Enqueue(change.Current.Name);
        else if (
            change.Kind == ChangeKind.Deleted
            && change.Current.Namespace.Length > 0
            && Cluster.Store.Table(BuiltInKinds.Namespaces).Find("", change.Current.Namespace) is StoredObject ns
            && ns.Body.IsDeleting()
        )
            Enqueue(ns.Name);
    }

    protected override void Reconcile(string key)
    {
        if (Find(BuiltInKinds.Namespaces, key) is not StoredObject ns)
            return;
        if (!ns.Body.IsDeleting())
        {
            CreateDefaultObjects(ns.Name);
            return;
        }
        if (!NamespaceRules.HasFinalizers(BuiltInKinds.Namespaces, ns.Body))
            return;
        var empty = true;
        foreach (var type in Cluster.Catalog.Types.Where(type => type.Namespaced).ToList())
        {
            var table = Cluster.Store.Table(type);
            foreach (var item in table.List(ns.Name))
            {
                if (!item.Body.IsDeleting())
                    Cluster.Delete(type, item);
            }
            empty &= table.List(ns.Name).Count == 0;
        }
        if (!empty)
            return;
        var body = ns.Body.Clone();
        body.Ensure("spec").Remove("finalizers");
        var namespaces = Cluster.Store.Table(BuiltInKinds.Namespaces);
        if (body.Arr("metadata", "finalizers") is { Count: > 0 })
            Cluster.Store.Replace(namespaces, ns, body, ns.Owners);
        else
            Cluster.Store.Delete(namespaces, ns);
    }

    private void CreateDefaultObjects(string ns)
    {
        var accounts = Cluster.Catalog.Find("", "v1", "serviceaccounts")!.Value.Type;
        if (Cluster.Store.Table(accounts).Find(ns, "default") is null)
            Cluster.Create(accounts, ns, Named("ServiceAccount", "default"));
        var configMaps = Cluster.Catalog.Find("", "v1", "configmaps")!.Value.Type;
        if (Cluster.Store.Table(configMaps).Find(ns, "kube-root-ca.crt") is null)
        {
            var body = Named("ConfigMap", "kube-root-ca.crt");
            body["data"] = new JsonObject { ["ca.crt"] = "" };
            Cluster.Create(configMaps, ns, body);
        }
    }

    private static JsonObject Named(string kind, string name) =>
        new()
        {
            ["kind"] = kind,
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject { ["name"] = name },
        };
}
