using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>Custom resources: schema validation, defaults, status and tables.</summary>
public abstract partial class ConformanceSuite
{
    private const string Crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

    [Fact]
    public async Task A_definition_is_established_served_and_removed_with_its_objects()
    {
        var things = await DefineThingsAsync();
        var created = (await Api.PostAsync(things, Thing("one", """{"size":3}"""))).Ok();
        Assert.Equal(1, created["metadata"]!["generation"]!.GetValue<int>());
        var list = (await Api.GetAsync(things)).Ok();
        Assert.Equal("ThingList", list["kind"]!.GetValue<string>());

        var name = $"things.{Group}";
        (await Api.DeleteAsync($"{Crds}/{name}")).Ok();
        await Api.UntilAsync($"{Crds}/{name}", s => s["code"]?.GetValue<int>() == 404);
        Assert.Equal(404, (int)(await Api.GetAsync($"{things}/one")).Code);
    }

    [Fact]
    public async Task An_invalid_custom_resource_is_rejected_with_the_invalid_fields()
    {
        var things = await DefineThingsAsync();

        async Task<string[]> FieldsAsync(string spec) =>
            (await Api.PostAsync(things, Thing("bad", spec))).Fails(422, "Invalid")["details"]!["causes"]!
                .AsArray()
                .Select(c => c!["field"]!.GetValue<string>())
                .Order()
                .ToArray();
        Assert.Equal(["spec.size"], await FieldsAsync("{}"));
        Assert.Equal(["spec.size"], await FieldsAsync("""{"size":11}"""));
        Assert.Equal(["spec.size"], await FieldsAsync("""{"size":"three"}"""));
        Assert.Equal(["spec.code"], await FieldsAsync("""{"size":1,"code":"UPPER"}"""));
        Assert.Equal(["spec.mode"], await FieldsAsync("""{"size":1,"mode":"c"}"""));
        Assert.Equal(["spec.code", "spec.size"], await FieldsAsync("""{"size":0,"code":"UPPER"}"""));
        (await Api.PatchAsync($"{things}/none", ApiClient.MergePatch, Json("{}"))).Fails(404, "NotFound");
    }

    [Fact]
    public async Task Defaults_are_filled_in_and_unknown_fields_dropped()
    {
        var things = await DefineThingsAsync();

        var created = (await Api.PostAsync(things, Thing("one", """{"size":1,"unknown":true,"nested":{}}"""))).Ok();

        Assert.Equal("a", created["spec"]!["mode"]!.GetValue<string>());
        Assert.Equal(7, created["spec"]!["nested"]!["depth"]!.GetValue<int>());
        Assert.Null(created["spec"]!["unknown"]);
    }

    [Fact]
    public async Task Spec_and_status_are_updated_separately_and_only_spec_increases_the_generation()
    {
        var things = await DefineThingsAsync();
        var created = Thing("one", """{"size":1}""");
        created["status"] = Json("""{"note":"ignored"}""");
        created = (await Api.PostAsync(things, created)).Ok();
        Assert.Null(created["status"]);

        var both = created.DeepClone().AsObject();
        both["spec"]!["size"] = 2;
        both["status"] = Json("""{"note":"seen"}""");
        var status = (await Api.PutAsync($"{things}/one/status", both)).Ok();
        Assert.Equal(
            (1, "seen", 1),
            (
                status["spec"]!["size"]!.GetValue<int>(),
                status["status"]!["note"]!.GetValue<string>(),
                status["metadata"]!["generation"]!.GetValue<int>()
            )
        );

        var spec = (
            await Api.PatchAsync($"{things}/one", ApiClient.MergePatch, Json("""{"spec":{"size":3},"status":{"note":"lost"}}"""))
        ).Ok();
        Assert.Equal(
            (3, "seen", 2),
            (
                spec["spec"]!["size"]!.GetValue<int>(),
                spec["status"]!["note"]!.GetValue<string>(),
                spec["metadata"]!["generation"]!.GetValue<int>()
            )
        );
        var labels = (await Api.PatchAsync($"{things}/one", ApiClient.MergePatch, Json("""{"metadata":{"labels":{"a":"b"}}}"""))).Ok();
        Assert.Equal(2, labels["metadata"]!["generation"]!.GetValue<int>());
        (await Api.PutAsync($"{things}/one/status", both)).Fails(409, "Conflict");
        (await Api.PatchAsync($"{things}/one", ApiClient.StrategicMergePatch, Json("{}"))).Fails(415, "UnsupportedMediaType");
    }

    [Fact]
    public async Task A_table_of_custom_resources_has_the_columns_of_the_definition()
    {
        var things = await DefineThingsAsync();
        (await Api.PostAsync(things, Thing("one", """{"size":4}"""))).Ok();

        var table = (
            await Api.SendAsync(HttpMethod.Get, things, accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        ).Ok();

        Assert.Equal(["Name", "Size", "Age"], table["columnDefinitions"]!.AsArray().Select(c => c!["name"]!.GetValue<string>()));
        Assert.Equal(4, table["rows"]![0]!["cells"]![1]!.GetValue<int>());
    }

    /// <summary>A separate API group per test, so that definitions do not conflict.</summary>
    private string Group => $"{Namespace}.example.com";

    private JsonObject Thing(string name, string spec) =>
        Json($$$"""{"apiVersion":"{{{Group}}}/v1","kind":"Thing","metadata":{"name":"{{{name}}}"},"spec":{{{spec}}}}""");

    private async Task<string> DefineThingsAsync()
    {
        (
            await Api.PostAsync(
                Crds,
                Json(
                    """
                    {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.GROUP"},
                     "spec":{"group":"GROUP","scope":"Namespaced","names":{"kind":"Thing","plural":"things","singular":"thing","listKind":"ThingList"},
                      "versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},
                        "additionalPrinterColumns":[{"name":"Size","type":"integer","jsonPath":".spec.size"},{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}],
                        "schema":{"openAPIV3Schema":{"type":"object","properties":{
                          "spec":{"type":"object","required":["size"],"properties":{
                            "size":{"type":"integer","minimum":1,"maximum":10},
                            "code":{"type":"string","pattern":"^[a-z]+$"},
                            "mode":{"type":"string","enum":["a","b"],"default":"a"},
                            "nested":{"type":"object","properties":{"depth":{"type":"integer","default":7}}}}},
                          "status":{"type":"object","properties":{"note":{"type":"string"}}}}}}}]}}
                    """.Replace("GROUP", Group, StringComparison.Ordinal)
                )
            )
        ).Ok();
        var established = await Api.UntilAsync(
            $"{Crds}/things.{Group}",
            c => Condition(c, "Established")?["status"]?.GetValue<string>() == "True"
        );
        Assert.Equal("True", Condition(established, "NamesAccepted")!["status"]!.GetValue<string>());
        var things = $"/apis/{Group}/v1/namespaces/{Namespace}/things";
        await Api.UntilAsync(things, l => l["kind"]?.GetValue<string>() == "ThingList");
        return things;
    }
}
