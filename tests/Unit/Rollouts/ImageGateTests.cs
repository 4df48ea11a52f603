using System.Net;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Following;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Support.Cluster;
using CvManager.Support.Records;
using CvManager.Versions;
using CvManager.Watching;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Rollouts;

/// <summary>
/// R5: which pods count as a gate, and what their result means for a version. There is no kubelet: the tests write the states of the pods.
/// </summary>
public sealed class ImageGateTests : IAsyncLifetime, IResourceVersions
{
    private static readonly ResourcePath Pods = new("", "v1", "pods", "shop");

    private readonly FakeTimeProvider _clock = new(RecordSamples.Noon);
    private InProcessCluster _cluster = null!;
    private ContainerVersionStore _resources = null!;
    private Reconciler _reconciler = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cluster = await InProcessCluster.StartAsync(nodes: 0);
        await CrdInstallation.InstallAsync(_cluster.Connection, TimeProvider.System, Token);
        _resources = new ContainerVersionStore(_cluster.Connection);
        _reconciler = new Reconciler(_cluster.Connection, this, new(_clock, _cluster.Log));
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task A_pod_fits_the_restricted_standard_and_has_no_token()
    {
        var spec = (await BeginAsync())["spec"]!.AsObject();

        Assert.False(spec["automountServiceAccountToken"]!.GetValue<bool>());
        Assert.Equal("""{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}}""", spec["securityContext"]!.ToJsonString());
        Assert.Equal(
            """{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}""",
            spec["containers"]![0]!["securityContext"]!.ToJsonString()
        );
    }

    [Fact]
    public async Task A_gate_can_set_a_service_account_a_user_and_resources()
    {
        var spec = (await BeginAsync(""","serviceAccountName":"tests","runAsUser":0,"resources":{"limits":{"memory":"256Mi"}}"""))[
            "spec"
        ]!.AsObject();

        Assert.True(spec["automountServiceAccountToken"]!.GetValue<bool>());
        Assert.Equal("tests", spec["serviceAccountName"]!.GetValue<string>());
        Assert.Equal("256Mi", spec["containers"]![0]!["resources"]!["limits"]!["memory"]!.GetValue<string>());
        Assert.Equal(
            (false, 0),
            (spec["securityContext"]!["runAsNonRoot"]!.GetValue<bool>(), spec["securityContext"]!["runAsUser"]!.GetValue<int>())
        );
    }

    [Fact]
    public async Task The_name_of_a_pod_is_unpredictable_and_in_the_status_before_the_pod_is_created()
    {
        string? atCreation = null;
        _cluster.Faults = request =>
        {
            if (request.Method == HttpMethod.Post && request.RequestUri!.AbsolutePath.EndsWith("/pods", StringComparison.Ordinal))
                atCreation ??= string.Join(" ", _cluster.Requests.TakeLast(2));
            return RequestFault.None;
        };
        var first = (await BeginAsync())["metadata"]!["name"]!.GetValue<string>();
        Assert.StartsWith("PUT /apis/custom.k8s.io/v1/namespaces/shop/containerversions/cv/status", atCreation, StringComparison.Ordinal);

        await CreateAsync(name: "cv2", app: "app2");
        await StepAsync("cv2");
        var second = (await StatusOfAsync("cv2")).Rollout!.Gates![0].Pod!.Name;

        Assert.Matches("^cv-[a-z0-9]{12}$", first);
        Assert.Matches("^cv2-[a-z0-9]{12}$", second);
        Assert.NotEqual(first[^12..], second[^12..]);
    }

    [Fact]
    public async Task A_lost_response_to_the_creation_does_not_run_the_gate_twice()
    {
        var lost = false;
        _cluster.Faults = request =>
        {
            var hit =
                !lost && request.Method == HttpMethod.Post && request.RequestUri!.AbsolutePath.EndsWith("/pods", StringComparison.Ordinal);
            lost |= hit;
            return hit ? new RequestFault { DropResponse = true } : RequestFault.None;
        };
        await CreateAsync();
        await Assert.ThrowsAsync<CvException>(StepAsync);
        Assert.Null((await GateAsync()).Pod!.Uid);

        await StepAsync();

        var pod = Assert.Single(await PodsAsync());
        Assert.Equal(pod["metadata"]!["uid"]!.GetValue<string>(), (await GateAsync()).Pod!.Uid);
    }

    [Theory]
    [InlineData("""{"command":["true"]}""")]
    [InlineData("""{"image":"r.example/always:passes"}""")]
    [InlineData("""{"env":[]}""")]
    [InlineData("""{"lifecycle":{"postStart":{"exec":{"command":["true"]}}}}""")]
    public async Task A_pod_of_the_right_name_and_owner_that_runs_something_else_does_not_pass(string difference)
    {
        var made = await BeginAsync();
        // The state after a controller was killed right after it requested the pod; another client created the pod.
        await _cluster.Connection.DeleteAsync(
            Pods with
            {
                Name = made["metadata"]!["name"]!.GetValue<string>(),
            },
            Token,
            propagation: "Background"
        );
        var resource = await _resources.GetAsync("shop", "cv", Token);
        var rollout = resource.Status!.Rollout!;
        var gate = rollout.Gates![0];
        await _resources.UpdateStatusAsync(
            resource with
            {
                Status = resource.Status with
                {
                    Rollout = rollout with { Gates = [gate with { Pod = new GatePodStatus { Name = gate.Pod!.Name } }] },
                },
            },
            Token
        );
        var forged = (JsonObject)made.DeepClone();
        forged["metadata"]!.AsObject().Remove("uid");
        forged["metadata"]!.AsObject().Remove("resourceVersion");
        forged["spec"]!.AsObject().Remove("nodeName");
        foreach ((var field, var value) in JsonNode.Parse(difference)!.AsObject())
            forged["spec"]!["containers"]![0]![field] = value!.DeepClone();
        await _cluster.Connection.CreateAsync(Pods, forged, Token);
        await EndAsync(gate.Pod!.Name, """{"phase":"Succeeded"}""");

        await StepAsync();

        var now = await GateAsync();
        Assert.Equal(RolloutPhase.Progressing, now.Phase);
        Assert.NotEqual(gate.Pod.Name, now.Pod!.Name);
        Assert.Equal("r.example/app:1111111", await ImageAsync());
    }

    [Fact]
    public async Task A_pod_that_takes_the_name_of_a_deleted_one_does_not_pass()
    {
        var made = await BeginAsync();
        var name = made["metadata"]!["name"]!.GetValue<string>();
        await _cluster.Connection.DeleteAsync(Pods with { Name = name }, Token);
        made["metadata"] = new JsonObject
        {
            ["name"] = name,
            ["labels"] = new JsonObject { ["app"] = "mine" },
        };
        made["spec"]!.AsObject().Remove("nodeName");
        await _cluster.Connection.CreateAsync(Pods, made, Token);
        await EndAsync(name, """{"phase":"Succeeded"}""");

        await StepAsync();

        Assert.Equal(RolloutPhase.Progressing, (await GateAsync()).Phase);
        // The pod of another client is not changed, whatever its name.
        Assert.Equal(
            [name, (await GateAsync()).Pod!.Name],
            (await PodsAsync()).Select(p => p["metadata"]!["name"]!.GetValue<string>()).OrderBy(n => n != name)
        );
    }

    [Fact]
    public async Task A_pod_whose_image_is_changed_does_not_pass()
    {
        var name = (await BeginAsync())["metadata"]!["name"]!.GetValue<string>();
        await _cluster.Connection.PatchAsync(
            Pods with
            {
                Name = name,
            },
            PatchKind.Json,
            JsonNode.Parse("""[{"op":"replace","path":"/spec/containers/0/image","value":"r.example/always:passes"}]""")!,
            Token
        );
        await EndAsync(name, """{"phase":"Succeeded"}""");

        await StepAsync();

        Assert.Equal(RolloutPhase.Progressing, (await GateAsync()).Phase);
    }

    [Theory]
    [InlineData(
        """{"phase":"Failed","reason":"Evicted","containerStatuses":[{"name":"verify","state":{"terminated":{"exitCode":137}}}]}"""
    )]
    [InlineData("""{"phase":"Failed","reason":"Terminated","message":"Pod was terminated in response to imminent node shutdown."}""")]
    [InlineData("""{"phase":"Failed","reason":"UnexpectedAdmissionError"}""")]
    [InlineData(
        """{"phase":"Failed","conditions":[{"type":"DisruptionTarget","status":"True","reason":"PreemptionByScheduler"}],"containerStatuses":[{"name":"verify","state":{"terminated":{"exitCode":143}}}]}"""
    )]
    [InlineData(
        """{"phase":"Failed","reason":"DeadlineExceeded","containerStatuses":[{"name":"verify","state":{"waiting":{"reason":"CreateContainerConfigError","message":"container has runAsNonRoot and image will run as root"}}}]}"""
    )]
    public async Task A_pod_that_the_cluster_terminates_is_run_again_and_fails_no_version(string status)
    {
        var name = (await BeginAsync())["metadata"]!["name"]!.GetValue<string>();
        await EndAsync(name, status);

        await StepAsync();

        var gate = await GateAsync();
        Assert.Equal(RolloutPhase.Progressing, gate.Phase);
        Assert.NotEqual(name, gate.Pod!.Name);
        Assert.Null((await StatusAsync()).Quarantined);
    }

    [Fact]
    public async Task The_first_cause_of_a_missing_image_is_reported_at_the_timeout()
    {
        var name = (await BeginAsync())["metadata"]!["name"]!.GetValue<string>();
        await EndAsync(
            name,
            """{"phase":"Pending","containerStatuses":[{"name":"verify","state":{"waiting":{"reason":"ErrImagePull","message":"\u001b[2Jr.example/tests:demo: not found"}}}]}"""
        );
        await StepAsync();
        await EndAsync(
            name,
            """{"phase":"Pending","containerStatuses":[{"name":"verify","state":{"waiting":{"reason":"ImagePullBackOff","message":"Back-off pulling image"}}}]}"""
        );
        await StepAsync();
        await EndAsync(
            name,
            """{"phase":"Failed","reason":"DeadlineExceeded","message":"Pod was active on the node longer than the specified deadline"}"""
        );
        await StepAsync();

        var status = await StatusAsync();
        Assert.Equal(RolloutPhase.Failed, status.Rollout!.Phase);
        Assert.Contains("not found", status.Rollout.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(status.Rollout.Message!, char.IsControl);
    }

    [Fact]
    public async Task The_clock_of_the_controller_does_not_affect_how_long_a_gate_runs()
    {
        var name = (await BeginAsync())["metadata"]!["name"]!.GetValue<string>();
        await EndAsync(name, """{"phase":"Running","containerStatuses":[{"name":"verify","state":{"running":{}}}]}""");
        _clock.Advance(TimeSpan.FromHours(3));
        // Another replica takes over; its clock is ahead.
        _reconciler = new Reconciler(_cluster.Connection, this, new(_clock, _cluster.Log));
        await StepAsync();
        Assert.Equal((RolloutPhase.Verifying, null), ((await StatusAsync()).Rollout!.Phase, (await StatusAsync()).Quarantined));

        await EndAsync(name, """{"phase":"Succeeded"}""");
        await StepAsync();

        var status = await StatusAsync();
        Assert.Equal((RolloutPhase.Progressing, _clock.GetUtcNow().AddSeconds(900)), (status.Rollout!.Phase, status.Rollout.Deadline));
        Assert.StartsWith("r.example/app:2222222", await ImageAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(403, "Forbidden", "pods \"x\" is forbidden: failed quota: q: must specify limits.memory")]
    [InlineData(403, "Forbidden", "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true")]
    [InlineData(
        403,
        "Forbidden",
        "pods \"x\" is forbidden: error looking up service account shop/default: serviceaccount \"default\" not found"
    )]
    [InlineData(400, "BadRequest", "admission webhook \"policy.example\" denied the request: no")]
    [InlineData(422, "Invalid", "Pod \"x\" is invalid: spec.containers[0].image: Invalid value")]
    [InlineData(500, "InternalError", "failed calling webhook \"policy.example\"")]
    public async Task A_pod_that_the_API_server_rejects_is_retried_and_fails_no_version(int code, string reason, string message)
    {
        _cluster.Faults = request =>
            request.Method == HttpMethod.Post && request.RequestUri!.AbsolutePath.EndsWith("/pods", StringComparison.Ordinal)
                ? new RequestFault
                {
                    StatusCode = code,
                    Reason = reason,
                    Message = message,
                }
                : RequestFault.None;
        await CreateAsync();
        var refused = await Assert.ThrowsAsync<CvException>(StepAsync);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        Assert.Equal((RolloutPhase.Verifying, null), ((await StatusAsync()).Rollout!.Phase, (await StatusAsync()).Quarantined));
        if (code < 500)
            Assert.Contains(
                message,
                ConditionList.Find((await StatusAsync()).Conditions, ConditionTypes.Ready)!.Message,
                StringComparison.Ordinal
            );

        _cluster.Faults = _ => RequestFault.None;
        await StepAsync();
        await EndAsync((await GateAsync()).Pod!.Name, """{"phase":"Succeeded"}""");
        await StepAsync();
        Assert.StartsWith("r.example/app:2222222", await ImageAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<html>Please log in</html>")]
    [InlineData("""{"ok":true}""")]
    [InlineData("[]")]
    [InlineData("")]
    public async Task A_response_that_is_not_from_Kubernetes_fails_no_version(string body)
    {
        await CreateAsync();
        using PageHandler pages = new(_cluster, body);
        using var between = ClusterConnection.FromHandler(pages, new Uri("http://sandbox"), _cluster.Token);
        _reconciler = new Reconciler(between, this, new(_clock, _cluster.Log));
        Assert.True(await Record.ExceptionAsync(StepAsync) is null or CvException);
        Assert.Null((await StatusAsync()).Quarantined);
        Assert.Equal(RolloutPhase.Verifying, (await StatusAsync()).Rollout!.Phase);

        pages.IsOff = true;
        await StepAsync();
        await EndAsync((await GateAsync()).Pod!.Name, """{"phase":"Succeeded"}""");
        await StepAsync();
        Assert.StartsWith("r.example/app:2222222", await ImageAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gates_that_start_in_the_same_second_each_run_once()
    {
        string[] names = ["cv", "cv2", "cv3"];
        foreach (var name in names)
            await CreateAsync(name: name, app: name);
        _cluster.Requests.Clear();
        foreach (var name in names)
            await StepAsync(name);
        Assert.Equal(3, (await Task.WhenAll(names.Select(StatusOfAsync))).Select(s => s.Rollout!.Id).Distinct().Count());
        Assert.Equal(3, (await PodsAsync()).Count);

        await EndAsync((await StatusOfAsync("cv")).Rollout!.Gates![0].Pod!.Name, """{"phase":"Succeeded"}""");
        await StepAsync("cv");

        Assert.Equal(2, (await PodsAsync()).Count);
        foreach (var name in names[1..])
            await StepAsync(name);
        Assert.Equal(3, _cluster.Requests.Count(r => r == "POST /api/v1/namespaces/shop/pods"));
        Assert.Single(_cluster.Requests, r => r.StartsWith("DELETE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_gate_that_is_edited_while_it_runs_is_run_again_as_edited()
    {
        var name = (await BeginAsync())["metadata"]!["name"]!.GetValue<string>();
        await _resources.PatchAsync(
            "shop",
            "cv",
            JsonNode
                .Parse("""{"spec":{"container":{"verify":[{"kind":"Image","image":"r.example/tests","tag":"demo","runAsUser":1000}]}}}""")!
                .AsObject(),
            Token
        );

        await StepAsync();

        var pod = Assert.Single(await PodsAsync());
        Assert.NotEqual(name, pod["metadata"]!["name"]!.GetValue<string>());
        Assert.Equal(1000, pod["spec"]!["securityContext"]!["runAsUser"]!.GetValue<int>());
    }

    public Task<ResolvedVersion?> FindAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken) =>
        Task.FromResult<ResolvedVersion?>(
            new ResolvedVersion(new FollowedTag("demo"), "sha256:" + new string('b', 64), "2222222", RecordSamples.Noon)
        );

    public Task<ResolvedVersion?> FindPinnedAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Nothing is pinned here.");

    private async Task CreateAsync(string more = "", string name = "cv", string app = "app")
    {
        await _resources.CreateAsync(
            "shop",
            JsonNode
                .Parse(
                    $$$"""
                    {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"{{{name}}}","namespace":"shop"},"spec":
                      {"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"{{{app}}}"},"container":{"name":"main","verify":[{"kind":"Image","image":"r.example/tests","tag":"demo" {{{more}}} }]} } }
                    """
                )!
                .AsObject(),
            Token
        );
        await _cluster.Connection.CreateAsync(
            new ResourcePath("apps", "v1", "deployments", "shop"),
            JsonNode
                .Parse(
                    $$$"""
                    {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"{{{app}}}","labels":{"cvapp":"{{{app}}}"}},"spec":{"replicas":0,"selector":{"matchLabels":{"app":"{{{app}}}"} },
                      "template":{"metadata":{"labels":{"app":"{{{app}}}"} },"spec":{"containers":[{"name":"main","image":"r.example/app:1111111"}]} } } }
                    """
                )!
                .AsObject(),
            Token
        );
    }

    /// <returns>The gate's pod.</returns>
    private async Task<JsonObject> BeginAsync(string more = "")
    {
        await CreateAsync(more);
        await StepAsync();
        return Assert.Single(await PodsAsync());
    }

    private Task StepAsync() => StepAsync("cv");

    private async Task StepAsync(string name)
    {
        var resource = await _resources.GetAsync("shop", name, Token);
        await _reconciler.ReconcileAsync(resource, (await _reconciler.ReadAsync("shop", Token)).Around(resource), null, Token);
    }

    /// <summary>
    /// Writes the status of a pod. Assigns it to a missing node first, so that neither scheduler nor kubelet changes the status.
    /// </summary>
    private async Task EndAsync(string pod, string status)
    {
        if ((await _cluster.Connection.GetAsync(Pods with { Name = pod }, Token))["spec"]!["nodeName"] is null)
        {
            await _cluster.Connection.PatchAsync(
                Pods with
                {
                    Name = pod,
                },
                PatchKind.Merge,
                JsonNode.Parse("""{"spec":{"nodeName":"nowhere"}}""")!,
                Token
            );
        }

        await _cluster.Connection.PatchAsync(
            Pods with
            {
                Name = pod,
                Subresource = "status",
            },
            PatchKind.Merge,
            new JsonObject { ["status"] = JsonNode.Parse(status) },
            Token
        );
    }

    private Task<ContainerVersionStatus> StatusAsync() => StatusOfAsync("cv");

    private async Task<ContainerVersionStatus> StatusOfAsync(string name) => (await _resources.GetAsync("shop", name, Token)).Status!;

    private async Task<GateStatus> GateAsync() => (await StatusAsync()).Rollout!.Gates![0];

    /// <summary>The pods that are not being deleted.</summary>
    private async Task<IReadOnlyList<JsonObject>> PodsAsync() =>
        [.. (await _cluster.Connection.ListAsync(Pods, null, null, Token)).Where(p => p["metadata"]!["deletionTimestamp"] is null)];

    private async Task<string> ImageAsync() =>
        (await _cluster.Connection.GetAsync(new ResourcePath("apps", "v1", "deployments", "shop", "app"), Token))["spec"]!["template"]![
            "spec"
        ]!["containers"]![0]!["image"]!.GetValue<string>();

    /// <summary>A proxy between the controller and the API server that responds with 200 to the creation of a pod.</summary>
    private sealed class PageHandler(InProcessCluster cluster, string body) : DelegatingHandler(cluster.CreateHandler())
    {
        public bool IsOff { get; set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            !IsOff && request.Method == HttpMethod.Post && request.RequestUri!.AbsolutePath.EndsWith("/pods", StringComparison.Ordinal)
                ? new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(body) }
                : await base.SendAsync(request, cancellationToken);
    }
}
