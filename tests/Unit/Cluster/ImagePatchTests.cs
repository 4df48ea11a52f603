using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>R3, with responses of Kubernetes 1.20: a failed test and an invalid pointer are both 422 without a cause.</summary>
public sealed class ImagePatchTests
{
    private static readonly string[] Containers = ["spec", "template", "spec", "containers"];
    private static readonly ResourcePath Web = new("apps", "v1", "deployments", "shop", "web");
    private static readonly string TestFailed = FakeApiServer.Status(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request"
    );

    [Fact]
    public async Task The_patch_tests_name_and_image_and_replaces_only_the_image()
    {
        using var server = FakeApiServer.Always(200, "{}");

        Assert.Equal(ImagePatchOutcome.Swapped, await SwapAsync(server));

        var patch = JsonNode.Parse(Assert.Single(server.Requests).Body)!.AsArray();
        Assert.Equal(
            [
                "test /spec/template/spec/containers/1/name main",
                "test /spec/template/spec/containers/1/image r/a:1",
                "replace /spec/template/spec/containers/1/image r/a:2",
            ],
            patch.Select(step => $"{step!["op"]} {step["path"]} {step["value"]}")
        );
    }

    [Theory]
    [InlineData("""[{"name":"side"},{"name":"main","image":"r/a:9"}]""")]
    [InlineData("""[{"name":"side"},{"name":"other","image":"r/a:1"}]""")]
    [InlineData("""[{"name":"main","image":"r/a:1"}]""")]
    [InlineData("""[{"name":"side"},null]""")]
    [InlineData("null")]
    public async Task A_container_that_has_changed_is_not_an_error(string containers)
    {
        using FakeApiServer server = new(request =>
            request.Method == "PATCH"
                ? FakeApiServer.Answer(422, TestFailed)
                : FakeApiServer.Answer(
                    200,
                    """{"spec":{"template":{"spec":{"containers":HERE}}}}""".Replace("HERE", containers, StringComparison.Ordinal)
                )
        );

        Assert.Equal(ImagePatchOutcome.Changed, await SwapAsync(server));
    }

    [Fact]
    public async Task A_concurrent_change_is_not_an_error() =>
        Assert.Equal(
            ImagePatchOutcome.Changed,
            await SwapAsync(FakeApiServer.Always(409, FakeApiServer.Status(409, "Conflict", "modified")))
        );

    [Fact]
    public async Task A_deleted_object_is_not_an_error() =>
        Assert.Equal(
            ImagePatchOutcome.Gone,
            await SwapAsync(FakeApiServer.Always(404, FakeApiServer.Status(404, "NotFound", "not found")))
        );

    [Fact]
    public async Task An_object_that_is_deleted_after_the_patch_is_gone()
    {
        using FakeApiServer server = new(request =>
            request.Method == "PATCH"
                ? FakeApiServer.Answer(422, TestFailed)
                : FakeApiServer.Answer(404, FakeApiServer.Status(404, "NotFound", "not found"))
        );

        Assert.Equal(ImagePatchOutcome.Gone, await SwapAsync(server));
    }

    [Fact]
    public async Task A_rejected_image_is_an_error()
    {
        using FakeApiServer server = new(request =>
            request.Method == "PATCH"
                ? FakeApiServer.Answer(422, FakeApiServer.Status(422, "Invalid", "Required value"))
                : FakeApiServer.Answer(
                    200,
                    """{"spec":{"template":{"spec":{"containers":[{"name":"side"},{"name":"main","image":"r/a:1"}]}}}}"""
                )
        );

        var error = await Assert.ThrowsAsync<CvException>(() => SwapAsync(server));

        Assert.Equal("ResourceInvalid", error.ErrorId);
    }

    [Theory]
    [InlineData(403, "Forbidden", "ClusterRefused")]
    [InlineData(500, "InternalError", "ClusterFailed")]
    public async Task Other_failures_are_errors(int code, string reason, string errorId)
    {
        var error = await Assert.ThrowsAsync<CvException>(() =>
            SwapAsync(FakeApiServer.Always(code, FakeApiServer.Status(code, reason, "no")))
        );

        Assert.Equal(errorId, error.ErrorId);
    }

    private static async Task<ImagePatchOutcome> SwapAsync(FakeApiServer server)
    {
        using var cluster = server.Connect();
        return (await cluster.SwapImageAsync(Web, Containers, 1, "main", "r/a:1", "r/a:2", TestContext.Current.CancellationToken)).Outcome;
    }
}
