using CvManager.Sandbox.Printing;
using CvManager.Sandbox.Schemas;

namespace CvManager.Sandbox.Kinds;

/// <summary>The built-in resources that the sandbox serves.</summary>
internal sealed class BuiltInKinds
{
    /// <summary>The version of Kubernetes that these kinds are from.</summary>
    public const string KubernetesVersion = "v1.31.4";

    private static readonly ScalePaths Scale = new(".spec.replicas", ".status.replicas", ".spec.selector");
    private static readonly string[] All = ["all"];

    public BuiltInKinds(Identifiers identifiers)
    {
        Types =
        [
            Namespaces,
            Pods,
            Events,
            Core(
                "Service",
                "services",
                new ServiceRules(identifiers),
                ClusterTables.Services,
                status: true,
                shortNames: ["svc"],
                categories: All
            ),
            Core("ConfigMap", "configmaps", new ConfigMapRules(), ClusterTables.ConfigMaps, shortNames: ["cm"]),
            Core("Secret", "secrets", new SecretRules(), ClusterTables.Secrets, fields: ["type"]),
            Core("ServiceAccount", "serviceaccounts", new ServiceAccountRules(), ClusterTables.ServiceAccounts, shortNames: ["sa"]),
            Core(
                "PersistentVolumeClaim",
                "persistentvolumeclaims",
                new ClaimRules(),
                ClusterTables.Claims,
                status: true,
                shortNames: ["pvc"]
            ),
            Nodes,
            Deployments,
            ReplicaSets,
            StatefulSets,
            DaemonSets,
            ControllerRevisions,
            Jobs,
            CronJobs,
            One("coordination.k8s.io", "v1", "Lease", "leases", new LeaseRules(), ClusterTables.Leases),
            One("rbac.authorization.k8s.io", "v1", "Role", "roles", new RbacRules(), TableLayout.NameAndCreation),
            One("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", new RbacRules(), ClusterTables.RoleBindings),
            One(
                "rbac.authorization.k8s.io",
                "v1",
                "ClusterRole",
                "clusterroles",
                new RbacRules(),
                TableLayout.NameAndCreation,
                namespaced: false
            ),
            One(
                "rbac.authorization.k8s.io",
                "v1",
                "ClusterRoleBinding",
                "clusterrolebindings",
                new RbacRules(),
                ClusterTables.RoleBindings,
                namespaced: false
            ),
            One(
                "policy",
                "v1",
                "PodDisruptionBudget",
                "poddisruptionbudgets",
                new SpecAndStatusRules(hasGeneration: true),
                ClusterTables.DisruptionBudgets,
                status: true,
                shortNames: ["pdb"]
            ),
            CustomResourceDefinitions,
        ];
    }

    public static ResourceType Namespaces { get; } =
        Core(
            "Namespace",
            "namespaces",
            new NamespaceRules(),
            ClusterTables.Namespaces,
            status: true,
            namespaced: false,
            shortNames: ["ns"],
            fields: ["status.phase"]
        );

    public static ResourceType Pods { get; } =
        Core(
            "Pod",
            "pods",
            new PodRules(),
            PodTable.Layout,
            status: true,
            shortNames: ["po"],
            categories: All,
            fields:
            [
                "spec.nodeName",
                "spec.restartPolicy",
                "spec.schedulerName",
                "spec.serviceAccountName",
                "spec.hostNetwork",
                "status.phase",
                "status.podIP",
                "status.nominatedNodeName",
            ],
            subresources:
            [
                new Subresource("log", "", "v1", "Pod", ["get"]),
                new Subresource("eviction", "policy", "v1", "Eviction", ["create"]),
            ]
        );

    public static ResourceType Events { get; } = MakeEvents();

    public static ResourceType Nodes { get; } =
        Core(
            "Node",
            "nodes",
            new SpecAndStatusRules(hasGeneration: false),
            ClusterTables.Nodes,
            status: true,
            namespaced: false,
            shortNames: ["no"],
            fields: ["spec.unschedulable"]
        );

    public static ResourceType Deployments { get; } =
        One(
            "apps",
            "v1",
            "Deployment",
            "deployments",
            new DeploymentRules(),
            WorkloadTables.Deployments,
            status: true,
            scale: Scale,
            shortNames: ["deploy"],
            categories: All
        );

    public static ResourceType ReplicaSets { get; } =
        One(
            "apps",
            "v1",
            "ReplicaSet",
            "replicasets",
            new ReplicaSetRules(),
            WorkloadTables.ReplicaSets,
            status: true,
            scale: Scale,
            shortNames: ["rs"],
            categories: All,
            fields: ["status.replicas"]
        );

    public static ResourceType StatefulSets { get; } =
        One(
            "apps",
            "v1",
            "StatefulSet",
            "statefulsets",
            new StatefulSetRules(),
            WorkloadTables.StatefulSets,
            status: true,
            scale: Scale,
            shortNames: ["sts"],
            categories: All
        );

    public static ResourceType DaemonSets { get; } =
        One(
            "apps",
            "v1",
            "DaemonSet",
            "daemonsets",
            new DaemonSetRules(),
            WorkloadTables.DaemonSets,
            status: true,
            shortNames: ["ds"],
            categories: All
        );

    public static ResourceType ControllerRevisions { get; } =
        One("apps", "v1", "ControllerRevision", "controllerrevisions", new ControllerRevisionRules(), WorkloadTables.ControllerRevisions);

    public static ResourceType Jobs { get; } =
        One(
            "batch",
            "v1",
            "Job",
            "jobs",
            new JobRules(),
            WorkloadTables.Jobs,
            status: true,
            categories: All,
            fields: ["status.successful"]
        );

    public static ResourceType CronJobs { get; } =
        One(
            "batch",
            "v1",
            "CronJob",
            "cronjobs",
            new CronJobRules(),
            WorkloadTables.CronJobs,
            status: true,
            shortNames: ["cj"],
            categories: All
        );

    public static ResourceType CustomResourceDefinitions { get; } =
        One(
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            new CustomResourceDefinitionRules(),
            TableLayout.NameAndCreation,
            namespaced: false,
            status: true,
            shortNames: ["crd", "crds"],
            categories: ["api-extensions"]
        );

    public IReadOnlyList<ResourceType> Types { get; }

    private static ResourceType Core(
        string kind,
        string plural,
        KindRules rules,
        TableLayout table,
        bool namespaced = true,
        bool status = false,
        string[]? shortNames = null,
        string[]? categories = null,
        string[]? fields = null,
        Subresource[]? subresources = null
    ) => One("", "v1", kind, plural, rules, table, namespaced, status, null, shortNames, categories, fields, subresources);

    private static ResourceType One(
        string group,
        string version,
        string kind,
        string plural,
        KindRules rules,
        TableLayout table,
        bool namespaced = true,
        bool status = false,
        ScalePaths? scale = null,
        string[]? shortNames = null,
        string[]? categories = null,
        string[]? fields = null,
        Subresource[]? subresources = null
    )
    {
        var served = new ServedVersion(group, version, BuiltInSchemas.Get(kind))
        {
            HasStatus = status,
            Scale = scale,
            Table = table,
        };
        return new ResourceType
        {
            Group = group,
            Plural = plural,
            Singular = kind.ToLowerInvariant(),
            Kind = kind,
            Namespaced = namespaced,
            ShortNames = shortNames ?? [],
            Categories = categories ?? [],
            Versions = [served],
            Storage = served,
            Rules = rules,
            SelectableFields = fields is null
                ? ResourceType.NameAndNamespace
                : ResourceType.NameAndNamespace.Concat(fields).ToHashSet(StringComparer.Ordinal),
            Subresources = subresources ?? [],
        };
    }

    private static ResourceType MakeEvents()
    {
        var core = new ServedVersion("", "v1", BuiltInSchemas.Get("Event")) { Table = ClusterTables.Events };
        var newer = new ServedVersion("events.k8s.io", "v1", BuiltInSchemas.Get("events.Event"))
        {
            Table = ClusterTables.Events,
            FromStorage = EventForms.FromCore,
            ToStorage = EventForms.ToCore,
        };
        return new ResourceType
        {
            Group = "",
            Plural = "events",
            Singular = "event",
            Kind = "Event",
            Namespaced = true,
            ShortNames = ["ev"],
            Versions = [core, newer],
            Storage = core,
            Rules = new EventRules(),
            SelectableFields = ResourceType
                .NameAndNamespace.Concat([
                    "involvedObject.kind",
                    "involvedObject.namespace",
                    "involvedObject.name",
                    "involvedObject.uid",
                    "involvedObject.apiVersion",
                    "involvedObject.resourceVersion",
                    "involvedObject.fieldPath",
                    "reason",
                    "reportingComponent",
                    "source",
                    "type",
                ])
                .ToHashSet(StringComparer.Ordinal),
        };
    }
}
