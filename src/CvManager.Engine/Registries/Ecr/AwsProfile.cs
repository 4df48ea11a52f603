using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;

namespace CvManager.Registries.Ecr;

/// <summary>The profile of the AWS configuration that the SDK's default chain uses.</summary>
internal static class AwsProfile
{
    /// <summary>More profiles that name one another as their source are a mistake.</summary>
    private const int MaxSources = 5;

    /// <summary>As the SDK and the AWS CLI choose it.</summary>
    public static string Name => Environment.GetEnvironmentVariable("AWS_PROFILE") is { Length: > 0 } name ? name : "default";

    /// <summary>Whether the configuration has the profile.</summary>
    public static bool Exists => new CredentialProfileStoreChain().TryGetProfile(Name, out _);

    /// <summary>The name of the profile, or of the one that it takes its credentials from, that needs a login by SSO; null if none does.</summary>
    public static string? FindSsoProfile()
    {
        CredentialProfileStoreChain profiles = new();
        var name = Name;
        for (var sources = 0; sources < MaxSources && name is { Length: > 0 }; sources++)
        {
            if (!profiles.TryGetProfile(name, out var profile))
                return null;
            if (profile.Options.SsoSession is { Length: > 0 } || profile.Options.SsoStartUrl is { Length: > 0 })
                return name;
            name = profile.Options.SourceProfile;
        }

        return null;
    }

    /// <summary>
    /// True if a login helps: no token was sent, because it is missing or has expired, or the service refused it. False for a role that may
    /// not be used, and for failures of the network.
    /// </summary>
    public static bool IsSsoLoginMissing(Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            if (e is AmazonServiceException service)
                return (int)service.StatusCode == 401 || service.ErrorCode is "InvalidGrantException" or "ExpiredTokenException";
            if (e is HttpRequestException or IOException or OperationCanceledException)
                return false;
        }

        return error is AmazonClientException;
    }
}

/// <summary>The SSO login of a profile is missing, has expired, or was revoked.</summary>
internal sealed class SsoLoginRequiredException(string profile, Exception inner) : AmazonClientException(inner.Message, inner)
{
    public string Profile => profile;
}
