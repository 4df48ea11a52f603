using Xunit;

namespace CvManager.Conformance;

/// <summary>Watches and the resource versions they start from.</summary>
public abstract partial class ConformanceSuite
{
    [Fact]
    public async Task A_watch_from_the_version_of_a_list_sends_all_later_changes_in_order()
    {
        (await CreateConfigMapAsync("before")).Ok();
        var version = Version((await Api.GetAsync(ConfigMaps)).Ok());
        (await CreateConfigMapAsync("one")).Ok();
        (await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"data":{"a":"2"}}"""))).Ok();
        var last = (await Api.DeleteAsync($"{ConfigMaps}/one")).Ok();
        Assert.Equal("Success", last["status"]!.GetValue<string>());

        var events = await Api.WatchAsync(
            $"{ConfigMaps}?watch=1&resourceVersion={version}&fieldSelector=metadata.name%3Done",
            e => e.Count == 3
        );

        Assert.Equal(["ADDED", "MODIFIED", "DELETED"], events.Select(e => e.Type));
        Assert.True(
            long.Parse(Version(events[2].Object), System.Globalization.CultureInfo.InvariantCulture)
                > long.Parse(Version(events[1].Object), System.Globalization.CultureInfo.InvariantCulture)
        );
    }

    [Fact]
    public async Task A_watch_without_a_resource_version_starts_with_the_existing_objects()
    {
        (await CreateConfigMapAsync("one", """{"app":"a"}""")).Ok();

        var events = await Api.WatchAsync($"{ConfigMaps}?watch=1&labelSelector=app%3Da", e => e.Count == 1);

        Assert.Equal(("ADDED", "one"), (events[0].Type, Name(events[0].Object)));
    }

    [Fact]
    public async Task An_object_that_stops_matching_a_selector_is_DELETED_and_ADDED_when_it_matches_again()
    {
        var version = Version((await CreateConfigMapAsync("one", """{"app":"a"}""")).Ok());
        (await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"metadata":{"labels":{"app":"b"}}}"""))).Ok();
        (await Api.PatchAsync($"{ConfigMaps}/one", ApiClient.MergePatch, Json("""{"metadata":{"labels":{"app":"a"}}}"""))).Ok();

        var events = await Api.WatchAsync($"{ConfigMaps}?watch=1&resourceVersion={version}&labelSelector=app%3Da", e => e.Count == 2);

        Assert.Equal(["DELETED", "ADDED"], events.Select(e => e.Type));
    }

    [Fact]
    public async Task A_watch_from_a_too_old_resource_version_expires()
    {
        // The history of a resource begins when the server starts serving it.
        var things = await DefineThingsAsync();

        var events = await Api.WatchAsync($"{things}?watch=1&resourceVersion=1&timeoutSeconds=5", e => e.Count == 1);

        Assert.Equal("ERROR", events[0].Type);
        Assert.Equal((410, "Status"), (events[0].Object["code"]!.GetValue<int>(), events[0].Object["kind"]!.GetValue<string>()));
        Assert.Contains(events[0].Object["reason"]!.GetValue<string>(), (string[])["Expired", "Gone"]);
    }

    [Fact]
    public async Task A_watch_without_events_sends_only_bookmarks_and_ends_at_its_timeout()
    {
        var version = Version((await Api.GetAsync(ConfigMaps)).Ok());

        var events = await Api.WatchAsync(
            $"{ConfigMaps}?watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds=3&fieldSelector=metadata.name%3Dnone",
            _ => false
        );

        Assert.All(events, e => Assert.Equal(("BOOKMARK", "ConfigMap"), (e.Type, e.Object["kind"]!.GetValue<string>())));
    }

    [Fact]
    public async Task A_streaming_list_sends_the_existing_objects_and_then_a_bookmark()
    {
        Assert.SkipUnless(await SupportsStreamingListsAsync(), "The server does not stream lists.");
        (await CreateConfigMapAsync("one", """{"app":"a"}""")).Ok();
        (await CreateConfigMapAsync("two", """{"app":"a"}""")).Ok();
        (await CreateConfigMapAsync("other", """{"app":"b"}""")).Ok();
        var stream =
            $"{ConfigMaps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=app%3Da";

        var events = await Api.WatchAsync(stream, e => e.Count == 3);

        Assert.Equal(["ADDED", "ADDED", "BOOKMARK"], events.Select(e => e.Type));
        Assert.Equal(["one", "two"], events.Take(2).Select(e => Name(e.Object)));
        Assert.Equal(
            ("ConfigMap", "true"),
            (
                events[2].Object["kind"]!.GetValue<string>(),
                events[2].Object["metadata"]!["annotations"]!["k8s.io/initial-events-end"]!.GetValue<string>()
            )
        );
        // A watch can continue from the resource version of the bookmark.
        (await CreateConfigMapAsync("three", """{"app":"a"}""")).Ok();
        (var type, var next) = Assert.Single(
            await Api.WatchAsync(
                $"{ConfigMaps}?watch=1&resourceVersion={Version(events[2].Object)}&labelSelector=app%3Da",
                e => e.Count == 1
            )
        );
        Assert.Equal(("ADDED", "three"), (type, Name(next)));
    }

    [Fact]
    public async Task An_empty_streaming_list_is_a_bookmark_and_a_watch_without_initial_events_sends_only_changes()
    {
        Assert.SkipUnless(await SupportsStreamingListsAsync(), "The server does not stream lists.");
        var watch = $"{ConfigMaps}?watch=1&resourceVersionMatch=NotOlderThan&timeoutSeconds=2&labelSelector=app%3Dnone";

        Assert.Equal(
            "BOOKMARK",
            Assert.Single(await Api.WatchAsync($"{watch}&sendInitialEvents=true&allowWatchBookmarks=true", e => e.Count == 1)).Type
        );
        (await CreateConfigMapAsync("one", """{"app":"none"}""")).Ok();
        Assert.Empty(await Api.WatchAsync($"{watch}&sendInitialEvents=false", e => e.Count == 1));
    }

    [Theory]
    [InlineData("watch=1&sendInitialEvents=true", "resourceVersionMatch")]
    [InlineData("watch=1&sendInitialEvents=true&resourceVersionMatch=Exact", "resourceVersionMatch")]
    [InlineData("watch=1&resourceVersionMatch=NotOlderThan", "resourceVersionMatch")]
    [InlineData("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0", "sendInitialEvents")]
    public async Task An_invalid_combination_of_streaming_list_parameters_is_rejected(string query, string field)
    {
        Assert.SkipUnless(await SupportsStreamingListsAsync(), "The server does not stream lists.");

        var refusal = (await Api.GetAsync($"{ConfigMaps}?{query}")).Fails(422, "Invalid");

        Assert.Contains(field, refusal["details"]!["causes"]!.AsArray().Select(cause => cause!["field"]!.GetValue<string>()));
    }
}
