using System.Management.Automation;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.Controller;

public sealed class InstallCvControllerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_writes_no_output_and_can_be_run_again()
    {
        await using DefinitionServer server = new();
        using var session = new PowerShellSession();
        var path = Write(server.Address);

        Assert.Empty(session.Invoke("Install-CvController -CrdOnly -KubeConfig $path", ("path", path)).AssertNoErrors().Output);
        Assert.Equal(
            "Unchanged",
            session.Invoke("Install-CvController -CrdOnly -KubeConfig $path -PassThru").Single().Properties["Outcome"].Value
        );

        Assert.Equal(1, server.Creations);
        Assert.True(JsonNode.DeepEquals(CustomResourceDefinition.Json["spec"], server.Stored!["spec"]));
    }

    [Fact]
    public async Task The_outcome_is_shown_as_a_table()
    {
        await using DefinitionServer server = new();
        using var session = new PowerShellSession();

        var text = PlainText.Of(
            session.Render("Install-CvController -CrdOnly -KubeConfig $path -PassThru", ("path", Write(server.Address)))
        );

        Facts.AssertIn(text, "CustomResourceDefinition", "containerversions.custom.k8s.io", "Created", $"{server.Address}");
    }

    [Fact]
    public async Task WhatIf_writes_nothing()
    {
        await using DefinitionServer server = new();
        using var session = new PowerShellSession();

        session
            .Invoke("Install-CvController -CrdOnly -KubeConfig $path -PassThru -WhatIf", ("path", Write(server.Address)))
            .AssertNoErrors();

        Assert.Null(server.Stored);
        Assert.Contains("containerversions.custom.k8s.io", session.Host.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_manifest_is_returned_without_a_cluster()
    {
        using var session = new PowerShellSession();

        var text = session
            .Invoke("Install-CvController -CrdOnly -AsYaml -KubeConfig $path", ("path", Path.Combine(_folder, "none")))
            .Single()
            .BaseObject;

        Assert.Equal(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "deploy", "crd.yaml")), text);
    }

    [Fact]
    public async Task A_missing_permission_is_named()
    {
        await using DefinitionServer server = new() { Forbidden = true };
        using var session = new PowerShellSession();

        var error = session.Invoke("Install-CvController -CrdOnly -KubeConfig $path", ("path", Write(server.Address))).Error();

        Assert.Equal("ClusterForbidden,CvManager.PowerShell.InstallCvControllerCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.PermissionDenied, error.CategoryInfo.Category);
        Assert.Contains("customresourcedefinitions", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    private string Write(string server)
    {
        var path = Path.Combine(_folder, "config");
        File.WriteAllText(path, KubeConfigs.For(server));
        return path;
    }

    /// <summary>A minimal API server on loopback for the custom resource definition.</summary>
    private sealed class DefinitionServer : IAsyncDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly Task _work;

        public DefinitionServer()
        {
            // HttpListener does not support port 0, so it tries random ports.
            while (true)
            {
                Address = $"http://127.0.0.1:{Random.Shared.Next(20000, 60000)}";
                _listener.Prefixes.Clear();
                _listener.Prefixes.Add(Address + "/");
                try
                {
                    _listener.Start();
                    break;
                }
                catch (HttpListenerException)
                {
                    _listener = new HttpListener();
                }
            }

            _work = ServeAsync();
        }

        public string Address { get; }

        public bool Forbidden { get; init; }

        public int Creations { get; private set; }

        public JsonObject? Stored { get; private set; }

        public async ValueTask DisposeAsync()
        {
            _listener.Close();
            await _work;
        }

        private async Task ServeAsync()
        {
            while (true)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }

                using StreamReader reader = new(context.Request.InputStream);
                var (code, body) = Answer(context.Request.HttpMethod, context.Request.Url!.AbsolutePath, await reader.ReadToEndAsync());
                context.Response.StatusCode = code;
                context.Response.ContentType = "application/json";
                await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(body));
                context.Response.Close();
            }
        }

        private (int Code, string Body) Answer(string method, string path, string body)
        {
            if (Forbidden)
                return (
                    403,
                    """{"kind":"Status","code":403,"reason":"Forbidden","message":"customresourcedefinitions is forbidden: User \"sam\" cannot get resource \"customresourcedefinitions\""}"""
                );
            if (path == "/apis/custom.k8s.io/v1")
                return (200, "{}");
            if (method == "GET" && Stored is null)
                return (404, """{"kind":"Status","code":404,"reason":"NotFound","message":"not found","details":{"name":"x"}}""");
            if (method is "POST" or "PUT")
            {
                Creations += method == "POST" ? 1 : 0;
                Stored = JsonNode.Parse(body)!.AsObject();
                Stored["metadata"]!["resourceVersion"] = "1";
                Stored["status"] = JsonNode.Parse("""{"conditions":[{"type":"Established","status":"True"}]}""");
            }

            return (200, Stored!.ToJsonString());
        }
    }
}
