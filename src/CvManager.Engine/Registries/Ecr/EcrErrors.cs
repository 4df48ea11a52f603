using System.Net;
using Amazon.Runtime;

namespace CvManager.Registries.Ecr;

/// <summary>Maps exceptions of the AWS SDK to the errors of registries.</summary>
internal static class EcrErrors
{
    /// <param name="repository">The requested repository.</param>
    /// <param name="operation">The operation, which is also the name of the permission: <c>DescribeImages</c>.</param>
    /// <param name="timeout">The timeout of one attempt.</param>
    /// <param name="error">An exception for which <see cref="Handles"/> is true. Not set as inner exception, because it quotes the
    /// service.</param>
    /// <param name="secrets">The secrets that were sent to the service.</param>
    public static CvException From(ImageRepository repository, string operation, TimeSpan timeout, Exception error, Secrets secrets)
    {
        // The SDK wraps the answer of STS: "Error calling AssumeRole for role ...".
        var message = RemoteText.Show(
            error is not AmazonServiceException && error.InnerException is AmazonServiceException reason
                ? $"{error.Message} {reason.Message}"
                : error.Message,
            secrets
        );
        return error switch
        {
            SsoLoginRequiredException or { InnerException: SsoLoginRequiredException } => SsoLoginRequired(
                repository,
                (error as SsoLoginRequiredException ?? (SsoLoginRequiredException)error.InnerException!).Profile
            ),
            AmazonUnmarshallingException => RegistryErrors.Invalid(repository, message),
            AmazonServiceException service => From(repository, operation, service, message),
            ResponseTooLargeException large => RegistryErrors.TooLarge(repository, "a response", large.Limit),
            AmazonClientException { InnerException: ResponseTooLargeException large } => RegistryErrors.TooLarge(
                repository,
                "a response",
                large.Limit
            ),
            HttpRequestException { InnerException: AddressRefusedException refused } => RegistryErrors.AddressRefused(
                repository,
                refused.Host,
                refused.Address
            ),
            not AmazonServiceException when TlsFault.Of(error) is { } fault => RegistryErrors.TlsFailed(repository, fault),
            AmazonClientException { InnerException: OperationCanceledException late } => RegistryErrors.TimedOut(repository, timeout, late),
            OperationCanceledException late => RegistryErrors.TimedOut(repository, timeout, late),
            HttpRequestException or WebException or IOException => RegistryErrors.Unreachable(repository, message),
            AmazonClientException { InnerException: HttpRequestException or IOException } => RegistryErrors.Unreachable(
                repository,
                message
            ),
            _ => Unidentified(repository, message),
        };
    }

    /// <summary>True for errors of the service or the network; other exceptions are defects.</summary>
    public static bool Handles(Exception error) =>
        error
            is AmazonServiceException
                or AmazonClientException
                or OperationCanceledException
                or HttpRequestException
                or WebException
                or IOException;

    public static bool IsThrottling(AmazonServiceException error) =>
        error.ErrorCode is "ThrottlingException" or "Throttling" or "TooManyRequestsException" or "RequestLimitExceeded"
        || (int)error.StatusCode == 429;

    /// <summary>True if a retry may succeed.</summary>
    public static bool IsTransient(Exception error) =>
        error switch
        {
            AmazonUnmarshallingException
            or ResponseTooLargeException
            or AmazonClientException { InnerException: ResponseTooLargeException } => false,
            AmazonServiceException service => IsThrottling(service) || IsOutage(service),
            AmazonClientException client => client.InnerException is HttpRequestException or IOException,
            _ => error is HttpRequestException or IOException,
        };

    private static bool IsOutage(AmazonServiceException error) =>
        (int)error.StatusCode is >= 500 or 0 || error.ErrorCode == "ServerException";

    private static CvException From(ImageRepository repository, string operation, AmazonServiceException error, string message)
    {
        switch (error.ErrorCode)
        {
            case "RepositoryNotFoundException":
                return RegistryErrors.RepositoryNotFound(repository, message);
            case "AccessDeniedException" or "AccessDenied":
                return RegistryErrors.Forbidden(repository, "ecr:" + operation, message);
            case "UnrecognizedClientException"
            or "InvalidClientTokenId"
            or "InvalidSignatureException"
            or "SignatureDoesNotMatch"
            or "ExpiredTokenException"
            or "ExpiredToken"
            or "MissingAuthenticationTokenException"
            or "IncompleteSignatureException":
                return RegistryErrors.Unauthorized(repository, loggedIn: true, message);
            case "ImageTagAlreadyExistsException":
                return new CvException(
                    ErrorIds.RegistryTagImmutable,
                    CvErrorKind.Conflict,
                    $"The tags of '{repository}' are immutable: {message}",
                    "Environment tags must be mutable: make the repository's tags mutable, or exclude the environment tags from "
                        + "immutability."
                )
                {
                    Target = repository.ToString(),
                };
            case "ReferencedImagesNotFoundException":
                return RegistryErrors.ImageIncomplete(repository, "(pushed)", message);
            default:
                if (IsThrottling(error))
                    return RegistryErrors.RateLimited(repository, null);
                return IsOutage(error)
                    ? RegistryErrors.Unreachable(repository, $"{error.StatusCode} {message}".Trim())
                    : RegistryErrors.Refused(repository, $"ecr:{operation}", (int)error.StatusCode, message, error.ErrorCode);
        }
    }

    // All other exceptions come from the credential chain: no credentials, an unusable profile or role, no region.
    private static CvException Unidentified(ImageRepository repository, string message) =>
        new(
            ErrorIds.RegistryUnauthorized,
            CvErrorKind.Unauthenticated,
            $"No AWS credentials found for '{repository}': {message}",
            "Assign a role to the pod (IRSA, pod identity), set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                + "run 'aws sso login'."
        )
        {
            Target = repository.ToString(),
        };

    private static CvException SsoLoginRequired(ImageRepository repository, string profile) =>
        new(
            ErrorIds.RegistrySsoLoginRequired,
            CvErrorKind.Unauthenticated,
            $"No AWS credentials found for '{repository}': the SSO login of profile '{RemoteText.Show(profile)}' is missing or has expired.",
            $"Run 'aws sso login --profile {RemoteText.Show(profile)}'."
        )
        {
            Target = repository.ToString(),
        };
}
