using CvManager.Cluster;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

public sealed class JsonPatchTests
{
    private static readonly ResourcePath Web = new("", "v1", "services", "shop", "web");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Operations_keep_their_order_and_names_are_escaped()
    {
        string[] label = ["spec", "selector", "example.com/a~b"];

        var patch = new JsonPatch().Test(label, "blue").Add(label, "green").Replace(["spec", "replicas"], 3);

        Assert.Equal(
            ["test /spec/selector/example.com~1a~0b blue", "add /spec/selector/example.com~1a~0b green", "replace /spec/replicas 3"],
            patch.Body.AsArray().Select(step => $"{step!["op"]} {step["path"]} {step["value"]}")
        );
    }

    [Theory]
    [InlineData(404, "NotFound")]
    [InlineData(409, "Conflict")]
    [InlineData(422, "Invalid")]
    public async Task An_object_that_has_changed_is_not_patched_and_not_an_error(int code, string reason)
    {
        using var server = FakeApiServer.Always(code, FakeApiServer.Status(code, reason, "no"));
        using var cluster = server.Connect();

        Assert.Null(await cluster.TryPatchAsync(Web, new JsonPatch().Test(["a"], 1), Token));
    }

    [Fact]
    public async Task A_refused_patch_is_an_error()
    {
        using var server = FakeApiServer.Always(403, FakeApiServer.Status(403, "Forbidden", "no"));
        using var cluster = server.Connect();

        var error = await Assert.ThrowsAsync<CvException>(() => cluster.TryPatchAsync(Web, new JsonPatch().Test(["a"], 1), Token));

        Assert.Equal(ErrorIds.ClusterRefused, error.ErrorId);
    }
}
