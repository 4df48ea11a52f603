using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Installation;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Installation;

public sealed class ControllerInstallationTests
{
    private static readonly ResourcePath Deployment = new("apps", "v1", "deployments", "cvmanager", "cvmanager");
    private static readonly ResourcePath ClusterRole = new("rbac.authorization.k8s.io", "v1", "clusterroles", null, "cvmanager");

    [Fact]
    public async Task A_second_run_changes_nothing()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);

        Assert.All(await InstallAsync(cluster, new()), one => Assert.Equal(InstallationOutcome.Created, one.Outcome));
        cluster.Requests.Clear();

        Assert.All(await InstallAsync(cluster, new()), one => Assert.Equal(InstallationOutcome.Unchanged, one.Outcome));
    }

    [Fact]
    public async Task An_upgrade_replaces_what_differs_and_keeps_what_others_added()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);
        await InstallAsync(cluster, new());
        await cluster.Connection.PatchAsync(
            Deployment,
            PatchKind.Merge,
            JsonNode.Parse("""{"metadata":{"annotations":{"team":"web"}},"spec":{"replicas":7}}""")!,
            Token
        );

        var outcomes = await InstallAsync(cluster, new() { Image = "r.example/cvm:2.0.0" });

        Assert.Equal(["Deployment"], outcomes.Where(one => one.Outcome != InstallationOutcome.Unchanged).Select(one => one.Step.Kind));
        var deployment = await cluster.Connection.GetAsync(Deployment, Token);
        Assert.Equal(2, deployment.Number("spec", "replicas"));
        Assert.Equal("web", deployment.Text("metadata", "annotations", "team"));
        Assert.Equal("r.example/cvm:2.0.0", Image(deployment));
    }

    [Fact]
    public async Task A_change_of_the_scope_removes_the_permissions_of_the_former_one()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);
        await InstallAsync(cluster, new());

        var limited = await InstallAsync(cluster, new() { WatchedNamespaces = ["shop"] });

        Assert.Equal(
            ["ClusterRole cvmanager", "ClusterRole cvmanager-edit", "ClusterRole cvmanager-view", "ClusterRoleBinding cvmanager"],
            limited.Where(one => one.Outcome == InstallationOutcome.Removed).Select(one => $"{one.Step}").Order(StringComparer.Ordinal)
        );
        Assert.Null(await cluster.Connection.FindAsync(ClusterRole, Token));
        var all = await InstallAsync(cluster, new());
        Assert.Equal(
            ["Role shop/cvmanager", "RoleBinding shop/cvmanager"],
            all.Where(one => one.Outcome == InstallationOutcome.Removed).Select(one => $"{one.Step}").Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task An_existing_namespace_of_others_is_not_changed()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);

        await InstallAsync(cluster, new() { Namespace = "shop" });

        var shop = await cluster.Connection.GetAsync(new ResourcePath("", "v1", "namespaces", null, "shop"), Token);
        Assert.DoesNotContain("pod-security", shop["metadata"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "", true)]
    [InlineData("", "shop", true)]
    [InlineData("shop", "", true)]
    [InlineData("shop,a", "b,shop", true)]
    [InlineData("shop", "a", false)]
    public async Task A_second_controller_for_the_same_namespaces_is_refused(string first, string second, bool isRefused)
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);
        foreach (var ns in new[] { "a", "b" })
            await cluster.Connection.CreateAsync(
                new ResourcePath("", "v1", "namespaces"),
                JsonNode.Parse($$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{ns}}"} }""")!.AsObject(),
                Token
            );
        await InstallAsync(cluster, new() { WatchedNamespaces = List(first) });
        cluster.Requests.Clear();

        var error = await Record.ExceptionAsync(() =>
            InstallAsync(cluster, new() { Namespace = "other", WatchedNamespaces = List(second) })
        );

        if (!isRefused)
        {
            Assert.Null(error);
            return;
        }

        Assert.Equal(ErrorIds.ControllerAlreadyInstalled, Assert.IsType<CvException>(error).ErrorId);
        Assert.Equal("cvmanager/cvmanager", ((CvException)error).Target);
        Assert.Empty(cluster.Writes);

        static string[] List(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public async Task A_watched_namespace_that_does_not_exist_is_refused_before_anything_is_written()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);

        var error = await FailAsync(() => InstallAsync(cluster, new() { WatchedNamespaces = ["shop", "missing"] }));

        Assert.Equal(ErrorIds.InstallationOptionInvalid, error.ErrorId);
        Assert.Equal("missing", error.Target);
        Assert.Empty(cluster.Writes);
    }

    [Fact]
    public async Task A_controller_that_follows_a_tag_keeps_the_version_that_it_rolled_out()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);
        InstallationOptions options = new() { Image = "r.example/cvm:1.0.0", FollowTag = "stable" };
        await InstallAsync(cluster, options);
        await cluster.Connection.PatchAsync(
            Deployment,
            PatchKind.Json,
            JsonNode.Parse("""[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"r.example/cvm:1.1.0"}]""")!,
            Token
        );

        await InstallAsync(cluster, options with { Replicas = 3 });

        var deployment = await cluster.Connection.GetAsync(Deployment, Token);
        Assert.Equal(3, deployment.Number("spec", "replicas"));
        Assert.Equal("r.example/cvm:1.1.0", Image(deployment));
        await InstallAsync(cluster, options with { Image = "other.example/cvm:1.0.0" });
        Assert.Equal("other.example/cvm:1.0.0", Image(await cluster.Connection.GetAsync(Deployment, Token)));
    }

    [Fact]
    public async Task An_installation_by_Helm_is_left_to_Helm()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);
        await InstallAsync(cluster, new());
        await cluster.Connection.PatchAsync(
            Deployment,
            PatchKind.Merge,
            JsonNode.Parse("""{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"}}}""")!,
            Token
        );
        ControllerInstallation installation = new(cluster.Connection, TimeProvider.System);

        Assert.Equal(ErrorIds.ControllerManagedByHelm, (await FailAsync(() => installation.PrepareAsync(new(), Token))).ErrorId);
        Assert.Equal(
            ErrorIds.ControllerManagedByHelm,
            (await FailAsync(() => installation.PrepareRemovalAsync("cvmanager", false, Token))).ErrorId
        );
    }

    [Fact]
    public async Task Removal_leaves_the_namespace_the_definition_and_the_ContainerVersions()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);
        await InstallAsync(cluster, new() { FollowTag = "stable" });
        var resource = new ResourcePath("custom.k8s.io", "v1", "containerversions", "shop");
        await cluster.Connection.CreateAsync(
            resource,
            JsonNode
                .Parse(
                    """
                    {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"app"},
                     "spec":{"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"app"},"container":{"name":"app"}}}
                    """
                )!
                .AsObject(),
            Token
        );
        await cluster.Connection.CreateAsync(
            new ResourcePath("coordination.k8s.io", "v1", "leases", "cvmanager"),
            JsonNode
                .Parse("""{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"cvmanager-controller"}}""")!
                .AsObject(),
            Token
        );

        var removed = await RemoveAsync(cluster, includeDefinition: false);

        Assert.Equal("ContainerVersion cvmanager/cvmanager", removed[0]);
        Assert.Equal("Deployment cvmanager/cvmanager", removed[1]);
        Assert.Contains("Lease cvmanager/cvmanager-controller", removed);
        Assert.NotNull(await cluster.Connection.FindAsync(new ResourcePath("", "v1", "namespaces", null, "cvmanager"), Token));
        Assert.NotNull(await cluster.Connection.FindAsync(resource with { Name = "app" }, Token));
        Assert.Null(await cluster.Connection.FindAsync(ClusterRole, Token));
        var error = await FailAsync(() => RemoveAsync(cluster, includeDefinition: false));
        Assert.Equal(ErrorIds.ControllerNotInstalled, error.ErrorId);
        Assert.Equal(["CustomResourceDefinition containerversions.custom.k8s.io"], await RemoveAsync(cluster, includeDefinition: true));
    }

    [Fact]
    public async Task Every_missing_permission_is_named_before_anything_is_written()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);
        using var handler = cluster.CreateHandler();
        List<string> writes = [];
        using Interception denying = new(
            handler,
            async (request, next, token) =>
            {
                if (request.Method == HttpMethod.Get)
                    return await next();
                var body = JsonNode.Parse(await request.Content!.ReadAsStringAsync(token));
                if (body.Text("kind") != "SelfSubjectAccessReview")
                    writes.Add($"{request.Method} {request.RequestUri}");
                var asked = body.At("spec", "resourceAttributes");
                var isDenied = asked.Text("resource") is "clusterroles" or "customresourcedefinitions" && asked.Text("verb") == "create";
                return FakeApiServer.Answer(
                    201,
                    $$"""{"kind":"SelfSubjectAccessReview","status":{"allowed":{{(isDenied ? "false" : "true")}} } }"""
                );
            }
        );
        using var connection = ClusterConnection.FromHandler(denying, new Uri("http://sandbox"), cluster.Token);

        var error = await FailAsync(() => new ControllerInstallation(connection, TimeProvider.System).PrepareAsync(new(), Token));

        Assert.Equal(ErrorIds.InstallationForbidden, error.ErrorId);
        Assert.Equal(CvErrorKind.Forbidden, error.Kind);
        Assert.Equal(2, error.Details.Count);
        Assert.Contains(error.Details, line => line.Contains("create customresourcedefinitions", StringComparison.Ordinal));
        Assert.Contains(error.Details, line => line.Contains("create clusterroles", StringComparison.Ordinal));
        Assert.Empty(writes);
    }

    [Theory]
    [InlineData("1", "19+", true)]
    [InlineData("1", "16", true)]
    [InlineData("1", "20", false)]
    [InlineData("1", "36+", false)]
    [InlineData("2", "0", false)]
    [InlineData("", "", false)]
    public async Task An_API_server_that_is_too_old_is_refused(string major, string minor, bool isRefused)
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);
        using var handler = cluster.CreateHandler();
        using Interception old = new(
            handler,
            async (request, next, _) =>
                request.RequestUri!.AbsolutePath == "/version"
                    ? FakeApiServer.Answer(200, $$"""{"major":"{{major}}","minor":"{{minor}}","gitVersion":"v{{major}}.{{minor}}"}""")
                    : await next()
        );
        using var connection = ClusterConnection.FromHandler(old, new Uri("http://sandbox"), cluster.Token);

        var error = await Record.ExceptionAsync(() =>
            new ControllerInstallation(connection, TimeProvider.System).PrepareAsync(new(), Token)
        );

        Assert.Equal(isRefused ? ErrorIds.ClusterVersionNotSupported : null, (error as CvException)?.ErrorId);
    }

    [Fact]
    public async Task An_API_server_without_the_stable_disruption_budget_gets_the_former_one()
    {
        await using var cluster = await InProcessCluster.StartAsync(nodes: 0);
        using var handler = cluster.CreateHandler();
        using Interception old = new(
            handler,
            async (request, next, _) =>
                request.RequestUri!.AbsolutePath == "/apis/policy/v1"
                    ? FakeApiServer.Answer(404, FakeApiServer.Status(404, "NotFound", "not found"))
                    : await next()
        );
        using var connection = ClusterConnection.FromHandler(old, new Uri("http://sandbox"), cluster.Token);

        var steps = await new ControllerInstallation(connection, TimeProvider.System).PrepareAsync(new(), Token);

        var budget = steps.Single(step => step.Kind == "PodDisruptionBudget");
        Assert.Equal("v1beta1", budget.Path.Version);
        Assert.Equal("policy/v1beta1", budget.Manifest.Text("apiVersion"));
    }

    [Fact]
    public void An_error_says_what_was_done_and_what_was_not()
    {
        var steps = new[] { "a", "b", "c" }
            .Select(name => new InstallationStep(new ResourcePath("", "v1", "services", "ns", name), "Service", []))
            .ToList();
        CvException cause = new(ErrorIds.ClusterForbidden, CvErrorKind.Forbidden, "no", "ask");

        var error = ControllerInstallation.Incomplete(steps, 1, cause);

        Assert.Equal(ErrorIds.InstallationIncomplete, error.ErrorId);
        Assert.Equal(["Done: Service ns/a.", "Not done: Service ns/b, Service ns/c."], error.Details);
        Assert.Same(cause, ControllerInstallation.Incomplete(steps, 0, cause));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static string? Image(JsonObject deployment) =>
        deployment.Items("spec", "template", "spec", "containers").Single().Text("image");

    private static async Task<IReadOnlyList<(InstallationStep Step, InstallationOutcome Outcome)>> InstallAsync(
        InProcessCluster cluster,
        InstallationOptions options
    )
    {
        ControllerInstallation installation = new(cluster.Connection, TimeProvider.System);
        List<(InstallationStep, InstallationOutcome)> outcomes = [];
        foreach (var step in await installation.PrepareAsync(options, Token))
            outcomes.Add((step, await installation.ExecuteAsync(step, Token)));
        return outcomes;
    }

    private static async Task<IReadOnlyList<string>> RemoveAsync(InProcessCluster cluster, bool includeDefinition)
    {
        ControllerInstallation installation = new(cluster.Connection, TimeProvider.System);
        var steps = await installation.PrepareRemovalAsync("cvmanager", includeDefinition, Token);
        foreach (var step in steps)
            await installation.ExecuteAsync(step, Token);
        return [.. steps.Select(step => $"{step}")];
    }

    private static async Task<CvException> FailAsync<T>(Func<Task<T>> action) => await Assert.ThrowsAsync<CvException>(action);

    private sealed class Interception(HttpMessageHandler server, Interceptor intercept) : DelegatingHandler(server)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            intercept(request, () => base.SendAsync(request, cancellationToken), cancellationToken);
    }
}
