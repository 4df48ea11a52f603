using Xunit;

namespace CvManager.Conformance;

/// <summary>Creating, reading, listing, replacing and deleting objects.</summary>
public abstract partial class ConformanceSuite
{
    [Fact]
    public async Task An_object_is_created_read_replaced_and_deleted()
    {
        var created = (await CreateConfigMapAsync("one")).Ok();
        Assert.Equal(("v1", "ConfigMap"), (created["apiVersion"]!.GetValue<string>(), created["kind"]!.GetValue<string>()));
        Assert.NotEmpty(created["metadata"]!["uid"]!.GetValue<string>());
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", created["metadata"]!["creationTimestamp"]!.GetValue<string>());
        Assert.Equal(Namespace, created["metadata"]!["namespace"]!.GetValue<string>());

        created["data"]!["a"] = "2";
        var replaced = (await Api.PutAsync($"{ConfigMaps}/one", created)).Ok();
        Assert.NotEqual(Version(created), Version(replaced));
        Assert.Equal("2", (await Api.GetAsync($"{ConfigMaps}/one")).Ok()["data"]!["a"]!.GetValue<string>());

        (await Api.DeleteAsync($"{ConfigMaps}/one")).Ok();
        var gone = (await Api.GetAsync($"{ConfigMaps}/one")).Fails(404, "NotFound");
        Assert.Equal("configmaps \"one\" not found", gone["message"]!.GetValue<string>());
        Assert.Equal(("one", "configmaps"), (gone["details"]!["name"]!.GetValue<string>(), gone["details"]!["kind"]!.GetValue<string>()));
    }

    [Fact]
    public async Task An_update_without_changes_keeps_the_resource_version()
    {
        var created = (await CreateConfigMapAsync("one")).Ok();

        Assert.Equal(Version(created), Version((await Api.PutAsync($"{ConfigMaps}/one", created.DeepClone())).Ok()));
        Assert.Equal(
            Version(created),
            Version((await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"data":{"a":"1"}}"""))).Ok())
        );
    }

    [Fact]
    public async Task Creating_an_existing_object_fails_with_AlreadyExists()
    {
        (await CreateConfigMapAsync("one")).Ok();

        var status = (await CreateConfigMapAsync("one")).Fails(409, "AlreadyExists");
        Assert.Equal("configmaps \"one\" already exists", status["message"]!.GetValue<string>());
    }

    [Fact]
    public async Task An_update_with_an_old_resource_version_conflicts()
    {
        var first = (await CreateConfigMapAsync("one")).Ok();
        var second = first.DeepClone().AsObject();
        second["data"]!["a"] = "2";
        (await Api.PutAsync($"{ConfigMaps}/one", second)).Ok();

        first["data"]!["a"] = "3";
        var status = (await Api.PutAsync($"{ConfigMaps}/one", first)).Fails(409, "Conflict");
        Assert.Contains(
            "the object has been modified; please apply your changes to the latest version and try again",
            status["message"]!.GetValue<string>(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task GenerateName_creates_unique_names()
    {
        var one = (await Api.PostAsync(ConfigMaps, Json("""{"metadata":{"generateName":"gen-"}}"""))).Ok();
        var two = (await Api.PostAsync(ConfigMaps, Json("""{"metadata":{"generateName":"gen-"}}"""))).Ok();

        Assert.Matches("^gen-[a-z0-9]{5}$", Name(one));
        Assert.NotEqual(Name(one), Name(two));
    }

    [Theory]
    [InlineData("Upper")]
    [InlineData("under_score")]
    [InlineData("-dash")]
    public async Task An_invalid_DNS_name_is_rejected(string name)
    {
        var status = (await CreateConfigMapAsync(name)).Fails(422, "Invalid");

        Assert.Contains(status["details"]!["causes"]!.AsArray(), c => c!["field"]!.GetValue<string>() == "metadata.name");
    }

    [Fact]
    public async Task Lists_are_filtered_by_label_and_field_selectors()
    {
        (await CreateConfigMapAsync("one", """{"app":"a","tier":"web"}""")).Ok();
        (await CreateConfigMapAsync("two", """{"app":"b","tier":"web"}""")).Ok();
        (await CreateConfigMapAsync("three", """{"app":"c"}""")).Ok();

        async Task<string> NamesAsync(string query) =>
            string.Join(
                ',',
                Items((await Api.GetAsync($"{ConfigMaps}?{query}")).Ok()).Select(Name).Where(n => n is "one" or "two" or "three").Order()
            );
        Assert.Equal("one", await NamesAsync("labelSelector=app%3Da"));
        Assert.Equal("three,two", await NamesAsync("labelSelector=app+in+(b,c)"));
        Assert.Equal("one,two", await NamesAsync("labelSelector=tier"));
        Assert.Equal("three", await NamesAsync("labelSelector=!tier,app"));
        Assert.Equal("two", await NamesAsync("labelSelector=tier%3Dweb,app!%3Da"));
        Assert.Equal("two", await NamesAsync("fieldSelector=metadata.name%3Dtwo"));
        (await Api.GetAsync($"{ConfigMaps}?labelSelector=a%3D%3D%3Db")).Fails(400, "BadRequest");
    }

    [Fact]
    public async Task A_paged_list_returns_one_snapshot()
    {
        for (var i = 0; i < 5; i++)
            (await CreateConfigMapAsync($"page-{i}", """{"page":"yes"}""")).Ok();

        var first = (await Api.GetAsync($"{ConfigMaps}?limit=2&labelSelector=page")).Ok();
        (await CreateConfigMapAsync("page-9", """{"page":"yes"}""")).Ok();
        List<string> names = [.. Items(first).Select(Name)];
        var page = first;
        while (page["metadata"]!["continue"]?.GetValue<string>() is { Length: > 0 } next)
        {
            page = (await Api.GetAsync($"{ConfigMaps}?limit=2&labelSelector=page&continue={Uri.EscapeDataString(next)}")).Ok();
            Assert.Equal(Version(first), Version(page));
            names.AddRange(Items(page).Select(Name));
        }

        Assert.Equal(["page-0", "page-1", "page-2", "page-3", "page-4"], names);
    }

    [Fact]
    public async Task A_collection_is_deleted_by_selector()
    {
        (await CreateConfigMapAsync("one", """{"app":"a"}""")).Ok();
        (await CreateConfigMapAsync("two", """{"app":"b"}""")).Ok();

        (await Api.DeleteAsync($"{ConfigMaps}?labelSelector=app%3Da")).Ok();

        (await Api.GetAsync($"{ConfigMaps}/one")).Fails(404, "NotFound");
        (await Api.GetAsync($"{ConfigMaps}/two")).Ok();
    }

    [Fact]
    public async Task A_deleted_object_stays_until_its_finalizers_are_removed()
    {
        (await CreateConfigMapAsync("one", more: ""","finalizers":["example.com/hold"]""")).Ok();

        (await Api.DeleteAsync($"{ConfigMaps}/one")).Ok();
        var held = (await Api.GetAsync($"{ConfigMaps}/one")).Ok();
        Assert.NotNull(held["metadata"]!["deletionTimestamp"]);

        (await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"metadata":{"finalizers":null}}"""))).Ok();
        (await Api.GetAsync($"{ConfigMaps}/one")).Fails(404, "NotFound");
    }

    [Fact]
    public async Task A_delete_with_a_UID_precondition_deletes_only_that_object()
    {
        var created = (await CreateConfigMapAsync("one")).Ok();

        (
            await Api.DeleteAsync(
                $"{ConfigMaps}/one",
                Json("""{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"another"}}""")
            )
        ).Fails(409, "Conflict");
        (
            await Api.DeleteAsync(
                $"{ConfigMaps}/one",
                Json($$$"""{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"{{{created["metadata"]!["uid"]}}}"}}""")
            )
        ).Ok();
    }

    [Fact]
    public async Task A_dry_run_is_not_persisted()
    {
        (await Api.PostAsync($"{ConfigMaps}?dryRun=All", Json("""{"metadata":{"name":"dry"}}"""))).Ok();

        (await Api.GetAsync($"{ConfigMaps}/dry")).Fails(404, "NotFound");
    }

    [Fact]
    public async Task Unknown_resources_and_invalid_bodies_are_rejected()
    {
        Assert.Equal(404, (int)(await Api.GetAsync("/apis/nowhere.example.com/v1/things")).Code);
        Assert.Equal(415, (int)(await Api.SendAsync(HttpMethod.Patch, $"{ConfigMaps}/one", Json("{}"), "application/json")).Code);
        (await Api.PostAsync(ConfigMaps, Json("""{"kind":"Secret","apiVersion":"v1","metadata":{"name":"a"}}"""))).Fails(400, "BadRequest");
        (await Api.PutAsync($"{ConfigMaps}/one", Json("""{"metadata":{"name":"two"}}"""))).Fails(400, "BadRequest");
    }

    [Fact]
    public async Task Managed_fields_record_the_field_manager()
    {
        await CreateConfigMapAsync("one");
        (await Api.PatchAsync($"{ConfigMaps}/one?fieldManager=somebody", ApiClient.MergePatch, Json("""{"data":{"b":"2"}}"""))).Ok();

        var managers = (await Api.GetAsync($"{ConfigMaps}/one")).Ok()["metadata"]!["managedFields"]!.AsArray();

        var entry = Assert.Single(managers, m => m!["manager"]!.GetValue<string>() == "somebody")!;
        Assert.Equal("Update", entry["operation"]!.GetValue<string>());
        Assert.Equal("""{"f:data":{"f:b":{}}}""", entry["fieldsV1"]!.ToJsonString());
        Assert.Contains(managers, m => m!["manager"]!.GetValue<string>() == "conformance");
    }

    [Fact]
    public async Task A_table_has_the_columns_that_kubectl_shows()
    {
        (await Api.PostAsync(Deployments, Deployment(replicas: 0))).Ok();

        var table = (
            await Api.SendAsync(HttpMethod.Get, Deployments, accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        ).Ok();

        Assert.Equal("Table", table["kind"]!.GetValue<string>());
        Assert.Equal(
            ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"],
            table["columnDefinitions"]!.AsArray().Select(c => c!["name"]!.GetValue<string>())
        );
        Assert.Equal("app", table["rows"]![0]!["cells"]![0]!.GetValue<string>());
        Assert.Equal("app", table["rows"]![0]!["object"]!["metadata"]!["name"]!.GetValue<string>());
    }

    [Fact]
    public async Task Deleting_a_namespace_deletes_its_objects()
    {
        var other = Namespace + "-b";
        (await Api.PostAsync("/api/v1/namespaces", Json($$$"""{"metadata":{"name":"{{{other}}}"}}"""))).Ok();
        (await Api.PostAsync($"/api/v1/namespaces/{other}/configmaps", Json("""{"metadata":{"name":"a"}}"""))).Ok();

        (await Api.DeleteAsync($"/api/v1/namespaces/{other}")).Ok();

        await Api.UntilAsync($"/api/v1/namespaces/{other}", s => s["code"]?.GetValue<int>() == 404);
        (await Api.GetAsync($"/api/v1/namespaces/{other}/configmaps/a")).Fails(404, "NotFound");
        (await Api.PostAsync($"/api/v1/namespaces/{other}/configmaps", Json("""{"metadata":{"name":"a"}}"""))).Fails(404, "NotFound");
    }
}
