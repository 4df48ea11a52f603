using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Registries.Ecr;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Registries.Ecr;

public sealed class EcrLoginTests : IDisposable
{
    private static readonly FixedCredential Key = new(RegistryCredential.OfPassword("AKIAIOSFODNN7EXAMPLE", "secret"));

    private const string Host = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    private static readonly ImageRepository Repository = ImageRepository.Parse($"{Host}/team/app");

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly EcrService _service;
    private readonly HttpMessageInvoker _http;
    private readonly AmazonECRClient _client;
    private readonly EcrLogin _login;

    public EcrLoginTests()
    {
        _service = new EcrService { Time = _time };
        _http = new HttpMessageInvoker(_service);
        Assert.True(EcrHost.TryParse(Host, out var host));
        EcrCredentials credentials = new(Key, Host);
        _client = EcrConnection.Open(host, _http, credentials, TimeSpan.FromSeconds(10), TimeProvider.System);
        _login = new EcrLogin(
            new EcrCaller(
                _client,
                credentials,
                new RequestBudget(1000, 1000, TimeSpan.Zero, _time),
                new RegistryClientOptions { Retries = 0, TimeProvider = _time }
            ),
            Host,
            _time
        );
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _login.Dispose();
        _client.Dispose();
        _http.Dispose();
        _service.Dispose();
    }

    [Fact]
    public async Task A_token_is_used_until_shortly_before_it_expires()
    {
        var first = await _login.FindAsync(Repository, Token);
        _time.Advance(TimeSpan.FromHours(12) - TimeSpan.FromMinutes(6));
        var same = await _login.FindAsync(Repository, Token);
        _time.Advance(TimeSpan.FromMinutes(2));
        var renewed = await _login.FindAsync(Repository, Token);

        Assert.Equal(("AWS", "token-1"), (first?.UserName, first?.Password));
        Assert.Same(first, same);
        Assert.Equal("token-2", renewed?.Password);
    }

    [Fact]
    public async Task A_token_with_a_lifetime_of_two_seconds_is_renewed_in_time()
    {
        _service.TokenLife = TimeSpan.FromSeconds(2);

        await _login.FindAsync(Repository, Token);
        _time.Advance(TimeSpan.FromSeconds(1.7));
        Assert.Equal("token-1", (await _login.FindAsync(Repository, Token))?.Password);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal("token-2", (await _login.FindAsync(Repository, Token))?.Password);
    }

    [Fact]
    public async Task Concurrent_callers_share_one_token_request()
    {
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _login.FindAsync(Repository, Token).AsTask()));

        Assert.Single(_service.Requests);
    }

    [Fact]
    public async Task The_token_is_not_returned_for_another_registry()
    {
        Assert.Null(await _login.FindAsync(ImageRepository.Parse("registry.example.com/team/app"), Token));
        Assert.Null(await _login.FindAsync(ImageRepository.Parse("210987654321.dkr.ecr.us-east-1.amazonaws.com/team/app"), Token));
        Assert.Empty(_service.Requests);
    }

    [Fact]
    public async Task A_missing_permission_is_named()
    {
        _service.Fault = (_, _) => EcrService.Error("AccessDeniedException", "not allowed");

        var error = await Assert.ThrowsAsync<CvException>(async () => await _login.FindAsync(Repository, Token));

        Assert.Equal("RegistryForbidden", error.ErrorId);
        Assert.Contains("ecr:GetAuthorizationToken", error.Message, StringComparison.Ordinal);
    }
}
