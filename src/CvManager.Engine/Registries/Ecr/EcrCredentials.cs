using Amazon.Runtime;
using Amazon.Runtime.Credentials.Internal;
using Amazon.Runtime.Identity;
using CvManager.Registries.Credentials;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.Registries.Ecr;

/// <summary>
/// The AWS credentials for one registry: an access key from the credential source; otherwise those of the SDK's default chain (environment,
/// profile, SSO, web identity, pod identity, instance), which renews them. Resolved before each request. Thread-safe.
/// </summary>
/// <param name="registry">The host name of the registry.</param>
/// <param name="chain">Null for the default chain.</param>
internal sealed class EcrCredentials(
    ICredentialSource source,
    string registry,
    IIdentityResolver<AWSCredentials>? chain = null,
    ILogger? logger = null
) : IIdentityResolverConfiguration, IIdentityResolver<AWSCredentials>
{
    // Sources are queried by repository; any one of the registry will do.
    private readonly ImageRepository _any = ImageRepository.Parse($"{registry}/any");

    private readonly CredentialLog _log = new(logger ?? NullLogger.Instance);

    /// <summary>The secrets of the last request.</summary>
    public Secrets Secrets { get; private set; } = Secrets.None;

    public IIdentityResolver GetIdentityResolver<T>()
        where T : BaseIdentity =>
        typeof(T) == typeof(AWSCredentials) ? this : DefaultIdentityResolverConfiguration.Instance.GetIdentityResolver<T>();

    public async Task<AWSCredentials> ResolveIdentityAsync(IClientConfig clientConfig, CancellationToken cancellationToken = default)
    {
        if ((await source.FindAllAsync(_any, cancellationToken)).FirstOrDefault(IsAccessKey) is { } given)
        {
            Secrets = given.Secrets;
            _log.Used(registry, $"the access key of {given.Source}");
            return new BasicAWSCredentials(given.UserName, given.Password);
        }

        var all =
            chain ?? (IIdentityResolver<AWSCredentials>)DefaultIdentityResolverConfiguration.Instance.GetIdentityResolver<AWSCredentials>();
        ImmutableCredentials now;
        try
        {
            var found = await all.ResolveIdentityAsync(clientConfig, cancellationToken);
            // The signer reads credentials synchronously: resolve them here.
            now = await found.GetCredentialsAsync().WaitAsync(cancellationToken);
            _log.Used(registry, SourceOf(found));
        }
        catch (Exception e) when (AwsProfile.IsSsoLoginMissing(e) && AwsProfile.FindSsoProfile() is { } profile)
        {
            throw new SsoLoginRequiredException(profile, e);
        }

        Secrets = new Secrets(now.SecretKey, now.Token);
        return now.UseToken
            ? new SessionAWSCredentials(now.AccessKey, now.SecretKey, now.Token)
            : new BasicAWSCredentials(now.AccessKey, now.SecretKey);
    }

    /// <summary>Whether the source has a credential for the OCI endpoint, as from 'docker login', and no access key.</summary>
    public async ValueTask<bool> HasDockerLoginAsync(CancellationToken cancellationToken) =>
        await source.FindAllAsync(_any, cancellationToken) is { Count: > 0 } given && !given.Any(IsAccessKey);

    /// <summary>Whether AWS credentials are available.</summary>
    public async ValueTask<bool> AreAvailableAsync(IClientConfig clientConfig, CancellationToken cancellationToken)
    {
        try
        {
            await ResolveIdentityAsync(clientConfig, cancellationToken);
            return true;
        }
        catch (Exception e) when (EcrErrors.Handles(e) && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private static string SourceOf(AWSCredentials found) =>
        found switch
        {
            EnvironmentVariablesAWSCredentials => "the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            AssumeRoleWithWebIdentityCredentials => "the AWS web identity of AWS_WEB_IDENTITY_TOKEN_FILE",
            GenericContainerCredentials => "the AWS role of the pod or container",
            // The SDK's class for the role of the instance is internal.
            _ => AwsProfile.Exists ? $"AWS profile '{AwsProfile.Name}'" : "the AWS role of the instance",
        };

    // Credentials of 'docker login' to ECR have the user name AWS and expire after 12 hours.
    private static bool IsAccessKey(RegistryCredential given) =>
        given.UserName.Length >= 16 && given.UserName.StartsWith("AKIA", StringComparison.Ordinal);

    async Task<BaseIdentity> IIdentityResolver.ResolveIdentityAsync(IClientConfig clientConfig, CancellationToken cancellationToken) =>
        await ResolveIdentityAsync(clientConfig, cancellationToken);

    /// <remarks>Not called by the asynchronous operations of the SDK.</remarks>
    public AWSCredentials ResolveIdentity(IClientConfig clientConfig) =>
        throw new NotSupportedException("ECR is called asynchronously only.");

    BaseIdentity IIdentityResolver.ResolveIdentity(IClientConfig clientConfig) => ResolveIdentity(clientConfig);
}
