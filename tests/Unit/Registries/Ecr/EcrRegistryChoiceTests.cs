using Amazon.Runtime;
using Amazon.Runtime.Identity;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Registries.Ecr;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Registries.Ecr;

/// <summary>The choice between the API and the OCI endpoint of ECR.</summary>
public sealed class EcrRegistryChoiceTests
{
    private static readonly ImageRepository App = ImageRepository.Parse("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app");
    private static readonly RegistryCredential DockerLogin = RegistryCredential.OfPassword("AWS", "token-of-today");

    private readonly FakeTimeProvider _time = new();
    private readonly Chain _chain = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true, true, "api")]
    [InlineData(true, false, "api")]
    [InlineData(false, false, "api")]
    [InlineData(false, true, "endpoint")]
    public async Task AWS_credentials_take_precedence_over_a_docker_login(bool aws, bool login, string expected)
    {
        _chain.Found = aws ? new BasicAWSCredentials("AKIAIOSFODNN7EXAMPLE", "secret") : null;

        var choice = Choice(login ? DockerLogin : null);

        Assert.Equal(expected, (await choice.FindTagAsync(App, "demo", Token))?.Digest);
        Assert.Equal(expected == "api" ? 100 : 1, choice.TagsPerRequest);
    }

    [Fact]
    public async Task A_specified_access_key_is_used_for_the_API() =>
        Assert.Equal(
            "api",
            (await Choice(RegistryCredential.OfPassword("AKIAIOSFODNN7EXAMPLE", "secret")).FindTagAsync(App, "demo", Token))?.Digest
        );

    [Fact]
    public async Task AWS_credentials_that_are_added_later_are_found()
    {
        var choice = Choice(DockerLogin);
        await choice.FindTagAsync(App, "demo", Token);
        await choice.FindTagAsync(App, "demo", Token);
        Assert.Equal(1, _chain.Resolutions);

        _chain.Found = new BasicAWSCredentials("AKIAIOSFODNN7EXAMPLE", "secret");
        _time.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal("api", (await choice.FindTagAsync(App, "demo", Token))?.Digest);
    }

    private EcrRegistryChoice Choice(RegistryCredential? given) =>
        new(
            new Named("api", 100),
            new Named("endpoint", 1),
            new EcrCredentials(new FixedCredential(given), App.Registry, _chain),
            new AmazonECRConfig(),
            _time
        );

    private sealed class Chain : IIdentityResolver<AWSCredentials>
    {
        public AWSCredentials? Found { get; set; }

        public int Resolutions { get; private set; }

        public Task<AWSCredentials> ResolveIdentityAsync(IClientConfig clientConfig, CancellationToken cancellationToken = default)
        {
            Resolutions++;
            return Found is null ? throw new AmazonClientException("Failed to resolve AWS credentials.") : Task.FromResult(Found);
        }

        async Task<BaseIdentity> IIdentityResolver.ResolveIdentityAsync(IClientConfig clientConfig, CancellationToken cancellationToken) =>
            await ResolveIdentityAsync(clientConfig, cancellationToken);

        public AWSCredentials ResolveIdentity(IClientConfig clientConfig) => throw new NotSupportedException();

        BaseIdentity IIdentityResolver.ResolveIdentity(IClientConfig clientConfig) => throw new NotSupportedException();
    }

    /// <summary>A registry that identifies itself.</summary>
    private sealed class Named(string name, int tagsPerRequest) : IRegistry
    {
        public int TagsPerRequest => tagsPerRequest;

        public Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
            Task.FromResult<TagDigest?>(new TagDigest(name));

        public Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
            ImageRepository repository,
            IReadOnlyCollection<string> tags,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public IAsyncEnumerable<RegistryTag> ListTagsAsync(ImageRepository repository, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
            ImageRepository repository,
            string digest,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public Task RequireCompleteAsync(ImageRepository repository, string indexDigest, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
