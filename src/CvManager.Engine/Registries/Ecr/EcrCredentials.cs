using Amazon.Runtime;
using Amazon.Runtime.Credentials.Internal;
using Amazon.Runtime.Identity;
using CvManager.Registries.Credentials;

namespace CvManager.Registries.Ecr;

/// <summary>
/// The AWS credentials for one registry: an access key, where a person gave one for it; otherwise what the SDK's own chain finds
/// (environment, profile, SSO, web identity, pod identity, instance), which renews what expires. Asked before each request. Thread-safe.
/// </summary>
/// <param name="registry">The host name that the access key is for.</param>
/// <param name="chain">Null for the SDK's own.</param>
internal sealed class EcrCredentials(ICredentialSource source, string registry, IIdentityResolver<AWSCredentials>? chain = null) : IIdentityResolverConfiguration, IIdentityResolver<AWSCredentials>
{
    // A source is asked by repository; which one of the registry's does not matter to it.
    private readonly ImageRepository _any = ImageRepository.Parse($"{registry}/any");

    /// <summary>Those of the last request.</summary>
    public Secrets Secrets { get; private set; } = Secrets.None;

    public IIdentityResolver GetIdentityResolver<T>()
        where T : BaseIdentity => typeof(T) == typeof(AWSCredentials) ? this : DefaultIdentityResolverConfiguration.Instance.GetIdentityResolver<T>();

    public async Task<AWSCredentials> ResolveIdentityAsync(IClientConfig clientConfig, CancellationToken cancellationToken = default)
    {
        if ((await source.FindAllAsync(_any, cancellationToken).ConfigureAwait(false)).FirstOrDefault(IsAccessKey) is { } given)
        {
            Secrets = given.Secrets;
            return new BasicAWSCredentials(given.UserName, given.Password);
        }

        IIdentityResolver<AWSCredentials> all = chain
            ?? (IIdentityResolver<AWSCredentials>)DefaultIdentityResolverConfiguration.Instance.GetIdentityResolver<AWSCredentials>();
        AWSCredentials found = await all.ResolveIdentityAsync(clientConfig, cancellationToken).ConfigureAwait(false);
        // The signer asks synchronously: what it gets is at hand.
        ImmutableCredentials now = await found.GetCredentialsAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        Secrets = new Secrets(now.SecretKey, now.Token);
        return now.UseToken ? new SessionAWSCredentials(now.AccessKey, now.SecretKey, now.Token) : new BasicAWSCredentials(now.AccessKey, now.SecretKey);
    }

    /// <summary>Whether the source has a login to the registry's OCI endpoint, as 'docker login' leaves it, rather than an access key.</summary>
    public async ValueTask<bool> HasDockerLoginAsync(CancellationToken cancellationToken) =>
        await source.FindAllAsync(_any, cancellationToken).ConfigureAwait(false) is { Count: > 0 } given && !given.Any(IsAccessKey);

    /// <summary>Whether there are AWS credentials at all.</summary>
    public async ValueTask<bool> AreThereAsync(IClientConfig clientConfig, CancellationToken cancellationToken)
    {
        try
        {
            await ResolveIdentityAsync(clientConfig, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (EcrErrors.Handles(e) && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    // The logins of 'docker login' to ECR are called AWS and end after 12 hours.
    private static bool IsAccessKey(RegistryCredential given) =>
        given.UserName.Length >= 16 && given.UserName.StartsWith("AKIA", StringComparison.Ordinal);

    async Task<BaseIdentity> IIdentityResolver.ResolveIdentityAsync(IClientConfig clientConfig, CancellationToken cancellationToken) =>
        await ResolveIdentityAsync(clientConfig, cancellationToken).ConfigureAwait(false);

    /// <remarks>The SDK's asynchronous calls, the only ones in use, do not come here.</remarks>
    public AWSCredentials ResolveIdentity(IClientConfig clientConfig) => throw new NotSupportedException("ECR is called asynchronously only.");

    BaseIdentity IIdentityResolver.ResolveIdentity(IClientConfig clientConfig) => ResolveIdentity(clientConfig);
}
