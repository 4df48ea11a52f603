using System.Net;
using System.Text.Json.Nodes;
using CvManager.Installation;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Installation;

public sealed class ControllerHealthTests
{
    private const string Lease = """
        {"metadata":{"name":"cvmanager-controller","annotations":{"cvmanager/version":"1.2.3","cvmanager/synced-at":"2026-01-02T03:04:05Z",
        "cvmanager/scope":"shop,billing"}},"spec":{"holderIdentity":"HOLDER","acquireTime":"2026-01-02T03:04:00.000000Z"}}
        """;

    [Fact]
    public async Task A_ready_pod_that_holds_the_Lease_is_a_controller_that_works()
    {
        var health = await ReadAsync([Pod("cvmanager-a", "u1"), Pod("cvmanager-b", "u2")], "cvmanager-b_u2");

        Assert.True(health.IsReady);
        Assert.True(health.IsRolledOut);
        Assert.Null(health.ToError());
        Assert.Empty(health.Problems);
        Assert.Equal("ghcr.io/cvmanager/cvmanager:1.2.3", health.Image);
        var leader = health.Leader!;
        Assert.Equal(("cvmanager-b", "1.2.3"), (leader.Name, leader.Version));
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 0, TimeSpan.Zero), leader.Since);
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), leader.SyncedSince);
        Assert.Equal(["shop", "billing"], leader.Scope);
    }

    [Theory]
    [InlineData("cvmanager-gone_u9")]
    [InlineData("cvmanager-a_u1")]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_Lease_that_no_ready_pod_holds_is_a_controller_that_is_not_ready(string? holder)
    {
        var health = await ReadAsync([Pod("cvmanager-a", "u1", isReady: false), Pod("cvmanager-b", "u2")], holder);

        Assert.False(health.IsReady);
        Assert.Equal("ControllerNotReady", health.ToError()!.ErrorId);
        Assert.Contains(health.Problems, problem => problem.Contains("cvmanager/cvmanager-controller", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_image_that_cannot_be_pulled_is_named_with_its_reason()
    {
        var pod = Pod("cvmanager-a", "u1", isReady: false);
        pod["status"]!["containerStatuses"] = JsonNode.Parse(
            """[{"name":"controller","state":{"waiting":{"reason":"ImagePullBackOff","message":"manifest unknown"}}}]"""
        );

        var error = (await ReadAsync([pod], null)).ToError()!;

        Assert.Contains(
            error.Details,
            line =>
                line.Contains("cvmanager-a", StringComparison.Ordinal)
                && line.Contains("ImagePullBackOff", StringComparison.Ordinal)
                && line.Contains("manifest unknown", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_namespace_without_the_Deployment_has_no_controller()
    {
        FakeApiServer server = new(_ => FakeApiServer.Answer(200, """{"metadata":{"resourceVersion":"1"},"items":[]}"""));
        using var cluster = server.Connect();

        var health = await ControllerHealthReader.ReadAsync(
            cluster,
            "cvmanager",
            TimeProvider.System,
            TestContext.Current.CancellationToken
        );

        Assert.Equal("ControllerNotInstalled", health.ToError()!.ErrorId);
        Assert.Single(server.Requests);
    }

    private static JsonObject Pod(string name, string uid, bool isReady = true) =>
        new()
        {
            ["metadata"] = new JsonObject { ["name"] = name, ["uid"] = uid },
            ["spec"] = new JsonObject { ["nodeName"] = "node" },
            ["status"] = new JsonObject
            {
                ["phase"] = "Running",
                ["startTime"] = "2026-01-02T03:04:00Z",
                ["conditions"] = new JsonArray(
                    new JsonObject
                    {
                        ["type"] = "Ready",
                        ["status"] = isReady ? "True" : "False",
                        ["reason"] = "x",
                    }
                ),
            },
        };

    private static async Task<ControllerHealth> ReadAsync(JsonObject[] pods, string? holder)
    {
        var deployment = JsonNode.Parse(
            """
            {"metadata":{"name":"cvmanager","generation":2},
            "spec":{"replicas":2,"selector":{"matchLabels":{"app":"x"}},"template":{"spec":{"containers":[{"image":"ghcr.io/cvmanager/cvmanager:1.2.3"}]}}},
            "status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":2,"readyReplicas":2}}
            """
        )!;
        FakeApiServer server = new(request =>
            request.Path switch
            {
                "/apis/apps/v1/namespaces/cvmanager/deployments" => List(deployment),
                "/api/v1/namespaces/cvmanager/pods" => List([.. pods]),
                _ when holder is not null => FakeApiServer.Answer(200, Lease.Replace("HOLDER", holder, StringComparison.Ordinal)),
                _ => FakeApiServer.Answer((int)HttpStatusCode.NotFound, FakeApiServer.Status(404, "NotFound", "not found")),
            }
        );
        using var cluster = server.Connect();
        return await ControllerHealthReader.ReadAsync(cluster, "cvmanager", TimeProvider.System, TestContext.Current.CancellationToken);
    }

    private static HttpResponseMessage List(params JsonNode[] items) =>
        FakeApiServer.Answer(
            200,
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["resourceVersion"] = "1" },
                ["items"] = new JsonArray(items),
            }.ToJsonString()
        );
}
