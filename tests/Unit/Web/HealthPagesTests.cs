using System.Text;
using System.Text.Json.Nodes;
using CvManager.Web;
using Xunit;

namespace CvManager.Unit.Web;

public sealed class HealthPagesTests
{
    private string? _fault;
    private string[] _missing = [];

    [Fact]
    public async Task A_process_that_has_read_nothing_yet_is_alive_and_not_ready()
    {
        _missing = ["deployments.apps", "Lease cvmanager/cvmanager-controller"];

        Assert.Equal((200, "alive"), await GetAsync("/alive"));
        Assert.Equal((200, "ok"), await GetAsync("/healthz"));
        var (status, text) = await GetAsync("/readyz");
        Assert.Equal(503, status);
        Assert.All(_missing, name => Assert.Contains(name, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_process_that_has_read_everything_is_ready() => Assert.Equal((200, "ok"), await GetAsync("/readyz"));

    [Theory]
    [InlineData("/alive")]
    [InlineData("/healthz")]
    public async Task A_process_with_a_fault_is_not_alive_and_says_why(string path)
    {
        _fault = "the tag poller keeps failing";

        var (status, text) = await GetAsync(path);

        Assert.Equal(503, status);
        Assert.Contains(_fault, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_version_is_that_of_the_module()
    {
        var (status, text) = await GetAsync("/version");

        Assert.Equal(200, status);
        var version = JsonNode.Parse(text)!["version"]!.GetValue<string>();
        Assert.Equal(ProductVersion.Text, version);
        Assert.StartsWith(typeof(WebServer).Assembly.GetName().Version!.ToString(3), version, StringComparison.Ordinal);
        Assert.DoesNotContain('+', version);
    }

    private async Task<(int Status, string Text)> GetAsync(string path)
    {
        var route = HealthPages.Create(() => _fault, () => _missing).Single(route => route.Path == path);
        Assert.True(route.IsProbe);
        var response = await route.Page(
            new PageRequest("GET", path, "", new Dictionary<string, string>()),
            TestContext.Current.CancellationToken
        );
        return (response.StatusCode, Encoding.UTF8.GetString(response.Body.Span));
    }
}
