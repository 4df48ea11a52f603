using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Serves the resources of CustomResourceDefinitions, and removes a deleted definition when its objects are gone.</summary>
internal sealed class CustomResourceController(ClusterState cluster) : ControllerBase(cluster)
{
    private static ResourceType Definitions => BuiltInKinds.CustomResourceDefinitions;

    protected override void OnChange(StoreChange change)
    {
        if (ReferenceEquals(change.Table.Type, Definitions))
            Enqueue(change.Current.Name);
        else if (change is { Kind: ChangeKind.Deleted, Table.Type.IsCustom: true })
            Enqueue(change.Table.Type.QualifiedName);
    }

    protected override void Reconcile(string key)
    {
        var definition = Find(Definitions, key);
        if (definition is null)
        {
            if (Cluster.Catalog.Types.FirstOrDefault(type => type.IsCustom && type.QualifiedName == key) is ResourceType orphan)
                Withdraw(orphan);
            return;
        }
        if (definition.Body.IsDeleting())
        {
            Terminate(definition);
            return;
        }
        Serve(definition);
        Cluster.UpdateStatus(Definitions, definition, Status(definition.Body), ControllerIdentity.Internal);
    }

    private void Serve(StoredObject definition)
    {
        var group = definition.Body.Str("spec", "group");
        var plural = definition.Body.Str("spec", "names", "plural");
        var type = CustomResources.FromDefinition(definition.Body.Clone());
        var served = Cluster.Catalog.Custom(group, plural);
        if (served is not null && served.DefinitionRevision == definition.Body.Int("metadata", "generation"))
            return;
        type.DefinitionRevision = definition.Body.Int("metadata", "generation") ?? 0;
        Cluster.Catalog.Serve(type);
        Cluster.Store.Table(type).Type = type;
    }

    private void Terminate(StoredObject definition)
    {
        if (!definition.Body.Texts("metadata", "finalizers").Contains(CustomResourceDefinitionRules.Finalizer))
            return;
        var type = Cluster.Catalog.Custom(definition.Body.Str("spec", "group"), definition.Body.Str("spec", "names", "plural"));
        if (type is not null)
        {
            foreach (var item in Cluster.Store.Table(type).List(""))
            {
                if (!item.Body.IsDeleting())
                    Cluster.Delete(type, item);
            }
            if (Cluster.Store.Table(type).Count > 0)
                return;
            Withdraw(type);
        }
        Cluster.Update(
            Definitions,
            definition,
            body =>
            {
                var rest = body.Texts("metadata", "finalizers").Where(name => name != CustomResourceDefinitionRules.Finalizer).ToList();
                body.Meta()["finalizers"] = new JsonArray([.. rest.Select(name => JsonValue.Create(name))]);
            },
            ControllerIdentity.Internal
        );
    }

    private void Withdraw(ResourceType type)
    {
        Cluster.Catalog.Withdraw(type);
        Cluster.Store.Remove(type);
    }

    private JsonObject Status(JsonObject definition)
    {
        var status = definition.Ensure("status").Clone();
        status["acceptedNames"] = definition.Obj("spec", "names")!.DeepClone();
        var conditions = new JsonArray(
            Condition("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
            Condition("Established", "True", "InitialNamesAccepted", "the initial names have been accepted")
        );
        var group = definition.Str("spec", "group");
        if (group.EndsWith(".k8s.io", StringComparison.Ordinal) || group.EndsWith(".kubernetes.io", StringComparison.Ordinal))
        {
            var approval = definition.Annotations().Str(CustomResourceDefinitionRules.ApprovalAnnotation);
            conditions.Add(
                (JsonNode)(
                    approval.StartsWith("unapproved", StringComparison.Ordinal)
                        ? Condition(
                            "KubernetesAPIApprovalPolicyConformant",
                            "False",
                            "UnapprovedAnnotation",
                            $"not approved: {JsonAccess.Quoted(approval)}"
                        )
                        : Condition("KubernetesAPIApprovalPolicyConformant", "True", "ApprovedAnnotation", $"approved in {approval}")
                )
            );
        }
        status["conditions"] = conditions;
        return status;

        JsonObject Condition(string type, string value, string reason, string message)
        {
            var before = definition.Items("status", "conditions").FirstOrDefault(item => item.Str("type") == type);
            return new JsonObject
            {
                ["type"] = type,
                ["status"] = value,
                ["lastTransitionTime"] = before.Str("status") == value ? before.Str("lastTransitionTime") : Cluster.Timestamp,
                ["reason"] = reason,
                ["message"] = message,
            };
        }
    }
}
