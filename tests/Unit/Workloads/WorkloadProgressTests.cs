using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Support;
using CvManager.Workloads;
using Xunit;

namespace CvManager.Unit.Workloads;

/// <summary>R4: when the rollout of each kind is done or failed.</summary>
public sealed class WorkloadProgressTests
{
    [Theory]
    [InlineData("{observedGeneration: 1, replicas: 3, updatedReplicas: 3, availableReplicas: 3}", ProgressState.Waiting)]
    [InlineData("{observedGeneration: 2, replicas: 3, updatedReplicas: 2, availableReplicas: 3}", ProgressState.Waiting, "2", "3")]
    [InlineData("{observedGeneration: 2, replicas: 4, updatedReplicas: 3, availableReplicas: 3}", ProgressState.Waiting, "1")]
    [InlineData("{observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 2}", ProgressState.Waiting, "2", "3")]
    [InlineData("{observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3}", ProgressState.Done, "3", "3")]
    public void A_Deployment_is_done_when_kubectl_rollout_status_is(string status, ProgressState state, params string[] facts) =>
        AssertProgress("Deployment", "{replicas: 3}", status, state, facts);

    [Fact]
    public void An_exceeded_progress_deadline_is_reported_with_its_time_beside_the_progress()
    {
        var workload = WorkloadKind
            .Find("Deployment")
            .Read(
                Json(
                    """
                    {metadata: {generation: 2}, spec: {replicas: 1}, status: {observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1, conditions: [
                      {type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: too late, lastUpdateTime: '2026-01-01T00:00:00Z'}]}}
                    """
                )
            );

        Assert.Equal(new DeadlineExceeded("2026-01-01T00:00:00Z", "too late"), workload.DeadlineExceeded);
        Assert.Equal(ProgressState.Done, workload.Progress.State);
    }

    [Theory]
    [InlineData(
        "Deployment",
        "{replicas: 2, paused: true}",
        "{observedGeneration: 2, replicas: 2, updatedReplicas: 0, availableReplicas: 2}",
        ConditionReasons.WorkloadPaused
    )]
    [InlineData(
        "Deployment",
        "{replicas: 2}",
        "{observedGeneration: 2, replicas: 2, updatedReplicas: 0, availableReplicas: 2, conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: exceeded quota}]}",
        ConditionReasons.PodsNotCreated
    )]
    [InlineData(
        "Deployment",
        "{replicas: 2}",
        "{observedGeneration: 2, replicas: 2, updatedReplicas: 0, availableReplicas: 2, conditions: [{type: Progressing, status: 'False', reason: ReplicaSetCreateError}]}",
        ConditionReasons.PodsNotCreated
    )]
    [InlineData(
        "Deployment",
        "{replicas: 2}",
        "{observedGeneration: 2, replicas: 2, updatedReplicas: 0, availableReplicas: 2, conditions: [{type: ReplicaFailure, status: 'False'}]}",
        null
    )]
    [InlineData(
        "ReplicaSet",
        "{replicas: 2}",
        "{observedGeneration: 2, replicas: 1, availableReplicas: 1, conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate}]}",
        ConditionReasons.PodsNotCreated
    )]
    [InlineData(
        "StatefulSet",
        "{replicas: 2, updateStrategy: {type: OnDelete}}",
        "{observedGeneration: 2, updatedReplicas: 0, readyReplicas: 2, currentRevision: a, updateRevision: b}",
        ConditionReasons.UpdateOnDelete
    )]
    [InlineData(
        "StatefulSet",
        "{replicas: 2, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}}",
        "{observedGeneration: 2, updatedReplicas: 0, readyReplicas: 2, currentRevision: a, updateRevision: b}",
        ConditionReasons.UpdatePartitioned
    )]
    [InlineData(
        "DaemonSet",
        "{updateStrategy: {type: OnDelete}}",
        "{observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2}",
        ConditionReasons.UpdateOnDelete
    )]
    public void A_blockage_that_is_not_the_fault_of_the_version_has_its_own_reason(string kind, string spec, string status, string? reason)
    {
        var progress = WorkloadKind.Find(kind).Progress(Json($"{{metadata: {{generation: 2}}, spec: {spec}, status: {status}}}"));

        Assert.Equal((ProgressState.Waiting, reason), (progress.State, progress.BlockedBy));
    }

    [Theory]
    [InlineData(
        "{replicas: 2}",
        "{observedGeneration: 2, updatedReplicas: 1, readyReplicas: 2, currentRevision: a, updateRevision: a}",
        ProgressState.Waiting,
        "1",
        "2"
    )]
    [InlineData(
        "{replicas: 2}",
        "{observedGeneration: 2, updatedReplicas: 2, readyReplicas: 1, currentRevision: a, updateRevision: a}",
        ProgressState.Waiting,
        "1",
        "2"
    )]
    [InlineData(
        "{replicas: 3}",
        "{observedGeneration: 2, updatedReplicas: 2, readyReplicas: 3, currentRevision: a, updateRevision: b}",
        ProgressState.Waiting,
        "2",
        "3"
    )]
    [InlineData(
        "{replicas: 3}",
        "{observedGeneration: 2, updatedReplicas: 3, readyReplicas: 3, currentRevision: b, updateRevision: b}",
        ProgressState.Done,
        "3",
        "3"
    )]
    [InlineData(
        "{replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}}",
        "{observedGeneration: 2, updatedReplicas: 1, readyReplicas: 3, currentRevision: a, updateRevision: b}",
        ProgressState.Done,
        "3",
        "3"
    )]
    [InlineData(
        "{replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}}",
        "{observedGeneration: 2, updatedReplicas: 0, readyReplicas: 3, currentRevision: a, updateRevision: b}",
        ProgressState.Waiting,
        "2"
    )]
    [InlineData(
        "{replicas: 3, updateStrategy: {type: OnDelete}}",
        "{observedGeneration: 2, updatedReplicas: 1, readyReplicas: 3, currentRevision: a, updateRevision: b}",
        ProgressState.Waiting,
        "OnDelete",
        "2",
        "3"
    )]
    public void A_StatefulSet_honours_its_partition_and_OnDelete(string spec, string status, ProgressState state, params string[] facts) =>
        AssertProgress("StatefulSet", spec, status, state, facts);

    [Theory]
    [InlineData(
        "{}",
        "{observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2}",
        ProgressState.Waiting,
        "1",
        "2"
    )]
    [InlineData(
        "{}",
        "{observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1}",
        ProgressState.Waiting,
        "1",
        "2"
    )]
    [InlineData(
        "{}",
        "{observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}",
        ProgressState.Done,
        "2",
        "2"
    )]
    [InlineData(
        "{updateStrategy: {type: OnDelete}}",
        "{observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2}",
        ProgressState.Waiting,
        "OnDelete",
        "1",
        "2"
    )]
    public void A_DaemonSet_is_done_when_it_is_available_on_all_its_nodes(
        string spec,
        string status,
        ProgressState state,
        params string[] facts
    ) => AssertProgress("DaemonSet", spec, status, state, facts);

    [Theory]
    [InlineData("{conditions: [{type: Ready, status: 'False'}]}", ProgressState.Waiting)]
    [InlineData("{conditions: [{type: Ready, status: 'True'}]}", ProgressState.Done)]
    public void A_Pod_is_done_when_it_is_ready(string status, ProgressState state, params string[] facts) =>
        AssertProgress("Pod", "{containers: [{name: main, image: 'r/a:2'}]}", status, state, facts);

    [Theory]
    [InlineData("Running", false)]
    [InlineData("Succeeded", true)]
    [InlineData("Failed", true)]
    public void A_terminated_Pod_is_finished(string phase, bool finished) =>
        Assert.Equal(
            finished,
            WorkloadKind
                .Find("Pod")
                .Read(Json($"{{metadata: {{name: a}}, spec: {{containers: []}}, status: {{phase: {phase}}}}}"))
                .IsFinished
        );

    [Fact]
    public void Containers_and_init_containers_are_read_from_where_each_kind_has_them()
    {
        var cronJob = Json(
            """
            {metadata: {name: a, namespace: b}, spec: {jobTemplate: {spec: {template: {spec: {
              containers: [{name: x, image: 'i:1'}, {name: main, image: 'i:2'}], initContainers: [{name: setup, image: 'i:3'}]}}}}}}
            """
        );

        var workload = WorkloadKind.Find("CronJob").Read(cronJob);

        Assert.Equal(
            ("i:2", false, 1),
            (workload.FindContainer("main")!.Image, workload.FindContainer("main")!.IsInit, workload.FindContainer("main")!.Index)
        );
        Assert.Equal(
            ("i:3", true, 0),
            (workload.FindContainer("setup")!.Image, workload.FindContainer("setup")!.IsInit, workload.FindContainer("setup")!.Index)
        );
        Assert.Equal(
            ["spec", "jobTemplate", "spec", "template", "spec", "initContainers"],
            WorkloadKind.Find("CronJob").ContainersPath(init: true)
        );
        Assert.Equal(["spec", "containers"], WorkloadKind.Find("Pod").ContainersPath(init: false));
    }

    [Fact]
    public void Controller_pod_labels_and_last_field_manager_of_the_image_are_read()
    {
        var workload = WorkloadKind
            .Find("ReplicaSet")
            .Read(
                Json(
                    """
                    metadata:
                      name: a
                      namespace: b
                      ownerReferences: [{kind: Deployment, name: app, controller: true}]
                      managedFields:
                      - {manager: kubectl, time: '2026-01-01T00:00:00Z', fieldsV1: {'f:spec': {'f:template': {'f:spec': {'f:containers': {'k:{"name":"main"}': {'f:image': {}}}}}}}}
                      - {manager: argocd, time: '2026-01-02T00:00:00Z', fieldsV1: {'f:spec': {'f:template': {'f:spec': {'f:containers': {'k:{"name":"main"}': {'f:image': {}}}}}}}}
                      - {manager: other, time: '2026-01-03T00:00:00Z', fieldsV1: {'f:spec': {'f:replicas': {}}}}
                    spec:
                      selector: {matchLabels: {app: x}, matchExpressions: [{key: tier, operator: In, values: [a, b]}, {key: old, operator: DoesNotExist}]}
                      template: {spec: {containers: [{name: main, image: i}]}}
                    """
                )
            );

        Assert.Equal("Deployment/app", workload.Controller);
        Assert.Equal("app=x,tier in (a,b),!old", workload.PodSelector);
        Assert.Equal("argocd", workload.FindContainer("main")!.ImageManager);
    }

    private static void AssertProgress(string kind, string spec, string status, ProgressState state, string[] facts)
    {
        var progress = WorkloadKind.Find(kind).Progress(Json($"{{metadata: {{generation: 2}}, spec: {spec}, status: {status}}}"));

        Assert.Equal(state, progress.State);
        Facts.AssertIn(progress.Message, facts);
    }

    private static JsonObject Json(string yaml) => YamlDocuments.Read(yaml).Single().AsObject();
}
