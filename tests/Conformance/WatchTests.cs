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

    [Fact]
    public async Task A_streamed_list_gives_what_there_is_and_then_the_bookmark_that_says_so()
    {
        Assert.SkipUnless(await StreamsListsAsync(), "The server does not stream lists.");
        (await CreateConfigMapAsync("one", """{"app":"a"}""")).Ok();
        (await CreateConfigMapAsync("two", """{"app":"a"}""")).Ok();
        (await CreateConfigMapAsync("other", """{"app":"b"}""")).Ok();
        string stream = $"{ConfigMaps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=app%3Da";

        List<(string Type, JsonObject Object)> events = await Api.WatchAsync(stream, e => e.Count == 3);

        Assert.Equal(["ADDED", "ADDED", "BOOKMARK"], events.Select(e => e.Type));
        Assert.Equal(["one", "two"], events.Take(2).Select(e => Name(e.Object)));
        Assert.Equal(("ConfigMap", "true"), (events[2].Object["kind"]!.GetValue<string>(), events[2].Object["metadata"]!["annotations"]!["k8s.io/initial-events-end"]!.GetValue<string>()));
        // The bookmark's version is where the list ends and a watch goes on.
        (await CreateConfigMapAsync("three", """{"app":"a"}""")).Ok();
        (string type, JsonObject next) = Assert.Single(await Api.WatchAsync($"{ConfigMaps}?watch=1&resourceVersion={Version(events[2].Object)}&labelSelector=app%3Da", e => e.Count == 1));
        Assert.Equal(("ADDED", "three"), (type, Name(next)));
    }

    [Fact]
    public async Task A_streamed_list_of_nothing_is_a_bookmark_and_one_without_initial_events_tells_only_what_changes()
    {
        Assert.SkipUnless(await StreamsListsAsync(), "The server does not stream lists.");
        string watch = $"{ConfigMaps}?watch=1&resourceVersionMatch=NotOlderThan&timeoutSeconds=2&labelSelector=app%3Dnone";

        Assert.Equal("BOOKMARK", Assert.Single(await Api.WatchAsync($"{watch}&sendInitialEvents=true&allowWatchBookmarks=true", e => e.Count == 1)).Type);
        (await CreateConfigMapAsync("one", """{"app":"none"}""")).Ok();
        Assert.Empty(await Api.WatchAsync($"{watch}&sendInitialEvents=false", e => e.Count == 1));
    }

    [Theory]
    [InlineData("watch=1&sendInitialEvents=true", "resourceVersionMatch")]
    [InlineData("watch=1&sendInitialEvents=true&resourceVersionMatch=Exact", "resourceVersionMatch")]
    [InlineData("watch=1&resourceVersionMatch=NotOlderThan", "resourceVersionMatch")]
    [InlineData("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0", "sendInitialEvents")]
    public async Task A_streamed_list_is_asked_for_in_the_one_way_that_is_documented(string query, string field)
    {
        Assert.SkipUnless(await StreamsListsAsync(), "The server does not stream lists.");

        JsonObject refusal = (await Api.GetAsync($"{ConfigMaps}?{query}")).Fails(422, "Invalid");

        Assert.Contains(field, refusal["details"]!["causes"]!.AsArray().Select(cause => cause!["field"]!.GetValue<string>()));
    }
}
