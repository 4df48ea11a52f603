using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>Watches, and the resource versions that they start from.</summary>
public abstract partial class ConformanceSuite
{
    [Fact]
    public async Task A_watch_tells_all_that_happened_since_a_list_in_order()
    {
        (await CreateConfigMapAsync("before")).Ok();
        string version = Version((await Api.GetAsync(ConfigMaps)).Ok());
        (await CreateConfigMapAsync("one")).Ok();
        (await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"data":{"a":"2"}}"""))).Ok();
        JsonObject last = (await Api.DeleteAsync($"{ConfigMaps}/one")).Ok();
        Assert.Equal("Success", last["status"]!.GetValue<string>());

        List<(string Type, JsonObject Object)> events = await Api.WatchAsync($"{ConfigMaps}?watch=1&resourceVersion={version}&fieldSelector=metadata.name%3Done", e => e.Count == 3);

        Assert.Equal(["ADDED", "MODIFIED", "DELETED"], events.Select(e => e.Type));
        Assert.True(long.Parse(Version(events[2].Object), System.Globalization.CultureInfo.InvariantCulture)
            > long.Parse(Version(events[1].Object), System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task A_watch_without_a_version_begins_with_what_there_is()
    {
        (await CreateConfigMapAsync("one", """{"app":"a"}""")).Ok();

        List<(string Type, JsonObject Object)> events = await Api.WatchAsync($"{ConfigMaps}?watch=1&labelSelector=app%3Da", e => e.Count == 1);

        Assert.Equal(("ADDED", "one"), (events[0].Type, Name(events[0].Object)));
    }

    [Fact]
    public async Task An_object_that_leaves_a_selector_is_deleted_for_its_watch_and_added_when_it_comes_back()
    {
        string version = Version((await CreateConfigMapAsync("one", """{"app":"a"}""")).Ok());
        (await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"metadata":{"labels":{"app":"b"}}}"""))).Ok();
        (await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"metadata":{"labels":{"app":"a"}}}"""))).Ok();

        List<(string Type, JsonObject Object)> events = await Api.WatchAsync($"{ConfigMaps}?watch=1&resourceVersion={version}&labelSelector=app%3Da", e => e.Count == 2);

        Assert.Equal(["DELETED", "ADDED"], events.Select(e => e.Type));
    }

    [Fact]
    public async Task A_watch_from_a_version_long_gone_is_expired()
    {
        // A server remembers of a resource what happened since it began to serve it.
        string things = await DefineThingsAsync();

        List<(string Type, JsonObject Object)> events = await Api.WatchAsync($"{things}?watch=1&resourceVersion=1&timeoutSeconds=5", e => e.Count == 1);

        Assert.Equal("ERROR", events[0].Type);
        Assert.Equal((410, "Status"), (events[0].Object["code"]!.GetValue<int>(), events[0].Object["kind"]!.GetValue<string>()));
        Assert.Contains(events[0].Object["reason"]!.GetValue<string>(), (string[])["Expired", "Gone"]);
    }

    [Fact]
    public async Task A_watch_ends_by_its_timeout_and_tells_nothing_but_bookmarks_of_its_kind_unasked()
    {
        string version = Version((await Api.GetAsync(ConfigMaps)).Ok());

        List<(string Type, JsonObject Object)> events = await Api.WatchAsync(
            $"{ConfigMaps}?watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds=3&fieldSelector=metadata.name%3Dnone", _ => false);

        Assert.All(events, e => Assert.Equal(("BOOKMARK", "ConfigMap"), (e.Type, e.Object["kind"]!.GetValue<string>())));
    }
}
