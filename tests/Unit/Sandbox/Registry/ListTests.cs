using System.Net;
using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Unit.Sandbox.Registry;

public sealed class ListTests
{
    [Theory, InlineData(true), InlineData(false)]
    public async Task Tags_are_listed_in_ordinal_order_and_in_pages(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);
        foreach (var tag in (string[])["b", "B", "a_1", "a.1", "1"])
            fixture.Registry.PushImage("x/y", tag);

        var all = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/x/y/tags/list");
        Assert.Equal(["1", "B", "a.1", "a_1", "b"], await EntriesAsync(all, "tags"));
        Assert.Equal("", RegistryFixture.Header(all, "Link"));

        var first = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/x/y/tags/list?n=3");
        Assert.Equal(["1", "B", "a.1"], await EntriesAsync(first, "tags"));
        var next = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, NextPage(first));
        Assert.Equal(["a_1", "b"], await EntriesAsync(next, "tags"));
        Assert.Equal("", RegistryFixture.Header(next, "Link"));

        Assert.Empty(await EntriesAsync(await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/x/y/tags/list?n=0"), "tags"));
        Assert.Empty(await EntriesAsync(await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/x/y/tags/list?last=zz"), "tags"));
        await fixture.ExpectErrorAsync(HttpStatusCode.BadRequest, "PAGINATION_NUMBER_INVALID", HttpMethod.Get, "/v2/x/y/tags/list?n=-1");
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "NAME_UNKNOWN", HttpMethod.Get, "/v2/x/tags/list");
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_page_is_never_larger_than_the_registry_allows(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket, new() { PageSize = 2 });
        for (var i = 0; i < 5; i++)
            fixture.Registry.PushImage("x", $"v{i}");

        List<string> tags = [];
        var pages = 0;
        for (var address = "/v2/x/tags/list?n=1000"; address.Length > 0; pages++)
        {
            var page = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, address);
            tags.AddRange(await EntriesAsync(page, "tags"));
            address = NextPage(page);
        }

        Assert.Equal(["v0", "v1", "v2", "v3", "v4"], tags);
        Assert.Equal(3, pages);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task The_catalog_lists_the_repositories_that_contain_images(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);
        fixture.Registry.PushImage("b", "demo");
        fixture.Registry.PushImage("a/c", "demo");
        await fixture.PushBlobAsync("blobs-only", [1]);

        var first = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/_catalog?n=1");
        Assert.Equal(["a/c"], await EntriesAsync(first, "repositories"));
        Assert.Equal(
            ["b"],
            await EntriesAsync(await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, NextPage(first)), "repositories")
        );
        Assert.Equal(["a/c", "b"], fixture.Registry.Repositories);
    }

    private static string NextPage(HttpResponseMessage page)
    {
        var link = RegistryFixture.Header(page, "Link");
        if (link.Length == 0)
            return "";
        Assert.EndsWith("; rel=\"next\"", link, StringComparison.Ordinal);
        return link[1..link.IndexOf('>', StringComparison.Ordinal)];
    }

    private static async Task<IEnumerable<string>> EntriesAsync(HttpResponseMessage page, string name) =>
        (await RegistryFixture.JsonAsync(page))[name]!.AsArray().Select((JsonNode? entry) => entry!.GetValue<string>());
}
