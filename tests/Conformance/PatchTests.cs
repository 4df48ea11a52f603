using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>The four patch types.</summary>
public abstract partial class ConformanceSuite
{
    [Fact]
    public async Task A_JSON_patch_with_a_failing_test_changes_nothing()
    {
        (await Api.PostAsync(Deployments, Deployment(replicas: 0))).Ok();
        JsonArray Patch(string from, string to) =>
            JsonNode
                .Parse(
                    $$"""
                    [{"op":"test","path":"/spec/template/spec/containers/0/image","value":"{{from}}"},
                     {"op":"replace","path":"/spec/template/spec/containers/0/image","value":"{{to}}"}]
                    """
                )!
                .AsArray();

        var patched = (await Api.PatchAsync($"{Deployments}/app", ApiClient.JsonPatch, Patch("r.example/app:1", "r.example/app:2"))).Ok();
        Assert.Equal("r.example/app:2", patched["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!.GetValue<string>());
        (await Api.PatchAsync($"{Deployments}/app", ApiClient.JsonPatch, Patch("r.example/app:1", "r.example/app:3"))).Fails(
            422,
            "Invalid"
        );
        Assert.Equal(
            "r.example/app:2",
            (await Api.GetAsync($"{Deployments}/app")).Ok()["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!.GetValue<string>()
        );
    }

    [Fact]
    public async Task A_merge_patch_merges_objects_and_removes_null_fields()
    {
        (await CreateConfigMapAsync("one", """{"x":"1","y":"2"}""")).Ok();

        var patched = (
            await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"metadata":{"labels":{"x":null}},"data":{"b":"2"}}"""))
        ).Ok();

        Assert.Equal("""{"y":"2"}""", patched["metadata"]!["labels"]!.ToJsonString());
        Assert.Equal("""{"a":"1","b":"2"}""", patched["data"]!.ToJsonString());
    }

    [Fact]
    public async Task A_strategic_merge_patch_merges_lists_by_their_keys()
    {
        (await Api.PostAsync(Deployments, Deployment(replicas: 0))).Ok();

        var patched = (
            await Api.PatchAsync(
                $"{Deployments}/app",
                ApiClient.StrategicMergePatch,
                Json(
                    """
                    {"spec":{"template":{"spec":{"containers":[
                      {"name":"main","image":"r.example/app:2","env":[{"name":"B","value":"2"}]},
                      {"name":"side","$patch":"delete"}]}}}}
                    """
                )
            )
        ).Ok();

        var containers = patched["spec"]!["template"]!["spec"]!["containers"]!.AsArray();
        var container = Assert.Single(containers)!;
        Assert.Equal("r.example/app:2", container["image"]!.GetValue<string>());
        Assert.Equal(["A", "B"], container["env"]!.AsArray().Select(e => e!["name"]!.GetValue<string>()).Order());
    }

    [Fact]
    public async Task Server_side_apply_creates_objects_owns_fields_and_reports_conflicts()
    {
        var intent = Json("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"a":"1","b":"1"}}""");
        var applied = (await Api.PatchAsync($"{ConfigMaps}/one?fieldManager=first", ApiClient.ApplyPatch, intent)).Ok();
        var manager = Assert.Single(applied["metadata"]!["managedFields"]!.AsArray())!;
        Assert.Equal(("first", "Apply"), (manager["manager"]!.GetValue<string>(), manager["operation"]!.GetValue<string>()));

        var other = Json("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"a":"2"}}""");
        var conflict = (await Api.PatchAsync($"{ConfigMaps}/one?fieldManager=second", ApiClient.ApplyPatch, other)).Fails(409, "Conflict");
        var cause = Assert.Single(conflict["details"]!["causes"]!.AsArray())!;
        Assert.Equal(("FieldManagerConflict", ".data.a"), (cause["reason"]!.GetValue<string>(), cause["field"]!.GetValue<string>()));
        Assert.Contains("\"first\"", cause["message"]!.GetValue<string>(), StringComparison.Ordinal);

        (await Api.PatchAsync($"{ConfigMaps}/one?fieldManager=second&force=true", ApiClient.ApplyPatch, other)).Ok();
        var less = Json("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"}}""");
        var rest = (await Api.PatchAsync($"{ConfigMaps}/one?fieldManager=first", ApiClient.ApplyPatch, less)).Ok();
        Assert.Equal("""{"a":"2"}""", rest["data"]!.ToJsonString());
    }

    [Fact]
    public async Task A_patch_of_a_missing_object_fails_with_NotFound_unless_it_is_an_apply()
    {
        (await Api.PatchAsync($"{ConfigMaps}/none", ApiClient.MergePatch, Json("{}"))).Fails(404, "NotFound");
        Assert.Equal(
            201,
            (int)
                (
                    await Api.PatchAsync(
                        $"{ConfigMaps}/none?fieldManager=x",
                        ApiClient.ApplyPatch,
                        Json("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"none"}}""")
                    )
                ).Code
        );
    }

    [Fact]
    public async Task A_patch_with_an_old_resource_version_conflicts()
    {
        var version = Version((await CreateConfigMapAsync("one")).Ok());
        (await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"data":{"a":"2"}}"""))).Ok();

        (
            await Api.PatchAsync(
                $"{ConfigMaps}/one",
                ApiClient.MergePatch,
                Json($$$"""{"metadata":{"resourceVersion":"{{{version}}}"},"data":{"a":"3"}}""")
            )
        ).Fails(409, "Conflict");
    }
}
