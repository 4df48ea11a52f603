using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Following;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Resources;
using CvManager.Support.Cluster;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Following;

public sealed class RegistryLoginsTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly FakeApiServer _server = new();
    private readonly ClusterConnection _cluster;
    private readonly RegistryCatalog _catalog;
    private readonly RegistryLogins _logins;

    public RegistryLoginsTests()
    {
        _cluster = _server.Connect();
        _catalog = new RegistryCatalog(
            new RegistryClientOptions { TimeProvider = _time },
            FixedCredential.Anonymous,
            new HttpClientHandler()
        );
        _logins = new RegistryLogins(_cluster, _catalog, new(_time, NullLogger.Instance));
    }

    public void Dispose()
    {
        _logins.Dispose();
        _catalog.Dispose();
        _cluster.Dispose();
    }

    [Fact]
    public async Task Missing_Secrets_do_not_create_a_login()
    {
        HashSet<RegistryLogin> logins = [];
        for (var i = 0; i < 20; i++)
            logins.Add(await Of($"cv-{i}", "ns", $"none-{i}"));

        Assert.Equal("", Assert.Single(logins).Name);
    }

    [Fact]
    public async Task Resources_share_a_login_only_if_they_have_the_same_credentials()
    {
        Put("ns", "one", "registry.test", "ci", "p");
        Put("other", "two", "registry.test", "ci", "p");
        Put("ns", "three", "registry.test", "ci", "q");
        Put("ns", "elsewhere", "registry.example", "ci", "p");

        var login = await Of("a", "ns", "one");

        Assert.Same(login, await Of("b", "other", "two"));
        Assert.NotSame(login, await Of("c", "ns", "three"));
        Assert.Equal("", (await Of("d", "ns", "elsewhere")).Name);
        Assert.DoesNotContain("p", login.Name["pull-secret-".Length..], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_login_and_its_budgets_are_released_when_it_is_no_longer_used()
    {
        for (var i = 0; i < 4000; i++)
        {
            Put("ns", $"s-{i}", "registry.test", "ci", $"password {i}");
            (await Of("cv", "ns", $"s-{i}")).Registries.For(App);
            _time.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.Equal(1, _logins.Count);
        Assert.InRange(_catalog.Budgets.Count, 1, 1001);
        _logins.Release("ns/cv");
        Assert.Equal(0, _logins.Count);
    }

    [Fact]
    public async Task A_Secret_is_read_again_once_when_its_login_is_rejected_for_many_resources()
    {
        Put("ns", "one", "registry.test", "ci", "old");
        var old = await Of("a", "ns", "one");
        Put("ns", "one", "registry.test", "ci", "new");
        Assert.Same(old, await Of("a", "ns", "one"));
        _time.Advance(TimeSpan.FromSeconds(11));
        _server.Requests.Clear();

        for (var i = 0; i < 10; i++)
            Assert.NotSame(old, await Of($"cv-{i}", "ns", "one", refresh: true));

        Assert.Single(_server.Requests);
    }

    [Fact]
    public void A_catalog_keeps_a_bounded_number_of_clients_and_budgets()
    {
        for (var i = 0; i < 3000; i++)
        {
            _catalog.For(ImageRepository.Parse($"r{i}.test/app"));
            _time.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.InRange(_catalog.Budgets.Count, 500, 1001);
        Assert.Same(_catalog.For(ImageRepository.Parse("r2999.test/app")), _catalog.For(ImageRepository.Parse("r2999.test/other")));
    }

    private static ImageRepository App => ImageRepository.Parse("registry.test/app");

    private ValueTask<RegistryLogin> Of(string name, string ns, string secret, bool refresh = false) =>
        _logins.OfAsync(
            new ContainerVersion
            {
                Metadata = new ResourceMetadata { Name = name, Namespace = ns },
                Spec = new ContainerVersionSpec { ImageRepo = "registry.test/app", ImagePullSecrets = [secret] },
            },
            [],
            refresh,
            TestContext.Current.CancellationToken
        );

    private void Put(string ns, string name, string registry, string user, string password)
    {
        JsonObject login = new() { ["username"] = user, ["password"] = password };
        var config = new JsonObject { ["auths"] = new JsonObject { [registry] = login } }.ToJsonString();
        _server.Put(
            $"/api/v1/namespaces/{ns}/secrets/{name}",
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = name },
                ["data"] = new JsonObject { [".dockerconfigjson"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(config)) },
            }
        );
    }
}
