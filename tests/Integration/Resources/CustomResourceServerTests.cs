using System.Net;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Conformance;
using CvManager.Resources;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Integration.Resources;

/// <summary>
/// deploy/crd.yaml on the API server for custom resources of a recent Kubernetes, which evaluates CEL rules and their costs, unlike 1.20.
/// Each test uses its own namespace, which does not have to exist on this server.
/// </summary>
public sealed class CustomResourceServerTests : IAsyncLifetime
{
    private const string Definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    private const string Definition = $"{Definitions}/{CustomResourceDefinition.Name}";
    private const string Table = "application/json;as=Table;v=v1;g=meta.k8s.io";

    private readonly string _space = $"crds-{Guid.NewGuid().ToString("N")[..10]}";
    private HttpClient _client = null!;
    private ApiClient _api = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static IEnumerable<TheoryDataRow<string, string, bool>> Rules =>
        ValidationCases.Rules.Select(rule => new TheoryDataRow<string, string, bool>(rule.Field, rule.Spec, rule.Accepted));

    private string Resources => $"/apis/custom.k8s.io/v1/namespaces/{_space}/containerversions";

    public async ValueTask InitializeAsync()
    {
        _client = await Servers.ConnectAsync(Servers.CustomResourcesKubeConfig);
        _api = new ApiClient(_client);
        await InstallAsync();
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task The_definition_has_no_unknown_fields()
    {
        var definition = (await _api.GetAsync(Definition)).Ok();

        var conditions = definition["status"]!["conditions"]!
            .AsArray()
            .ToDictionary(c => c!["type"]!.GetValue<string>(), c => c!["status"]!.GetValue<string>());
        Assert.Equal("True", conditions["Established"]);
        Assert.Equal("True", conditions["NamesAccepted"]);
        // The annotation says that it is not approved, and it is served nevertheless.
        Assert.Equal("False", conditions["KubernetesAPIApprovalPolicyConformant"]);
        Assert.DoesNotContain("NonStructuralSchema", conditions.Keys);
        definition["spec"] = CustomResourceDefinition.Json["spec"]!.DeepClone();
        (await _api.PutAsync($"{Definition}?dryRun=All&fieldValidation=Strict", definition)).Ok();
        Assert.True(
            JsonNode.DeepEquals(
                CustomResourceDefinition.Json["spec"]!["versions"]![0]!["schema"],
                (await _api.GetAsync(Definition)).Ok()["spec"]!["versions"]![0]!["schema"]
            ),
            "The server keeps another schema than it was given."
        );
    }

    [Fact]
    public async Task The_defaults_of_the_schema_equal_those_of_the_engine()
    {
        var created = (await CreateAsync(ValidationCases.WithSpec("tag: demo"))).Ok();

        var ours = ContainerVersionManifest.Write(ContainerVersionManifest.Read(ValidationCases.WithSpec("tag: demo")));
        Assert.Equal(
            ("Rolling", 300, 900, true, false, true),
            (
                created["spec"]!["strategy"]!["kind"]!.GetValue<string>(),
                created["spec"]!["pollIntervalSeconds"]!.GetValue<int>(),
                created["spec"]!["timeoutSeconds"]!.GetValue<int>(),
                created["spec"]!["rollback"]!["enabled"]!.GetValue<bool>(),
                created["spec"]!["suspend"]!.GetValue<bool>(),
                created["spec"]!["pinDigest"]!.GetValue<bool>()
            )
        );
        AssertIncludes(ours["spec"], created["spec"], "spec");
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task Every_rule_accepts_valid_values_and_rejects_invalid_ones(string field, string spec, bool accepted)
    {
        var answer = await CreateAsync(ValidationCases.WithSpec(spec));

        if (accepted)
            answer.Ok();
        else
            Assert.Contains(
                answer.Fails(422, "Invalid")["details"]!["causes"]!.AsArray(),
                cause => cause!["field"]!.GetValue<string>() == field
            );
    }

    [Fact]
    public async Task The_validator_and_the_server_agree_on_every_limit()
    {
        List<string> differences = [];
        int total = 0,
            rejected = 0;
        foreach ((var name, var manifest) in ValidationCases.All())
        {
            var ours = ContainerVersionValidator.Validate(manifest);
            var server = await _api.PostAsync($"{Resources}?dryRun=All&fieldValidation=Strict", manifest);
            total++;
            if (server.Code is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity)
            {
                rejected++;
                if (ours.Count == 0)
                    differences.Add($"{name}: rejected by the server alone: {server.Json["message"]}");
            }
            else
            {
                server.Ok();
                // A schema cannot validate regular expressions, version ranges and label keys.
                if (
                    ours.FirstOrDefault(error =>
                        !(
                            error.Field is "spec.versionSyntax" or "spec.versionPolicy.semver" or "spec.versionPolicy.regex"
                            || error.Field.StartsWith("spec.selector.", StringComparison.Ordinal)
                        )
                    ) is
                    { } only
                )
                    differences.Add($"{name}: rejected by us alone: {only}");
            }
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
        Assert.True(total > 500 && rejected > 200 && rejected < total - 100, $"{total} manifests, {rejected} of them rejected");
    }

    [Fact]
    public async Task The_largest_resource_stays_within_the_cost_limit_of_the_rules()
    {
        var largest = ValidationCases.Manifest(ValidationCases.Everything);
        var spec = largest["spec"]!.AsObject();
        foreach (
            var gates in (JsonArray[])
                [
                    spec["container"]!["verify"]!.AsArray(),
                    spec["strategy"]!["verify"]!.AsArray(),
                    spec["strategy"]!["postVerify"]!.AsArray(),
                ]
        )
        {
            while (gates.Count < 16)
                gates.Add(
                    new JsonObject
                    {
                        ["kind"] = "Image",
                        ["image"] = new string('a', 255),
                        ["tag"] = new string('a', 128),
                    }
                );
        }

        for (var i = 0; spec["selector"]!.AsObject().Count < 16; i++)
            spec["selector"]![$"{new string('a', 200)}.example.com/label{i}"] = new string('a', 63);

        (await CreateAsync(largest)).Ok();
    }

    [Fact]
    public async Task Server_side_apply_tracks_field_owners_and_reports_conflicts()
    {
        var manifest = ValidationCases.WithSpec("tag: demo");
        var path = $"{Resources}/app?fieldValidation=Strict&fieldManager=";
        (await _api.PatchAsync($"{path}one", ApiClient.ApplyPatch, manifest)).Ok();
        manifest["spec"]!["tag"] = "prod";

        var rejected = (await _api.PatchAsync($"{path}two", ApiClient.ApplyPatch, manifest)).Fails(409, "Conflict");

        Assert.Equal(".spec.tag", Assert.Single(rejected["details"]!["causes"]!.AsArray())!["field"]!.GetValue<string>());
        var forced = (await _api.PatchAsync($"{path}two&force=true", ApiClient.ApplyPatch, manifest)).Ok();
        Assert.Equal("prod", forced["spec"]!["tag"]!.GetValue<string>());
        // Conditions are a map by type, so two writers can each own one.
        foreach (var type in (string[])["Ready", "Other"])
        {
            (
                await _api.PatchAsync(
                    $"{Resources}/app/status?fieldManager={type}",
                    ApiClient.ApplyPatch,
                    ValidationCases.Manifest(
                        $"{{apiVersion: custom.k8s.io/v1, kind: ContainerVersion, metadata: {{name: app}}, status: {{conditions: [{{type: {type}, status: 'True'}}]}}}}"
                    )
                )
            ).Ok();
        }

        Assert.Equal(
            ["Ready", "Other"],
            (await _api.GetAsync($"{Resources}/app")).Ok()["status"]!["conditions"]!.AsArray().Select(c => c!["type"]!.GetValue<string>())
        );
    }

    [Fact]
    public async Task The_status_is_a_subresource_and_accepts_what_the_engine_writes()
    {
        var created = (await CreateAsync(ValidationCases.WithSpec("tag: demo"))).Ok();
        using var cluster = Connect();
        ContainerVersionStore store = new(cluster);
        var read = await store.GetAsync(_space, "app", Token);

        var written = await store.UpdateStatusAsync(
            read with
            {
                Spec = read.Spec with { Tag = "other" },
                Status = new ContainerVersionStatus
                {
                    CurrVersion = "1.2.3",
                    CurrStatus = "Success",
                    CurrStatusTime = DateTimeOffset.UnixEpoch,
                    ObservedGeneration = 1,
                },
            },
            Token
        );

        Assert.Equal(
            ("demo", "1.2.3", DateTimeOffset.UnixEpoch),
            (written.Spec.Tag, written.Status!.CurrVersion, written.Status.CurrStatusTime)
        );
        Assert.Equal(
            created["metadata"]!["generation"]!.GetValue<long>(),
            (await _api.GetAsync($"{Resources}/app")).Ok()["metadata"]!["generation"]!.GetValue<long>()
        );
        (
            await _api.PatchAsync(
                $"{Resources}/app/status",
                ApiClient.MergePatch,
                ValidationCases.Manifest("status: {currStatus: Perhaps}")
            )
        ).Fails(422, "Invalid");
    }

    [Fact]
    public async Task The_table_has_the_columns_of_kubectl_get()
    {
        (await CreateAsync(ValidationCases.WithSpec("tag: demo"))).Ok();
        (
            await _api.PatchAsync(
                $"{Resources}/app/status",
                ApiClient.MergePatch,
                ValidationCases.Manifest(
                    "status: {currVersion: 1.2.3, currStatus: Success, conditions: [{type: Reconciling, status: 'False'}, {type: Ready, status: 'True'}]}"
                )
            )
        ).Ok();

        var table = (await _api.SendAsync(HttpMethod.Get, Resources, accept: Table)).Ok();

        Assert.Equal(
            ["Name", "Tag", "Version", "Status", "Ready", "Age"],
            table["columnDefinitions"]!.AsArray().Select(column => column!["name"]!.GetValue<string>())
        );
        var cells = Assert.Single(table["rows"]!.AsArray())!["cells"]!.AsArray();
        Assert.Equal(["app", "demo", "1.2.3", "Success", "True"], cells.Take(5).Select(cell => cell!.GetValue<string>()));
        Assert.NotEqual("<unknown>", cells[5]!.GetValue<string>());
    }

    [Fact]
    public async Task A_list_is_streamed()
    {
        (await CreateAsync(ValidationCases.WithSpec("tag: demo"))).Ok();

        var events = await _api.WatchAsync(
            $"{Resources}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=20",
            e => e.Count == 2
        );

        Assert.Equal(["ADDED", "BOOKMARK"], events.Select(e => e.Type));
        Assert.Equal("true", events[1].Object["metadata"]!["annotations"]!["k8s.io/initial-events-end"]!.GetValue<string>());
    }

    [Fact]
    public async Task Resources_that_are_older_than_the_rules_can_be_read_and_written_after_an_upgrade()
    {
        // API servers before 1.25 remove the rules from a definition.
        var former = CustomResourceDefinition.Json;
        WithoutRules(former["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!.AsObject());
        var present = (await _api.GetAsync(Definition)).Ok();
        present["spec"] = former["spec"]!.DeepClone();
        (await _api.PutAsync(Definition, present)).Ok();
        var valid = ValidationCases.WithSpec("tag: demo");
        var invalid = ValidationCases.WithSpec("tag: demo, strategy: {verify: [{kind: Image, image: t, tag: a}]}");
        invalid["metadata"]!["name"] = "invalid";
        await UntilAsync(invalid, accepted: true);
        (await CreateAsync(valid)).Ok();
        (await CreateAsync(invalid)).Ok();

        await InstallAsync();

        await _api.UntilAsync(Resources, list => list["items"] is JsonArray { Count: 2 });
        foreach (var name in (string[])["app", "invalid"])
        {
            (
                await _api.PatchAsync(
                    $"{Resources}/{name}/status",
                    ApiClient.MergePatch,
                    ValidationCases.Manifest("status: {currStatus: Success}")
                )
            ).Ok();
            (
                await _api.PatchAsync($"{Resources}/{name}", ApiClient.MergePatch, ValidationCases.Manifest("metadata: {labels: {a: b}}"))
            ).Ok();
            (await _api.PatchAsync($"{Resources}/{name}", ApiClient.MergePatch, ValidationCases.Manifest("spec: {suspend: true}"))).Ok();
            (await _api.DeleteAsync($"{Resources}/{name}")).Ok();
        }
    }

    private static ClusterConnection Connect() =>
        ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = Servers.CustomResourcesKubeConfig });

    private Task<ApiResult> CreateAsync(JsonObject manifest) => _api.PostAsync($"{Resources}?fieldValidation=Strict", manifest);

    private async Task InstallAsync()
    {
        using var cluster = Connect();
        await CrdInstallation.InstallAsync(cluster, TimeProvider.System, Token);
        await UntilAsync(ValidationCases.WithSpec(""), accepted: false);
    }

    /// <summary>Waits until the server uses the last stored definition, which takes a moment.</summary>
    private async Task UntilAsync(JsonObject manifest, bool accepted)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        while (
            (await _api.PostAsync($"{Resources}?dryRun=All", manifest)).Code
            != (accepted ? HttpStatusCode.Created : HttpStatusCode.UnprocessableEntity)
        )
            await Task.Delay(TimeSpan.FromMilliseconds(50), limit.Token);
    }

    /// <summary>
    /// Asserts that the expected object contains everything that the server returned; it may have additional empty lists.
    /// </summary>
    private static void AssertIncludes(JsonNode? ours, JsonNode? servers, string path)
    {
        if (servers is not JsonObject map)
        {
            Assert.True(
                JsonNode.DeepEquals(ours, servers),
                $"{path} is {servers?.ToJsonString()} on the server and {ours?.ToJsonString()} with us"
            );
            return;
        }

        foreach ((var name, var value) in map)
            AssertIncludes((ours as JsonObject)?[name], value, $"{path}.{name}");
    }

    private static void WithoutRules(JsonObject schema)
    {
        schema.Remove("x-kubernetes-validations");
        IEnumerable<JsonNode?> inner =
        [
            .. (schema["properties"] as JsonObject ?? []).Select(property => property.Value),
            schema["items"],
            schema["additionalProperties"],
        ];
        foreach (var one in inner.OfType<JsonObject>())
            WithoutRules(one);
    }
}
