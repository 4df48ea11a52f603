using Xunit;

namespace CvManager.Unit;

/// <summary>The proxies of the environment, as Go's programs read them (golang.org/x/net/http/httpproxy).</summary>
public sealed class ProxySettingsTests
{
    [Theory]
    [InlineData("10.96.0.0/12", "https://10.96.0.1:443", true)]
    [InlineData("10.96.0.1/12", "https://10.111.255.255", true)]
    [InlineData("10.96.0.0/12", "https://10.112.0.1", false)]
    [InlineData("10.96.0.0/33", "https://10.96.0.1", false)]
    [InlineData("2001:db8::/32", "https://[2001:db8::7]:6443", true)]
    [InlineData("2001:db8::/32", "https://[2001:db9::7]:6443", false)]
    [InlineData("2001:db8::7", "https://[2001:db8:0::7]", true)]
    [InlineData("[2001:db8::7]:6443", "https://[2001:db8::7]:6443", true)]
    [InlineData("[2001:db8::7]:6443", "https://[2001:db8::7]", false)]
    [InlineData("10.0.0.1", "https://10.0.0.1", true)]
    [InlineData("10.0.0.1", "https://[::ffff:10.0.0.1]", true)]
    [InlineData("10.0.0.1:5000", "https://10.0.0.1:5000", true)]
    [InlineData("10.0.0.1:5000", "https://10.0.0.1:5001", false)]
    [InlineData("example.com", "https://example.com", true)]
    [InlineData("example.com", "https://api.example.com", true)]
    [InlineData("example.com", "https://badexample.com", false)]
    [InlineData("Example.COM.", "https://API.example.com", true)]
    [InlineData(".example.com", "https://api.example.com", true)]
    [InlineData(".example.com", "https://example.com", false)]
    [InlineData("*.example.com", "https://a.b.example.com", true)]
    [InlineData("example.com:443", "https://example.com", true)]
    [InlineData("example.com:8443", "https://example.com", false)]
    [InlineData(".svc,.cluster.local,10.0.0.0/8", "https://kubernetes.default.svc", true)]
    [InlineData(" a.test , ,b.test", "https://b.test", true)]
    [InlineData("a.test b.test", "https://b.test", true)]
    [InlineData("*", "https://anything.test", true)]
    [InlineData("10.0.*", "https://10.0.0.1", false)]
    [InlineData("", "https://localhost:8443", true)]
    [InlineData("", "https://127.8.9.10", true)]
    [InlineData("", "https://[::1]:8443", true)]
    [InlineData("", "https://example.com", false)]
    [InlineData(":,:80,[,]/,/8,::/", "https://example.com", false)]
    public void NO_PROXY_is_read_as_Go_reads_it(string noProxy, string destination, bool direct)
    {
        foreach (var name in new[] { "NO_PROXY", "no_proxy" })
        {
            var settings = Of(("HTTPS_PROXY", "http://proxy.test:3128"), (name, noProxy));

            Assert.Equal(direct, settings.IsBypassed(new Uri(destination)));
            Assert.Equal(direct ? null : new Uri("http://proxy.test:3128"), settings.GetProxy(new Uri(destination)));
        }
    }

    [Fact]
    public void Proxy_variables_per_scheme_are_read_in_upper_and_lower_case()
    {
        var settings = Of(("https_proxy", "secure.test:1"), ("HTTP_PROXY", "http://plain.test:2"), ("http_proxy", "http://other.test"));

        Assert.Equal("http://secure.test:1/", settings.GetProxy(new Uri("https://a.test"))?.ToString());
        Assert.Equal("http://plain.test:2/", settings.GetProxy(new Uri("http://a.test"))?.ToString());
        Assert.Equal("socks5://all.test:1080/", Of(("ALL_PROXY", "socks5h://all.test")).GetProxy(new Uri("https://a.test"))?.ToString());
        Assert.Null(Of().GetProxy(new Uri("https://a.test")));
    }

    [Fact]
    public void The_user_info_of_a_proxy_is_sent_to_it_and_removed_from_its_URL()
    {
        var settings = Of(("HTTPS_PROXY", "http://me:p%40ss@proxy.test:3128"));

        var proxy = settings.GetProxy(new Uri("https://a.test"))!;

        Assert.Equal("http://proxy.test:3128/", proxy.ToString());
        Assert.Equal(("me", "p@ss"), settings.GetCredential(proxy, "Basic") is { } login ? (login.UserName, login.Password) : default);
        Assert.Null(settings.GetCredential(new Uri("http://a.test"), "Basic"));
    }

    [Theory]
    [InlineData("ftp://me:s3cret@proxy.test")]
    [InlineData("http://")]
    [InlineData("http://me:s3cret@[")]
    public void An_invalid_proxy_is_reported_by_its_variable(string value)
    {
        var error = Assert.Throws<CvException>(() => Of(("https_proxy", value)));

        Assert.Equal(("ProxyInvalid", "https_proxy"), (error.ErrorId, error.Target));
        Assert.DoesNotContain("s3cret", error.ToString(), StringComparison.Ordinal);
    }

    private static ProxySettings Of(params (string Name, string Value)[] environment) =>
        ProxySettings.Of(name => environment.FirstOrDefault(variable => variable.Name == name).Value);
}
