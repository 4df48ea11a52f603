using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Records;

public sealed class VersionConfigMapTests : IAsyncLifetime
{
    private static readonly ConfigSpec Config = new() { Name = "app-version", Key = "version" };
    private InProcessCluster _cluster = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _cluster = await InProcessCluster.StartAsync();

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task A_missing_ConfigMap_is_created_and_an_up_to_date_one_is_not_written()
    {
        await Write("2222222");
        _cluster.Requests.Clear();
        await Write("2222222");

        Assert.Empty(_cluster.Writes);
        Assert.Equal("""{"version":"2222222"}""", (await _cluster.DataAsync("app-version")).ToJsonString());
    }

    [Fact]
    public async Task Other_keys_are_kept()
    {
        await _cluster.CreateConfigMapAsync("app-version", new JsonObject { ["colour"] = "blue", ["version"] = "1111111" });

        await Write("2222222");

        Assert.Equal("""{"colour":"blue","version":"2222222"}""", (await _cluster.DataAsync("app-version")).ToJsonString());
    }

    [Fact]
    public async Task A_ConfigMap_created_by_another_client_at_the_same_time_keeps_its_keys()
    {
        var raced = false;
        _cluster.Faults = request =>
        {
            if (request.Method == HttpMethod.Post && !raced)
            {
                raced = true;
                return new RequestFault { StatusCode = 409, Reason = "AlreadyExists" };
            }

            return RequestFault.None;
        };

        await Write("2222222");

        Assert.True(raced);
        Assert.Equal("2222222", (await _cluster.DataAsync("app-version"))["version"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"version":"mine"}""")]
    [InlineData("""{"ca.crt":"mine"}""")]
    public async Task A_key_that_another_client_wrote_is_not_changed(string data)
    {
        await CreateAsOtherAsync(data, null);

        var refused = await Assert.ThrowsAsync<CvException>(() => Write("2222222"));

        Assert.Equal(("ConfigMapNotOwned", CvErrorKind.Forbidden), (refused.ErrorId, refused.Kind));
        Assert.Equal(data, (await _cluster.DataAsync("app-version")).ToJsonString());
    }

    [Theory]
    [InlineData("version", true)]
    [InlineData("other, version", true)]
    [InlineData("versions", false)]
    public async Task A_key_that_the_ConfigMap_allows_is_written(string annotation, bool isWritten)
    {
        await CreateAsOtherAsync("""{"version":"mine"}""", annotation);

        var refused = await Xunit.Record.ExceptionAsync(() => Write("2222222"));

        Assert.Equal(isWritten, refused is null);
        Assert.Equal(isWritten ? "2222222" : "mine", (await _cluster.DataAsync("app-version"))["version"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_key_that_an_earlier_version_of_CvManager_wrote_is_updated()
    {
        // There is no annotation; only the field manager identifies the writer.
        await CreateAsOtherAsync("""{"colour":"blue"}""", null);
        await _cluster.Connection.PatchAsync(
            InProcessCluster.ConfigMap("app-version"),
            PatchKind.Merge,
            JsonNode.Parse("""{"data":{"version":"1111111"}}""")!,
            Token
        );

        await Write("2222222");

        Assert.Equal("2222222", (await _cluster.DataAsync("app-version"))["version"]!.GetValue<string>());
    }

    private Task<JsonObject> CreateAsOtherAsync(string data, string? annotation) =>
        _cluster.Connection.PatchAsync(
            InProcessCluster.ConfigMap("app-version"),
            PatchKind.Apply,
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "ConfigMap",
                ["metadata"] = new JsonObject
                {
                    ["name"] = "app-version",
                    ["annotations"] = annotation is null ? null : new JsonObject { [VersionConfigMap.KeysAnnotation] = annotation },
                },
                ["data"] = JsonNode.Parse(data),
            },
            Token,
            "somebody-else"
        );

    private Task Write(string version) =>
        new VersionConfigMap(_cluster.Connection, new(TimeProvider.System, _cluster.Log)).WriteAsync("shop", Config, version, Token);
}
