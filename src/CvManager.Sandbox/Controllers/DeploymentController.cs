using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Rolls out Deployments through ReplicaSets.</summary>
internal sealed class DeploymentController(PodControl pods) : ControllerBase(pods.Cluster)
{
    public const string Component = "deployment-controller";

    /// <summary>Annotations of a deployment that are not copied to its replica sets.</summary>
    private static readonly HashSet<string> NotCopiedAnnotations = new(StringComparer.Ordinal)
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        DeploymentMath.Revision,
        "deployment.kubernetes.io/revision-history",
        DeploymentMath.DesiredReplicas,
        DeploymentMath.MaxReplicas,
        "deprecated.deployment.rollback.to",
    };

    private readonly DeploymentScaling _scaling = new(pods);

    private static ResourceType Type => BuiltInKinds.Deployments;

    private static ResourceType Sets => BuiltInKinds.ReplicaSets;

    protected override void OnChange(StoreChange change)
    {
        if (ReferenceEquals(change.Table.Type, Type))
        {
            if (change.Kind != ChangeKind.Deleted)
                Enqueue(change.Current.Key);
        }
        else if (ReferenceEquals(change.Table.Type, Sets))
        {
            EnqueueOwner(change.Current);
        }
        else if (change.Kind == ChangeKind.Deleted && ReferenceEquals(change.Table.Type, BuiltInKinds.Pods))
        {
            // Recreate waits for the last old pod to be gone.
            if (
                change.Current.Body.ControllerRef() is JsonObject reference
                && reference.Str("kind") == Sets.Kind
                && Cluster.Store.Table(Sets).Find(change.Current.Namespace, reference.Str("name")) is StoredObject set
            )
                EnqueueOwner(set);
        }
    }

    protected override void Reconcile(string key)
    {
        if (Find(Type, key) is not StoredObject deployment)
            return;
        var selector = LabelSelector.FromObject(deployment.Body.Obj("spec", "selector"));
        if (selector is null or { IsEverything: true })
            return;
        if (!deployment.Body.IsDeleting())
            Adopt(deployment, selector);
        if (deployment.Body.IsDeleting())
        {
            WriteStatus(deployment, new DeploymentProgress(deployment, FindNew(deployment), Owned(deployment)).WithoutProgress(Now));
            return;
        }
        deployment = SyncPausedCondition(deployment);
        var paused = deployment.Body.Bool("spec", "paused");
        if (paused || IsScaling(deployment))
        {
            var kept = SyncRevision(ref deployment, createsNew: false);
            _scaling.Scale(deployment, kept, Old(deployment, kept));
            if (paused)
                CleanUp(deployment, Old(deployment, FindNew(deployment)));
            deployment = Reload(deployment);
            WriteStatus(deployment, new DeploymentProgress(deployment, FindNew(deployment), Owned(deployment)).WithoutProgress(Now));
            return;
        }
        if (DeploymentMath.IsRolling(deployment))
            RollingUpdate(deployment);
        else
            Recreate(deployment);
    }

    private void EnqueueOwner(StoredObject set)
    {
        var reference = set.Body.ControllerRef();
        if (reference is not null)
        {
            if (
                reference.Str("kind") == Type.Kind
                && Cluster.Store.Table(Type).Find(set.Namespace, reference.Str("name")) is StoredObject owner
            )
                Enqueue(owner.Key);
            return;
        }
        foreach (var deployment in Cluster.Store.Table(Type).List(set.Namespace))
        {
            if (LabelSelector.FromObject(deployment.Body.Obj("spec", "selector"))!.Matches(set.Body.Labels()))
                Enqueue(deployment.Key);
        }
    }

    private void RollingUpdate(StoredObject deployment)
    {
        var newSet = SyncRevision(ref deployment, createsNew: true)!;
        var old = Old(deployment, newSet);
        if (!_scaling.ScaleUpNew(deployment, newSet, old))
        {
            newSet = FindNew(deployment)!;
            _scaling.ScaleDownOld(deployment, newSet, Old(deployment, newSet));
        }
        UpdateProgress(deployment);
    }

    private void Recreate(StoredObject deployment)
    {
        var newSet = SyncRevision(ref deployment, createsNew: false);
        var old = Old(deployment, newSet);
        var scaledDown = _scaling.ScaleToZero(deployment, old);
        var stillRunning = old.Any(set => pods.Owners.Controlled(BuiltInKinds.Pods, set.Uid).Any(pod => !PodControl.IsFinished(pod)));
        if (!scaledDown && !stillRunning)
        {
            newSet = SyncRevision(ref deployment, createsNew: true)!;
            _scaling.ScaleTo(deployment, newSet, DeploymentMath.Replicas(deployment));
        }
        UpdateProgress(deployment);
    }

    private void UpdateProgress(StoredObject deployment)
    {
        deployment = Reload(deployment);
        var newSet = FindNew(deployment);
        var progress = new DeploymentProgress(deployment, newSet, Owned(deployment));
        var status = progress.WithProgress(Now);
        if (progress.IsComplete(status))
            CleanUp(deployment, Old(deployment, newSet));
        deployment = WriteStatus(Reload(deployment), status);
        if (DeploymentProgress.Deadline(deployment) is DateTimeOffset deadline)
        {
            // One second late, as in the real controller, because timestamps have whole seconds.
            EnqueueAfter(deployment.Key, deadline - Now + TimeSpan.FromSeconds(1));
        }
    }

    private StoredObject Reload(StoredObject deployment) => Find(Type, deployment.Key)!;

    private StoredObject WriteStatus(StoredObject deployment, JsonObject status) => Cluster.UpdateStatus(Type, deployment, status);

    private List<StoredObject> Owned(StoredObject deployment) =>
        [
            .. pods
                .Owners.Controlled(Sets, deployment.Uid)
                .Select(set => Cluster.Store.Table(Sets).Find(set.Namespace, set.Name))
                .OfType<StoredObject>(),
        ];

    /// <summary>The replica set with the deployment's template; the oldest if there are several.</summary>
    private StoredObject? FindNew(StoredObject deployment) =>
        Owned(deployment)
            .OrderBy(set => set.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal)
            .ThenBy(set => set.Name, StringComparer.Ordinal)
            .FirstOrDefault(set => DeploymentMath.SameTemplate(set.Body.Obj("spec", "template"), deployment.Body.Obj("spec", "template")));

    private List<StoredObject> Old(StoredObject deployment, StoredObject? newSet) =>
        [.. Owned(deployment).Where(set => set.Uid != newSet?.Uid)];

    private void Adopt(StoredObject deployment, LabelSelector selector)
    {
        foreach (var set in pods.Owners.Orphans(Sets, deployment.Namespace))
        {
            if (!set.Body.IsDeleting() && selector.Matches(set.Body.Labels()))
                Cluster.Update(Sets, set, body => PodControl.Adopt(body, Type, deployment));
        }
    }

    private StoredObject SyncPausedCondition(StoredObject deployment)
    {
        if (deployment.Body.Int("spec", "progressDeadlineSeconds") is null)
            return deployment;
        var condition = DeploymentConditions.Find(deployment.Body["status"], DeploymentConditions.Progressing);
        if (condition.Str("reason") == DeploymentConditions.ProgressDeadlineExceeded)
            return deployment;
        var markedPaused = condition.Str("reason") == DeploymentConditions.DeploymentPaused;
        var paused = deployment.Body.Bool("spec", "paused");
        if (paused == markedPaused)
            return deployment;
        var status = deployment.Body.Obj("status")!.Clone();
        DeploymentConditions.Set(
            status,
            DeploymentConditions.Progressing,
            "Unknown",
            paused ? DeploymentConditions.DeploymentPaused : DeploymentConditions.DeploymentResumed,
            paused ? "Deployment is paused" : "Deployment is resumed",
            Cluster.Timestamp
        );
        return WriteStatus(deployment, status);
    }

    /// <summary>Whether spec.replicas has changed since the replica sets were last scaled.</summary>
    private bool IsScaling(StoredObject deployment) =>
        Owned(deployment)
            .Any(set =>
                DeploymentMath.Replicas(set) > 0
                && set.Body.Annotations().Str(DeploymentMath.DesiredReplicas) is { Length: > 0 } desired
                && desired != DeploymentMath.Replicas(deployment).ToString(CultureInfo.InvariantCulture)
            );

    /// <summary>Finds or creates the replica set of the current template, and gives it the newest revision.</summary>
    private StoredObject? SyncRevision(ref StoredObject deployment, bool createsNew)
    {
        var newSet = FindNew(deployment);
        var newest = Old(deployment, newSet).Select(set => DeploymentMath.RevisionOf(set) ?? 0).DefaultIfEmpty(0).Max() + 1;
        if (newSet is null)
        {
            if (!createsNew)
                return null;
            newSet = CreateNew(ref deployment, newest);
            if (newSet is null)
                return null;
        }
        else
        {
            var owner = deployment;
            newSet = Cluster.Update(
                Sets,
                newSet,
                body =>
                {
                    SetAnnotations(body, owner, Math.Max(newest, DeploymentMath.RevisionOf(newSet) ?? 0));
                    if (owner.Body.At("spec", "minReadySeconds") is JsonNode seconds)
                        body.Ensure("spec")["minReadySeconds"] = seconds.DeepClone();
                    else
                        body.Ensure("spec").Remove("minReadySeconds");
                }
            );
            if (
                owner.Body.Int("spec", "progressDeadlineSeconds") is not null
                && DeploymentConditions.Find(owner.Body["status"], DeploymentConditions.Progressing) is null
            )
            {
                var status = owner.Body.Obj("status")!.Clone();
                DeploymentConditions.Set(
                    status,
                    DeploymentConditions.Progressing,
                    "True",
                    DeploymentConditions.FoundNewReplicaSet,
                    $"Found new replica set \"{newSet.Name}\"",
                    Cluster.Timestamp
                );
                deployment = WriteStatus(deployment, status);
            }
        }
        var revision = (DeploymentMath.RevisionOf(newSet) ?? newest).ToString(CultureInfo.InvariantCulture);
        if (deployment.Body.Annotations().Str(DeploymentMath.Revision) != revision)
            // Written through the status, as in the real controller, so that the annotation does not increase the generation.
            deployment = Cluster.Update(
                Type,
                deployment,
                body => body.Ensure("metadata", "annotations")[DeploymentMath.Revision] = revision,
                subresource: "status"
            );
        return newSet;
    }

    private StoredObject? CreateNew(ref StoredObject deployment, long revision)
    {
        var template = deployment.Body.Obj("spec", "template")!.Clone();
        var hash = DeploymentMath.TemplateHash(template, deployment.Body.Int("status", "collisionCount"));
        var name = $"{deployment.Name}-{hash}";
        template.Ensure("metadata", "labels")[DeploymentMath.HashLabel] = hash;
        var selector = deployment.Body.Obj("spec", "selector")!.Clone();
        selector.Ensure("matchLabels")[DeploymentMath.HashLabel] = hash;
        var replicas = Math.Min(
            DeploymentMath.Replicas(deployment),
            Math.Max(
                0,
                DeploymentMath.IsRolling(deployment)
                    ? DeploymentMath.Replicas(deployment) + DeploymentMath.MaxSurge(deployment) - DeploymentMath.Replicas(Owned(deployment))
                    : DeploymentMath.Replicas(deployment)
            )
        );
        var body = new JsonObject
        {
            ["kind"] = Sets.Kind,
            ["apiVersion"] = Sets.Storage.ApiVersion,
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["labels"] = template.Labels()!.DeepClone(),
                ["ownerReferences"] = new JsonArray(PodControl.OwnerReference(Type, deployment)),
            },
            ["spec"] = new JsonObject
            {
                ["replicas"] = replicas,
                ["selector"] = selector,
                ["template"] = template,
            },
        };
        if (deployment.Body.At("spec", "minReadySeconds") is JsonNode seconds)
            body.Ensure("spec")["minReadySeconds"] = seconds.DeepClone();
        SetAnnotations(body, deployment, revision);
        var status = deployment.Body.Obj("status")!.Clone();
        if (Cluster.Store.Table(Sets).Find(deployment.Namespace, name) is not null)
        {
            // A replica set of another template or owner has this name: change the hash by raising the collision count.
            status["collisionCount"] = (status.Int("collisionCount") ?? 0) + 1;
            deployment = WriteStatus(deployment, status);
            Enqueue(deployment.Key);
            return null;
        }
        var created = Cluster.Create(Sets, deployment.Namespace, body);
        if (replicas > 0)
            pods.Events.Normal(Type, deployment, Component, "ScalingReplicaSet", $"Scaled up replica set {name} from 0 to {replicas}");
        if (deployment.Body.Int("spec", "progressDeadlineSeconds") is not null)
        {
            DeploymentConditions.Set(
                status,
                DeploymentConditions.Progressing,
                "True",
                DeploymentConditions.NewReplicaSetCreated,
                $"Created new replica set \"{name}\"",
                Cluster.Timestamp
            );
            deployment = WriteStatus(deployment, status);
        }
        return created;
    }

    private static void SetAnnotations(JsonObject set, StoredObject deployment, long revision)
    {
        var annotations = set.Ensure("metadata", "annotations");
        foreach (var (name, value) in deployment.Body.Annotations() ?? [])
        {
            if (!NotCopiedAnnotations.Contains(name))
                annotations[name] = value?.DeepClone();
        }
        annotations[DeploymentMath.Revision] = revision.ToString(CultureInfo.InvariantCulture);
        DeploymentScaling.SetReplicaAnnotations(annotations, deployment);
    }

    /// <summary>Deletes the oldest scaled-down replica sets beyond revisionHistoryLimit.</summary>
    private void CleanUp(StoredObject deployment, List<StoredObject> old)
    {
        if (deployment.Body.Int("spec", "revisionHistoryLimit") is not long limit)
            return;
        var idle = old.Where(set =>
                !set.Body.IsDeleting() && DeploymentMath.Replicas(set) == 0 && DeploymentMath.Status(set, "replicas") == 0
            )
            .ToList();
        foreach (var set in idle.OrderBy(set => DeploymentMath.RevisionOf(set) ?? 0).Take((int)Math.Max(0, old.Count - limit)))
            Cluster.Delete(Sets, set);
    }
}
