using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>
/// What viewers see of the REST API of a controller whose own login is a client certificate of a cluster administrator. Their rights are
/// those that the API server says.
/// </summary>
public sealed class ViewerTests
{
    private const string Version = "aaaaaa1";

    [Fact]
    public async Task A_viewer_of_one_namespace_sees_that_one_and_nothing_of_another()
    {
        await using var mine = await Scene.CreateAsync("seen", Version);
        await using var other = await Scene.CreateAsync("hidden", Version);
        foreach (var scene in new[] { mine, other })
        {
            scene.MoveTag(Version);
            await scene.ApplyAsync(Manifests.Documents(Manifests.Workload("aaaaaa0"), Manifests.ContainerVersion("tag: demo")));
        }

        await mine.KubeCtlAsync("create", "serviceaccount", "viewer");
        await mine.KubeCtlAsync("create", "role", "viewer", "--verb=list", "--resource=containerversions.custom.k8s.io");
        await mine.KubeCtlAsync("create", "rolebinding", "viewer", "--role=viewer", $"--serviceaccount={mine.Namespace}:viewer");
        var viewer = await TokenAsync(mine);
        var administrator = KubeConfigFile.Read([new FileInfo(Servers.KubeConfig)]).Users!.First(user => user.Name == "admin").User!.Token!;
        var port = FreePort();
        await using var controller = ControllerProcess.StartIn(
            [mine.Namespace, other.Namespace],
            mine.Namespace,
            Servers.KubeConfig,
            $"-Context admin-cert -Port {port}"
        );
        await Task.WhenAll(mine.UntilSuccessAsync("app", Version), other.UntilSuccessAsync("app", Version));
        using HttpClient client = new(new SocketsHttpHandler { AllowAutoRedirect = false })
        {
            BaseAddress = new Uri($"http://localhost:{port}/v1/cv/"),
        };

        string[] lists = ["workloads", "workloads?format=html", "rollouts"];
        foreach (var path in lists)
        {
            var (status, text) = await GetAsync(path, viewer);
            Assert.Equal(HttpStatusCode.OK, status);
            Assert.Contains(mine.Namespace, text, StringComparison.Ordinal);
            Assert.DoesNotContain(other.Namespace, text, StringComparison.Ordinal);
            Assert.Contains(other.Namespace, (await GetAsync(path, administrator)).Text, StringComparison.Ordinal);
        }

        foreach (var path in lists.Append("workloads/app").Append("workloads/app?format=json").Append("workloads/gone"))
        {
            var (status, text) = await GetAsync(In(path, other.Namespace), viewer);
            Assert.Equal(HttpStatusCode.Forbidden, status);
            Assert.Equal((status, text), await GetAsync(In(path, "there-is-none"), viewer));
        }

        var history = (await GetAsync(In("workloads/app", mine.Namespace), viewer)).Text;
        Assert.StartsWith("Update occurred at:", history, StringComparison.Ordinal);
        Assert.EndsWith($":\nWorkload:app to version:{Version}\n", history, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(In("workloads/gone", mine.Namespace), viewer)).Status);

        // The controller's certificate must not answer for a viewer without a valid token.
        foreach (var token in new[] { null, "invalid", await TokenAsync(mine, "https://vault.example.com") })
        {
            foreach (var path in lists.Where(path => !path.Contains("html", StringComparison.Ordinal)).Append("workloads/app"))
                Assert.Equal((HttpStatusCode.Unauthorized, "Unauthorized"), await GetAsync(path, token));
            Assert.Equal(HttpStatusCode.SeeOther, (await GetAsync("workloads?format=html", token)).Status);
        }

        Assert.DoesNotContain(viewer, controller.Said, StringComparison.Ordinal);
        await controller.TerminateAsync();

        async Task<(HttpStatusCode Status, string Text)> GetAsync(string path, string? token)
        {
            using HttpRequestMessage request = new(HttpMethod.Get, path);
            request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    private static string In(string path, string ns) => $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}namespace={ns}";

    /// <summary>A token of the service account viewer (TokenRequest, authentication.k8s.io/v1).</summary>
    /// <param name="audience">Null for that of the API server.</param>
    private static async Task<string> TokenAsync(Scene scene, string? audience = null)
    {
        var review = await scene.Cluster.CreateAsync(
            new ResourcePath("", "v1", "serviceaccounts", scene.Namespace, "viewer", "token"),
            new JsonObject
            {
                ["apiVersion"] = "authentication.k8s.io/v1",
                ["kind"] = "TokenRequest",
                ["spec"] = audience is null ? [] : new JsonObject { ["audiences"] = new JsonArray(audience) },
            },
            TestContext.Current.CancellationToken
        );
        return review["status"]!["token"]!.GetValue<string>();
    }

    private static int FreePort()
    {
        using Socket probe = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }
}
