using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CvManager.Resources;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Integration.Deploy;

/// <summary>The values of the Helm chart: what each one changes, what is refused, and what a real API server accepts.</summary>
public sealed partial class HelmChartTests
{
    private const string Deployment = "Deployment";
    private const string Pod = "spec.template.spec";
    private const string Container = $"{Pod}.containers.0";
    private const string Digest = "sha256:4bc453b53cb3d914b45f4b250294236adba2c0e09ff6f03793949e7e39fd4cc1";

    /// <summary>Text as a person types it.</summary>
    private static readonly JsonSerializerOptions Unescaped = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const string Everything = """
        {
          "image": {"tag": "1.2.3", "pullPolicy": "Always"}, "imagePullSecrets": [{"name": "registry"}], "replicas": 3,
          "labelSelector": "tier in (web, api),shard=a", "logLevel": "Debug", "followTag": "stable",
          "env": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}],
          "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
          "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": true}],
          "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/cvmanager"}},
          "service": {"port": 8080}, "networkPolicy": {"enabled": true}, "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"},
          "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"key": "a", "operator": "Exists"}],
          "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}, "priorityClassName": "system-cluster-critical"
        }
        """;

    /// <summary>Values, and the only change to the objects: kind, field and its value.</summary>
    public static TheoryData<string, string, string, string> Changes =>
        new()
        {
            { """{"image": {"tag": "1.2.3"}}""", Deployment, $"{Container}.image", "\"ghcr.io/cvmanager/cvmanager:1.2.3\"" },
            { $$"""{"image": {"digest": "{{Digest}}"} }""", Deployment, $"{Container}.image", $"\"ghcr.io/cvmanager/cvmanager@{Digest}\"" },
            {
                $$"""{"image": {"repository": "localhost:5000/a/b", "tag": "1", "digest": "{{Digest}}"} }""",
                Deployment,
                $"{Container}.image",
                $"\"localhost:5000/a/b:1@{Digest}\""
            },
            { """{"image": {"pullPolicy": "Always"}}""", Deployment, $"{Container}.imagePullPolicy", "\"Always\"" },
            { """{"imagePullSecrets": [{"name": "a"}]}""", Deployment, $"{Pod}.imagePullSecrets", """[{"name": "a"}]""" },
            { """{"replicas": 1}""", Deployment, "spec.replicas", "1" },
            {
                """{"labelSelector": "tier in (web, api)"}""",
                Deployment,
                $"{Container}.args",
                """["Start-CvReconcile -Watch -AllNamespaces -LabelSelector 'tier in (web, api)' -LeaseName cvmanager-controller -Port 8081 -LogFormat Json"]"""
            },
            {
                """{"logLevel": "Debug"}""",
                Deployment,
                $"{Container}.args",
                """["Start-CvReconcile -Watch -AllNamespaces -LeaseName cvmanager-controller -Port 8081 -LogFormat Json -LogLevel Debug"]"""
            },
            { """{"env": [{"name": "A", "value": "b"}]}""", Deployment, $"{Container}.env.1", """{"name": "A", "value": "b"}""" },
            {
                """{"extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}]}""",
                Deployment,
                $"{Pod}.volumes.1",
                """{"name": "ca", "configMap": {"name": "ca"}}"""
            },
            {
                """{"extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}]}""",
                Deployment,
                $"{Container}.volumeMounts.1",
                """{"name": "ca", "mountPath": "/ca"}"""
            },
            { """{"serviceAccount": {"annotations": {"a": "b"}}}""", "ServiceAccount", "metadata.annotations", """{"a": "b"}""" },
            { """{"service": {"port": 8080}}""", "Service", "spec.ports.0.port", "8080" },
            { """{"podAnnotations": {"a": "b"}}""", Deployment, "spec.template.metadata.annotations", """{"a": "b"}""" },
            { """{"podLabels": {"a": "b"}}""", Deployment, "spec.template.metadata.labels.a", "\"b\"" },
            { """{"podLabels": {"app.kubernetes.io/name": "b"}}""", Deployment, "spec.replicas", "2" },
            { """{"resources": {"limits": {"memory": "1Gi"}}}""", Deployment, $"{Container}.resources.limits.memory", "\"1Gi\"" },
            { """{"nodeSelector": {"a": "b"}}""", Deployment, $"{Pod}.nodeSelector", """{"a": "b"}""" },
            { """{"tolerations": [{"key": "a"}]}""", Deployment, $"{Pod}.tolerations", """[{"key": "a"}]""" },
            { """{"affinity": {"nodeAffinity": {}}}""", Deployment, $"{Pod}.affinity", """{"nodeAffinity": {}}""" },
            {
                """{"topologySpreadConstraints": [{"maxSkew": 2}]}""",
                Deployment,
                $"{Pod}.topologySpreadConstraints",
                """[{"maxSkew": 2}]"""
            },
            { """{"priorityClassName": "high"}""", Deployment, $"{Pod}.priorityClassName", "\"high\"" },
            { """{"global": {"a": 1}, "enabled": true}""", Deployment, "spec.replicas", "2" },
        };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_value_changes_one_field(string values, string kind, string field, string expected)
    {
        var objects = await HelmChart.RenderAsync("{}");
        Set(objects.Single(item => Kind(item) == kind), field, JsonNode.Parse(expected));

        Assert.Equal(HelmChart.ByName(objects), HelmChart.ByName(await HelmChart.RenderAsync(values)));
    }

    [Theory]
    [InlineData("""{"podDisruptionBudget": {"enabled": false}}""", "PodDisruptionBudget")]
    [InlineData("""{"crds": {"enabled": false}}""", "CustomResourceDefinition")]
    [InlineData("""{"rbac": {"create": false}}""", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")]
    public async Task A_value_removes_objects(string values, params string[] kinds)
    {
        var objects = (await HelmChart.RenderAsync("{}")).Where(item => !kinds.Contains(Kind(item)));

        Assert.Equal(HelmChart.ByName(objects), HelmChart.ByName(await HelmChart.RenderAsync(values)));
    }

    [Fact]
    public async Task A_service_account_of_the_user_is_bound_and_not_created()
    {
        var objects = await HelmChart.RenderAsync("""{"serviceAccount": {"create": false, "name": "deployer"}}""");

        Assert.DoesNotContain(objects, item => Kind(item) == "ServiceAccount");
        Assert.Equal("deployer", Get(objects.Single(item => Kind(item) == Deployment), $"{Pod}.serviceAccountName")!.GetValue<string>());
        Assert.All(
            objects.Where(item => Kind(item).EndsWith("Binding", StringComparison.Ordinal)),
            item => Assert.Equal("deployer", Get(item, "subjects.0.name")!.GetValue<string>())
        );
    }

    [Fact]
    public async Task The_custom_resource_definition_is_kept_unless_a_value_says_otherwise()
    {
        const string Field = "metadata.annotations";
        static bool IsDefinition(JsonObject item) => Kind(item) == "CustomResourceDefinition";

        var kept = Get((await HelmChart.RenderAsync("{}")).Single(IsDefinition), Field)!;
        var removed = Get((await HelmChart.RenderAsync("""{"crds": {"keep": false}}""")).Single(IsDefinition), Field)!;

        Assert.Equal("keep", kept["helm.sh/resource-policy"]!.GetValue<string>());
        Assert.Null(removed["helm.sh/resource-policy"]);
    }

    [Theory]
    [InlineData("""{"repilcas": 3}""", "repilcas")]
    [InlineData("""{"replicas": "3"}""", "replicas")]
    [InlineData("""{"replicas": -1}""", "replicas")]
    [InlineData("""{"replicas": null}""", "replicas")]
    [InlineData("""{"image": {"tga": "1"}}""", "tga")]
    [InlineData("""{"image": "nginx"}""", "image")]
    [InlineData("""{"image": {"tag": 1.0}}""", "tag")]
    [InlineData("""{"image": {"repository": "nginx:1"}}""", "repository")]
    [InlineData("""{"image": {"digest": "sha256:1"}}""", "digest")]
    [InlineData("""{"image": {"pullPolicy": "always"}}""", "pullPolicy")]
    [InlineData("""{"imagePullSecrets": ["registry"]}""", "imagePullSecrets")]
    [InlineData("""{"namespaces": "shop"}""", "namespaces")]
    [InlineData("""{"namespaces": ["Shop"]}""", "namespaces")]
    [InlineData("""{"namespaces": ["a'; Get-Secret #"]}""", "namespaces")]
    [InlineData("""{"namespaces": ["a\nb"]}""", "namespaces")]
    [InlineData("""{"labelSelector": "a='b'"}""", "labelSelector")]
    [InlineData("""{"labelSelector": "a=\u2019; b"}""", "labelSelector")]
    [InlineData("""{"followTag": "a b"}""", "followTag")]
    [InlineData("""{"logLevel": "debug"}""", "logLevel")]
    [InlineData("""{"env": {"A": "b"}}""", "env")]
    [InlineData("""{"env": [{"name": "A", "value": true}]}""", "value")]
    [InlineData("""{"env": [{"name": "POD_UID", "value": "1"}]}""", "name")]
    [InlineData("""{"extraVolumes": [{"name": "tmp", "emptyDir": {}}]}""", "extraVolumes")]
    [InlineData("""{"extraVolumeMounts": [{"name": "a"}]}""", "mountPath")]
    [InlineData("""{"crds": {"keep": "yes"}}""", "keep")]
    [InlineData("""{"rbac": {"readSecret": false}}""", "readSecret")]
    [InlineData("""{"serviceAccount": {"name": "a b"}}""", "name")]
    [InlineData("""{"serviceAccount": {"annotations": {"a": 1}}}""", "annotations")]
    [InlineData("""{"serviceAccount": {"create": false}}""", "serviceAccount.name")]
    [InlineData("""{"service": {"port": 0}}""", "port")]
    [InlineData("""{"networkPolicy": {"enabled": 1}}""", "enabled")]
    [InlineData("""{"podLabels": {"a": true}}""", "podLabels")]
    [InlineData("""{"resources": {"memory": "1Gi"}}""", "memory")]
    [InlineData("""{"affinity": []}""", "affinity")]
    [InlineData("""{"followTag": "stable"}""", "followTag")]
    public async Task An_invalid_value_is_refused_by_name(string values, string name)
    {
        (var code, var output, var error) = await HelmChart.TryAsync(values);

        Assert.Equal(1, code);
        Assert.Equal("", output);
        Assert.Contains(name, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_that_is_too_old_is_refused()
    {
        (var code, _, var error) = await HelmChart.TryAsync("{}", "-kube-version", "v1.19.16");

        Assert.Equal(1, code);
        Assert.Contains("kubeVersion", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_value_of_null_removes_its_field()
    {
        const string Values = """{"resources": null, "topologySpreadConstraints": null, "priorityClassName": null}""";
        (var code, var output, var error) = await HelmChart.TryAsync(Values);
        var deployment = YamlDocuments.Read(output).Select(item => item.AsObject()).Single(item => Kind(item) == Deployment);

        Assert.Equal((0, ""), (code, error));
        Assert.Null(Get(deployment, $"{Container}.resources"));
        Assert.Null(Get(deployment, $"{Pod}.topologySpreadConstraints"));
        Assert.Null(Get(deployment, $"{Pod}.priorityClassName"));
    }

    [Theory]
    [InlineData("007")]
    [InlineData("1e3")]
    [InlineData("0x10")]
    [InlineData("true")]
    [InlineData("null")]
    [InlineData("no")]
    public async Task Names_that_look_like_numbers_and_booleans_stay_names(string name)
    {
        var values = $$"""{"namespaces": ["{{name}}", "1"], "serviceAccount": {"name": "{{name}}"}, "followTag": "{{name}}"}""";
        var objects = await HelmChart.RenderAsync(values, name, "-name", name, "-api-versions", HelmChart.ContainerVersionApi);

        Assert.All(
            objects.Where(item => Kind(item) is not ("CustomResourceDefinition" or "Role" or "RoleBinding")),
            item => Assert.Equal(name, Get(item, "metadata.namespace")!.GetValue<string>())
        );
        Assert.All(
            objects.Where(item => Kind(item) == "RoleBinding"),
            item => Assert.Equal(name, Get(item, "subjects.0.name")!.GetValue<string>())
        );
        Assert.Equal(name, Get(objects.Single(item => Kind(item) == "ContainerVersion"), "spec.tag")!.GetValue<string>());
        var command = Get(objects.Single(item => Kind(item) == Deployment), $"{Container}.args.0")!.GetValue<string>();
        Assert.Equal(new[] { name, "1" }.Order(StringComparer.Ordinal), Namespaces(command));
    }

    [Theory]
    [InlineData("say \"hi\": 'yes' # no comment")]
    [InlineData("line one\nline two\n")]
    [InlineData(" - {a: b}\t[c] ")]
    [InlineData("{{ .Values.image }} ${HOME} $(id)")]
    [InlineData("---\n# Source: x")]
    [InlineData("é 漢字")]
    [InlineData("1e3")]
    [InlineData("null")]
    [InlineData("")]
    public async Task Text_is_not_changed(string text)
    {
        JsonObject values = new()
        {
            ["env"] = new JsonArray(new JsonObject { ["name"] = "A", ["value"] = text }),
            ["podAnnotations"] = new JsonObject { ["example.com/a"] = text },
            ["serviceAccount"] = new JsonObject { ["annotations"] = new JsonObject { ["a: \"b\" # c"] = text } },
        };

        var objects = await HelmChart.RenderAsync(values.ToJsonString(Unescaped));

        var deployment = objects.Single(item => Kind(item) == Deployment);
        Assert.Equal(text, Get(deployment, $"{Container}.env.1.value")!.GetValue<string>());
        Assert.Equal(text, Get(deployment, "spec.template.metadata.annotations")!["example.com/a"]!.GetValue<string>());
        var account = objects.Single(item => Kind(item) == "ServiceAccount");
        Assert.Equal(text, Get(account, "metadata.annotations")!["a: \"b\" # c"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"namespaces": ["kube-system", "default"], "rbac": {"readSecrets": false}}""")]
    [InlineData(Everything)]
    public async Task A_real_API_server_accepts_the_objects_and_the_resource_of_the_notes(string values)
    {
        using PowerShellSession session = new();
        session.Invoke("Connect-CvCluster -KubeConfig $path", ("path", Servers.KubeConfig)).AssertNoErrors();
        session.Invoke("Install-CvController -CrdOnly").AssertNoErrors();
        var ns = $"chart-{Guid.NewGuid().ToString("N")[..8]}";
        await KubeCtlAsync(["create", "namespace", ns]);
        try
        {
            var served = (await KubeCtlAsync(["api-versions"])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var objects = await HelmChart.RenderAsync(
                values,
                ns,
                "-discovered",
                string.Join(',', [.. served, HelmChart.ContainerVersionApi])
            );
            // kubectl 1.20 does not know CEL rules.
            var applied = await KubeCtlAsync(["apply", "--dry-run=server", "--validate=false", "-f", "-"], ToList(objects));
            Assert.Equal(objects.Count, applied.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
            await KubeCtlAsync(
                ["apply", "--dry-run=server", "-f", "-"],
                ToList(objects.Where(item => Kind(item) != "CustomResourceDefinition"))
            );

            var example = ExampleOfNotes()
                .Match(await HelmChart.NotesAsync(values.Replace("\"followTag\": \"stable\",", "", StringComparison.Ordinal), ns));
            await KubeCtlAsync(["-n", ns, "apply", "--dry-run=server", "-f", "-"], example.Value);
        }
        finally
        {
            await KubeCtlAsync(["delete", "namespace", ns, "--wait=false"]);
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"namespaces": ["shop"], "crds": {"enabled": false}, "rbac": {"create": false}}""")]
    public async Task The_notes_name_the_namespace_the_image_and_cmdlets_with_their_parameters(string values)
    {
        var notes = await HelmChart.NotesAsync(values, "ops");

        Assert.Contains("ops", notes, StringComparison.Ordinal);
        Assert.Equal(values.Contains("shop", StringComparison.Ordinal), notes.Contains("shop", StringComparison.Ordinal));
        Assert.Contains("Test-CvController -ControllerNamespace ops", notes, StringComparison.Ordinal);
        Assert.Matches(@"docker run [^\n]* ghcr\.io/cvmanager/cvmanager:[0-9.]+ \\\n", notes);
        var parameters = Regex
            .Matches(Regex.Match(notes, "Add-CvRegistryTag (.*)").Value, " -([A-Za-z]+)")
            .Select(match => match.Groups[1].Value);
        using PowerShellSession session = new();
        var known = session.Invoke("(Get-Command Add-CvRegistryTag).Parameters.Keys").Output.Select(name => name.ToString());
        Assert.Equal(["Repository", "Version", "Tag"], parameters.Intersect(known));
    }

    private static string ToList(IEnumerable<JsonObject> objects) =>
        new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "List",
            ["items"] = new JsonArray([.. objects.Select(item => item.DeepClone())]),
        }.ToJsonString();

    private static Task<string> KubeCtlAsync(IEnumerable<string> arguments, string? input = null) =>
        ExternalProgram.RunAsync(Servers.KubeCtl, ["--kubeconfig", Servers.KubeConfig, .. arguments], input);

    private static string Kind(JsonObject item) => item["kind"]!.GetValue<string>();

    private static JsonNode? Get(JsonNode item, string field) =>
        field
            .Split('.')
            .Aggregate(
                (JsonNode?)item,
                (node, name) => node is JsonArray list ? list[int.Parse(name, CultureInfo.InvariantCulture)] : node?[name]
            );

    private static void Set(JsonObject item, string field, JsonNode? value)
    {
        var last = field.LastIndexOf('.');
        var name = field[(last + 1)..];
        switch (Get(item, field[..last]))
        {
            case JsonArray list:
                Assert.Equal(int.Parse(name, CultureInfo.InvariantCulture), list.Count);
                list.Add(value);
                break;
            case { } parent:
                parent[name] = value;
                break;
        }
    }

    /// <summary>The values of -Namespace, as PowerShell binds them.</summary>
    private static List<string> Namespaces(string command)
    {
        using PowerShellSession session = new();
        return session
            .Invoke(
                $"function Start-CvReconcile {{ param([string[]] $Namespace, [switch] $Watch, $LeaseName, $Port, $LogFormat) $Namespace }}; {command}"
            )
            .Output.Select(name => name.ToString())
            .ToList();
    }

    [GeneratedRegex(@"^ +apiVersion: custom\.k8s\.io/v1\n(^ {5}.*\n)+", RegexOptions.Multiline)]
    private static partial Regex ExampleOfNotes();
}
