using System.Net;
using Amazon.Runtime;

namespace CvManager.Registries.Ecr;

/// <summary>What goes wrong with ECR, in the words of all registries.</summary>
internal static class EcrErrors
{
    /// <param name="repository">What was asked for.</param>
    /// <param name="operation">The operation, which is the permission's name, too: <c>DescribeImages</c>.</param>
    /// <param name="timeout">The time limit of one attempt.</param>
    /// <param name="error">Nothing that <see cref="Handles"/> refuses. It is no inner exception of the result: it quotes the service.</param>
    /// <param name="secrets">What the service was told.</param>
    public static CvException From(ImageRepository repository, string operation, TimeSpan timeout, Exception error, Secrets secrets)
    {
        string said = RemoteText.Show(error.Message, secrets);
        return error switch
        {
            AmazonUnmarshallingException => RegistryErrors.Invalid(repository, said),
            AmazonServiceException service => From(repository, operation, service, said),
            AnswerTooLargeException large => RegistryErrors.TooLarge(repository, "a response", large.Limit),
            AmazonClientException { InnerException: AnswerTooLargeException large } => RegistryErrors.TooLarge(repository, "a response", large.Limit),
            HttpRequestException { InnerException: AddressRefusedException refused } => RegistryErrors.AddressRefused(repository, refused.Host, refused.Address),
            not AmazonServiceException when TlsFault.Of(error) is { } fault => RegistryErrors.TlsFailed(repository, fault),
            AmazonClientException { InnerException: OperationCanceledException late } => RegistryErrors.TimedOut(repository, timeout, late),
            OperationCanceledException late => RegistryErrors.TimedOut(repository, timeout, late),
            HttpRequestException or WebException or IOException => RegistryErrors.Unreachable(repository, said),
            AmazonClientException { InnerException: HttpRequestException or IOException } => RegistryErrors.Unreachable(repository, said),
            _ => Unidentified(repository, said),
        };
    }

    /// <summary>Whether an exception of the SDK is an answer of the service or the network; anything else is a defect.</summary>
    public static bool Handles(Exception error) =>
        error is AmazonServiceException or AmazonClientException or OperationCanceledException or HttpRequestException or WebException or IOException;

    public static bool IsThrottling(AmazonServiceException error) =>
        error.ErrorCode is "ThrottlingException" or "Throttling" or "TooManyRequestsException" or "RequestLimitExceeded" || (int)error.StatusCode == 429;

    /// <summary>Whether the same request may do better a moment later.</summary>
    public static bool MayPass(Exception error) => error switch
    {
        AmazonUnmarshallingException or AnswerTooLargeException or AmazonClientException { InnerException: AnswerTooLargeException } => false,
        AmazonServiceException service => IsThrottling(service) || IsOutage(service),
        AmazonClientException client => client.InnerException is HttpRequestException or IOException,
        _ => error is HttpRequestException or IOException,
    };

    private static bool IsOutage(AmazonServiceException error) => (int)error.StatusCode is >= 500 or 0 || error.ErrorCode == "ServerException";

    private static CvException From(ImageRepository repository, string operation, AmazonServiceException error, string said)
    {
        switch (error.ErrorCode)
        {
            case "RepositoryNotFoundException":
                return RegistryErrors.RepositoryNotFound(repository, said);
            case "AccessDeniedException" or "AccessDenied":
                return RegistryErrors.Forbidden(repository, "ecr:" + operation, said);
            case "UnrecognizedClientException" or "InvalidClientTokenId" or "InvalidSignatureException" or "SignatureDoesNotMatch"
                or "ExpiredTokenException" or "ExpiredToken" or "MissingAuthenticationTokenException" or "IncompleteSignatureException":
                return RegistryErrors.Unauthorized(repository, loggedIn: true, said);
            case "ImageTagAlreadyExistsException":
                return new CvException(ErrorIds.RegistryTagImmutable, CvErrorKind.Conflict,
                    $"The tags of '{repository}' are immutable: {said}",
                    "Environment tags must be mutable: make the repository's tags mutable, or exclude the environment tags from immutability.")
                { Target = repository.ToString() };
            case "ReferencedImagesNotFoundException":
                return RegistryErrors.ImageIncomplete(repository, "(pushed)", said);
            default:
                if (IsThrottling(error))
                    return RegistryErrors.RateLimited(repository, null);
                return IsOutage(error)
                    ? RegistryErrors.Unreachable(repository, $"{error.StatusCode} {said}".Trim())
                    : RegistryErrors.Refused(repository, $"ecr:{operation}", (int)error.StatusCode, said, error.ErrorCode);
        }
    }

    // All other exceptions come from the credential chain: no credentials, an unusable profile or role, no region.
    private static CvException Unidentified(ImageRepository repository, string said) =>
        new(ErrorIds.RegistryUnauthorized, CvErrorKind.Unauthenticated, $"No AWS credentials found for '{repository}': {said}",
            "Assign a role to the pod (IRSA, pod identity), set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run 'aws sso login'.")
        { Target = repository.ToString() };
}
