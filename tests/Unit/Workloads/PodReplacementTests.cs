using System.Net;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Support.Cluster;
using CvManager.Workloads;
using Xunit;

namespace CvManager.Unit.Workloads;

/// <summary>Replacement of pods one by one, with a ReplicaSet controller that replaces each deleted pod.</summary>
public sealed class PodReplacementTests : IDisposable
{
    private const string Old = "r.example/app:1";
    private const string New = "r.example/app:2@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly List<JsonObject> _pods = [];
    private readonly FakeApiServer _server;
    private readonly ClusterConnection _cluster;
    private readonly PodReplacement _replacement;
    private Func<string, string> _webhook = image => image;
    private string? _refusal;
    private bool _knowsPolicyV1 = true;
    private int _made;

    public PodReplacementTests()
    {
        _server = new FakeApiServer(Answer);
        _cluster = _server.Connect();
        _replacement = new PodReplacement(_cluster);
    }

    private int Evictions => _server.Requests.Count(r => r.Path.EndsWith("/eviction", StringComparison.Ordinal));

    private int Deletions => _server.Requests.Count(r => r.Method == "DELETE");

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public async Task Each_pod_is_evicted_once_and_none_is_deleted()
    {
        Start(3, image => image);

        Assert.Equal((ProgressState.Done, null), await RunAsync());
        Assert.Equal((3, 0), (Evictions, Deletions));
    }

    [Theory]
    [InlineData("mirror, digest kept")]
    [InlineData("mirror, digest lost")]
    public async Task Pods_whose_images_a_webhook_rewrites_to_a_mirror_are_replaced_once_each(string how)
    {
        Start(3, image => "mirror.example/" + (how.EndsWith("kept", StringComparison.Ordinal) ? image : image.Split('@')[0]));

        Assert.Equal((ProgressState.Done, null), await RunAsync());
        Assert.Equal(3, Evictions);
    }

    [Fact]
    public async Task Replacement_stops_after_one_pod_if_pods_get_the_former_image_again()
    {
        Start(3, _ => Old);

        Assert.Equal((ProgressState.Waiting, ConditionReasons.PodsNotUpdated), await RunAsync());
        Assert.Equal(1, Evictions);
    }

    [Fact]
    public async Task Replacement_stops_after_two_pods_if_pods_get_another_image_each_time()
    {
        var number = 0;
        Start(4, image => image == Old ? Old : $"mirror.example/app:{++number}");

        Assert.Equal((ProgressState.Waiting, ConditionReasons.PodsNotUpdated), await RunAsync());
        Assert.Equal(2, Evictions);
    }

    [Fact]
    public async Task A_PodDisruptionBudget_is_waited_for_and_reported()
    {
        Start(2, image => image);
        _refusal = FakeApiServer.Status(
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
            """{"causes":[{"reason":"DisruptionBudget","message":"The disruption budget app needs 2 healthy pods"}]}"""
        );

        Assert.Equal((ProgressState.Waiting, ConditionReasons.DisruptionBudget), await RunAsync());
        Assert.Equal((0, 2), (Deletions, _pods.Count(pod => ImageOf(pod) == Old)));

        _refusal = null;
        Assert.Equal((ProgressState.Done, null), await RunAsync());
    }

    [Fact]
    public async Task A_pod_that_is_not_ready_is_deleted_despite_an_exhausted_budget()
    {
        Start(1, image => image);
        _pods[0]["status"]!["conditions"]![0]!["status"] = "False";
        _refusal = FakeApiServer.Status(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.");

        Assert.Equal((ProgressState.Done, null), await RunAsync());
        Assert.Equal(1, Deletions);
    }

    [Fact]
    public async Task An_API_server_without_Eviction_of_policy_v1_gets_v1beta1()
    {
        _knowsPolicyV1 = false;
        Start(2, image => image);

        Assert.Equal((ProgressState.Done, null), await RunAsync());
        Assert.Equal(
            ["policy/v1", "policy/v1beta1", "policy/v1beta1"],
            _server
                .Requests.Where(r => r.Path.EndsWith("/eviction", StringComparison.Ordinal))
                .Select(r => JsonNode.Parse(r.Body)!["apiVersion"]!.GetValue<string>())
        );
    }

    [Fact]
    public async Task No_pod_is_replaced_before_the_ReplicaSet_controller_has_observed_the_template()
    {
        Start(1, image => image);

        var progress = await _replacement.AdvanceAsync(
            Set(1) with
            {
                IsObserved = false,
                Progress = WorkloadProgress.Waiting("not observed"),
            },
            Container,
            null,
            null,
            Now,
            TestContext.Current.CancellationToken
        );

        Assert.Equal((ProgressState.Waiting, null, 0), (progress.Progress.State, progress.Replacement, _server.Requests.Count));
    }

    [Fact]
    public async Task A_pod_of_a_StatefulSet_that_is_not_ready_and_has_an_earlier_revision_is_replaced_once()
    {
        _pods.Add(Pod("app-0", New, ready: true, revision: "good"));
        _pods.Add(Pod("app-1", Old, ready: false, revision: "bad", waiting: "ErrImagePull"));
        var set = Set(2) with { Kind = "StatefulSet", Revision = new PodRevision("controller-revision-hash", "good") };

        var chosen = (await UnblockAsync(set, null))!.Replacement!;
        Assert.Equal(("app-1", 0), (chosen.Pod, Evictions));
        await UnblockAsync(set, chosen);
        Assert.Equal(1, Evictions);

        // The StatefulSet controller created the pod with the bad revision again: it is kept and named in the message.
        _pods.RemoveAll(pod => pod["metadata"]!["name"]!.GetValue<string>() != "app-0");
        _pods.Add(Pod("app-1", Old, ready: false, revision: "bad", waiting: "ErrImagePull"));
        Assert.Equal(ConditionReasons.PodsNotUpdated, (await UnblockAsync(set, chosen))!.Progress.BlockedBy);
        Assert.Equal(1, Evictions);
    }

    [Fact]
    public async Task Pods_of_a_StatefulSet_below_the_partition_or_updated_or_ready_are_kept()
    {
        _pods.Add(Pod("app-0", Old, ready: false, revision: "bad", waiting: "ErrImagePull"));
        _pods.Add(Pod("app-1", Old, ready: true, revision: "bad"));
        _pods.Add(Pod("app-2", New, ready: false, revision: "good", waiting: "ErrImagePull"));

        Assert.Null(
            await UnblockAsync(
                Set(3) with
                {
                    Kind = "StatefulSet",
                    Partition = 1,
                    Revision = new PodRevision("controller-revision-hash", "good"),
                },
                null
            )
        );
    }

    private static WorkloadContainer Container => new("main", New, false, 0);

    private static Workload Set(int replicas) =>
        new()
        {
            Kind = "ReplicaSet",
            ApiVersion = "v1",
            Namespace = "shop",
            Name = "app",
            Uid = "set",
            PodSelector = "app=app",
            DesiredPods = replicas,
        };

    private void Start(int replicas, Func<string, string> webhook)
    {
        _webhook = webhook;
        for (var pod = 0; pod < replicas; pod++)
            _pods.Add(Pod($"app-{_made++}", Old, ready: true));
    }

    /// <summary>Runs until the replacement is done or blocked.</summary>
    private async Task<(ProgressState, string?)> RunAsync()
    {
        PodReplacementStatus? status = null;
        var progress = WorkloadProgress.Waiting("");
        for (var step = 0; step < 30; step++)
        {
            (progress, status) = await _replacement.AdvanceAsync(
                Set(_pods.Count),
                Container,
                null,
                status,
                Now,
                TestContext.Current.CancellationToken
            );
            if (progress.State == ProgressState.Done)
                break;
        }

        return (progress.State, progress.BlockedBy);
    }

    private Task<ReplacementProgress?> UnblockAsync(Workload set, PodReplacementStatus? status) =>
        _replacement.UnblockAsync(set, Container, null, status, Now, TestContext.Current.CancellationToken);

    private HttpResponseMessage Answer(ApiRequest request)
    {
        if (request.Method == "GET")
            return FakeApiServer.Answer(
                200,
                new JsonObject
                {
                    ["metadata"] = new JsonObject(),
                    ["items"] = new JsonArray([.. _pods.Select(pod => pod.DeepClone())]),
                }.ToJsonString()
            );
        if (request.Method == "POST" && !_knowsPolicyV1 && request.Body.Contains("\"policy/v1\"", StringComparison.Ordinal))
            return FakeApiServer.Answer(
                400,
                FakeApiServer.Status(400, "BadRequest", "no kind Eviction is registered for version policy/v1")
            );
        if (request.Method == "POST" && _refusal is not null)
            return FakeApiServer.Answer(429, _refusal);
        var name = request.Path.Split('/')[6];
        var gone = _pods.Single(pod => pod["metadata"]!["name"]!.GetValue<string>() == name);
        Assert.Contains(gone["metadata"]!["uid"]!.GetValue<string>(), request.Body, StringComparison.Ordinal);
        _pods.Remove(gone);
        _pods.Add(Pod($"app-{_made++}", _webhook(New), ready: true));
        return FakeApiServer.Answer((int)HttpStatusCode.Created, "{}");
    }

    private static string ImageOf(JsonObject pod) => pod["spec"]!["containers"]![0]!["image"]!.GetValue<string>();

    private JsonObject Pod(string name, string image, bool ready, string? revision = null, string? waiting = null) =>
        new()
        {
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = "shop",
                ["uid"] = $"uid-{name}-{_made}",
                ["creationTimestamp"] = Now.AddSeconds(_made)
                    .ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture),
                ["ownerReferences"] = new JsonArray(new JsonObject { ["uid"] = "set", ["controller"] = true }),
                ["labels"] = revision is null ? new JsonObject() : new JsonObject { ["controller-revision-hash"] = revision },
            },
            ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = "main", ["image"] = image }) },
            ["status"] = new JsonObject
            {
                ["phase"] = "Running",
                ["conditions"] = new JsonArray(new JsonObject { ["type"] = "Ready", ["status"] = ready ? "True" : "False" }),
                ["containerStatuses"] = waiting is null
                    ? []
                    : new JsonArray(
                        new JsonObject
                        {
                            ["name"] = "main",
                            ["state"] = new JsonObject { ["waiting"] = new JsonObject { ["reason"] = waiting } },
                        }
                    ),
            },
        };
}
