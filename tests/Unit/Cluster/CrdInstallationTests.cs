using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Support.Cluster;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Cluster;

public sealed class CrdInstallationTests
{
    private const string Collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_missing_definition_is_created()
    {
        Definitions definitions = new();

        Assert.Equal(CrdInstallationOutcome.Created, await InstallAsync(definitions.Answer));

        Assert.True(JsonNode.DeepEquals(CustomResourceDefinition.Json["spec"], definitions.Stored!["spec"]));
    }

    [Fact]
    public async Task An_identical_definition_is_unchanged_although_its_field_managers_change()
    {
        Definitions definitions = new();
        await InstallAsync(definitions.Answer);

        Assert.Equal(CrdInstallationOutcome.Unchanged, await InstallAsync(definitions.Answer));
    }

    [Fact]
    public async Task An_older_definition_is_updated_and_keeps_metadata_of_others()
    {
        Definitions definitions = new();
        await InstallAsync(definitions.Answer);
        definitions.Stored!["spec"]!["scope"] = "Cluster";
        definitions.Stored["metadata"]!["labels"] = new JsonObject { ["app.kubernetes.io/managed-by"] = "Helm" };
        definitions.Stored["metadata"]!["annotations"] = new JsonObject { ["meta.helm.sh/release-name"] = "cvm" };

        Assert.Equal(CrdInstallationOutcome.Updated, await InstallAsync(definitions.Answer));

        Assert.True(JsonNode.DeepEquals(CustomResourceDefinition.Json["spec"], definitions.Stored["spec"]));
        Assert.Equal("Helm", definitions.Stored["metadata"]!["labels"]!["app.kubernetes.io/managed-by"]!.GetValue<string>());
        Assert.Equal("cvm", definitions.Stored["metadata"]!["annotations"]!["meta.helm.sh/release-name"]!.GetValue<string>());
        Assert.StartsWith(
            "unapproved",
            definitions.Stored["metadata"]!["annotations"]!["api-approved.kubernetes.io"]!.GetValue<string>(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Concurrent_installations_both_succeed()
    {
        Definitions definitions = new();
        var overtaken = false;

        var outcome = await InstallAsync(request =>
        {
            if (request.Method == "POST" && !overtaken)
            {
                overtaken = true;
                definitions.Answer(request).Dispose();
            }

            return definitions.Answer(request);
        });

        Assert.Equal(CrdInstallationOutcome.Unchanged, outcome);
    }

    [Fact]
    public async Task A_definition_that_always_changes_concurrently_is_a_conflict()
    {
        Definitions definitions = new();
        await InstallAsync(definitions.Answer);

        var error = await Assert.ThrowsAsync<CvException>(() =>
            InstallAsync(request =>
                request.Method == "PUT"
                    ? FakeApiServer.Answer(409, FakeApiServer.Status(409, "Conflict", "modified"))
                    : definitions.Answer(request)
            )
        );

        Assert.Equal("ResourceConflict", error.ErrorId);
    }

    [Fact]
    public async Task Installation_waits_until_the_definition_is_established_and_served()
    {
        FakeTimeProvider time = new() { AutoAdvanceAmount = TimeSpan.FromMilliseconds(50) };
        Definitions definitions = new() { LooksUntilEstablished = 3, LooksUntilServed = 2 };

        var installation = InstallAsync(definitions.Answer, time);
        while (!installation.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        Assert.Equal(CrdInstallationOutcome.Created, await installation);
        Assert.Equal((0, 0), (definitions.LooksUntilEstablished, definitions.LooksUntilServed));
    }

    [Theory]
    [InlineData(int.MaxValue, 0)]
    [InlineData(0, int.MaxValue)]
    public async Task A_definition_that_is_never_served_is_an_error(int looksUntilEstablished, int looksUntilServed)
    {
        FakeTimeProvider time = new();
        Definitions definitions = new() { LooksUntilEstablished = looksUntilEstablished, LooksUntilServed = looksUntilServed };

        var installation = InstallAsync(definitions.Answer, time);
        while (!installation.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.Equal("CrdNotEstablished", (await Assert.ThrowsAsync<CvException>(() => installation)).ErrorId);
    }

    private static async Task<CrdInstallationOutcome> InstallAsync(Func<ApiRequest, HttpResponseMessage> answer, TimeProvider? time = null)
    {
        using FakeApiServer server = new(answer);
        using var cluster = server.Connect();
        return await CrdInstallation.InstallAsync(cluster, time ?? TimeProvider.System, Token);
    }

    /// <summary>
    /// An API server for one definition. Like Kubernetes 1.20, it changes the resource version on the first update after the creation even
    /// if nothing changes, and the generation only if the spec changes.
    /// </summary>
    private sealed class Definitions
    {
        private int _version;
        private int _generation;

        public JsonObject? Stored { get; private set; }

        public int LooksUntilEstablished { get; set; }

        public int LooksUntilServed { get; set; }

        public HttpResponseMessage Answer(ApiRequest request)
        {
            if (request.Path == $"/apis/{ContainerVersion.Group}/{ContainerVersion.Version}")
                return LooksUntilServed > 0 && LooksUntilServed-- > 0
                    ? FakeApiServer.Answer(404, "404 page not found\n")
                    : FakeApiServer.Answer(200, "{}");
            if (request.Method == "POST")
            {
                if (Stored is not null)
                    return FakeApiServer.Answer(409, FakeApiServer.Status(409, "AlreadyExists", "already exists"));
                Assert.Equal(Collection, request.Path);
                Store(request.Body);
            }
            else if (Stored is null)
            {
                return FakeApiServer.Answer(404, FakeApiServer.Status(404, "NotFound", "not found"));
            }
            else if (request.Method == "PUT")
            {
                Assert.Equal($"{_version}", JsonNode.Parse(request.Body)!["metadata"]!["resourceVersion"]!.GetValue<string>());
                Store(request.Body);
            }
            else if (LooksUntilEstablished > 0)
            {
                LooksUntilEstablished--;
            }

            var answer = (JsonObject)Stored!.DeepClone();
            answer["status"] = JsonNode.Parse(
                $$"""{"conditions":[{"type":"Established","status":"{{(LooksUntilEstablished == 0 ? "True" : "False")}}"}]}"""
            );
            return FakeApiServer.Answer(200, answer.ToJsonString());
        }

        private void Store(string body)
        {
            var next = JsonNode.Parse(body)!.AsObject();
            next.Remove("status");
            if (!JsonNode.DeepEquals(next["spec"], Stored?["spec"]))
                _generation++;
            next["metadata"]!["generation"] = _generation;
            next["metadata"]!["resourceVersion"] = $"{++_version}";
            Stored = next;
        }
    }
}
