using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Amazon;
using Amazon.Runtime;
using Amazon.Runtime.Credentials.Internal;
using Amazon.Runtime.Endpoints;
using Amazon.Runtime.Internal;
using Amazon.Runtime.Internal.Auth;
using Amazon.Runtime.Internal.Transform;
using Amazon.Runtime.Internal.Util;
using Amazon.Util.Internal;

namespace CvManager.Registries.Ecr;

// The five operations of Amazon ECR that CvManager uses, on the pipeline of AWSSDK.Core (credentials, signing, retries, endpoints), with
// the names of the package AWSSDK.ECR, which can replace this file. The protocol is AWS JSON 1.1 as in the Amazon ECR API reference (API
// version 2015-09-21).

/// <summary>Amazon ECR. Thread-safe.</summary>
internal sealed class AmazonECRClient : AmazonServiceClient
{
    public AmazonECRClient(AmazonECRConfig config)
        : base(config) { }

    protected override IServiceMetadata ServiceMetadata { get; } = new Metadata();

    public Task<BatchDeleteImageResponse> BatchDeleteImageAsync(
        BatchDeleteImageRequest request,
        CancellationToken cancellationToken = default
    ) =>
        InvokeAsync<BatchDeleteImageResponse>(
            request,
            Operation<BatchDeleteImageRequest, BatchDeleteImageResponse>.Options,
            cancellationToken
        );

    public Task<BatchGetImageResponse> BatchGetImageAsync(BatchGetImageRequest request, CancellationToken cancellationToken = default) =>
        InvokeAsync<BatchGetImageResponse>(request, Operation<BatchGetImageRequest, BatchGetImageResponse>.Options, cancellationToken);

    public Task<DescribeImagesResponse> DescribeImagesAsync(DescribeImagesRequest request, CancellationToken cancellationToken = default) =>
        InvokeAsync<DescribeImagesResponse>(request, Operation<DescribeImagesRequest, DescribeImagesResponse>.Options, cancellationToken);

    public Task<GetAuthorizationTokenResponse> GetAuthorizationTokenAsync(
        GetAuthorizationTokenRequest request,
        CancellationToken cancellationToken = default
    ) =>
        InvokeAsync<GetAuthorizationTokenResponse>(
            request,
            Operation<GetAuthorizationTokenRequest, GetAuthorizationTokenResponse>.Options,
            cancellationToken
        );

    public Task<PutImageResponse> PutImageAsync(PutImageRequest request, CancellationToken cancellationToken = default) =>
        InvokeAsync<PutImageResponse>(request, Operation<PutImageRequest, PutImageResponse>.Options, cancellationToken);

    protected override void CustomizeRuntimePipeline(RuntimePipeline pipeline)
    {
        pipeline.RemoveHandler<EndpointResolver>();
        pipeline.AddHandlerAfter<Marshaller>(new Endpoints());
        pipeline.AddHandlerAfter<Endpoints>(new Authentication());
    }

    private sealed class Metadata : IServiceMetadata
    {
        public string ServiceId => "ECR";

        public IDictionary<string, string> OperationNameMapping { get; } = new Dictionary<string, string>();
    }

    private sealed class Endpoints : BaseEndpointResolver
    {
        protected override EndpointParameters MapEndpointsParameters(IRequestContext requestContext) =>
            AmazonECRConfig.ParametersOf((AmazonECRConfig)requestContext.ClientConfig);
    }

    private sealed class Authentication : BaseAuthResolverHandler
    {
        protected override List<IAuthSchemeOption> ResolveAuthOptions(IExecutionContext executionContext) => AuthSchemeOption.DEFAULT_SIGV4;
    }

    /// <summary>Serializes the requests and responses of an operation.</summary>
    private sealed class Operation<TRequest, TResponse> : JsonResponseUnmarshaller, IMarshaller<IRequest, AmazonWebServiceRequest>
        where TRequest : AmazonWebServiceRequest
        where TResponse : AmazonWebServiceResponse
    {
        private static readonly Operation<TRequest, TResponse> Instance = new();

        public static InvokeOptions Options { get; } = new() { RequestMarshaller = Instance, ResponseUnmarshaller = Instance };

        public IRequest Marshall(AmazonWebServiceRequest input)
        {
            var name = typeof(TRequest).Name[..^"Request".Length];
            DefaultRequest request = new(input, "Amazon.ECR") { HttpMethod = "POST", ResourcePath = "/" };
            request.Headers["X-Amz-Target"] = "AmazonEC2ContainerRegistry_V20150921." + name;
            request.Headers["Content-Type"] = "application/x-amz-json-1.1";
            request.Content = JsonSerializer.SerializeToUtf8Bytes((TRequest)input, ECRJson.Options);
            return request;
        }

        public override AmazonWebServiceResponse Unmarshall(JsonUnmarshallerContext context)
        {
            try
            {
                return JsonSerializer.Deserialize<TResponse>(context.Stream, ECRJson.Options)
                    ?? throw new AmazonUnmarshallingException("The response is empty.", null, new JsonException());
            }
            catch (JsonException e)
            {
                throw new AmazonUnmarshallingException("The response is not valid JSON.", null, e);
            }
        }

        public override AmazonServiceException UnmarshallException(
            JsonUnmarshallerContext context,
            Exception innerException,
            HttpStatusCode statusCode
        )
        {
            try
            {
                StreamingUtf8JsonReader reader = new(context.Stream);
                var error = JsonErrorResponseUnmarshaller.GetInstance().Unmarshall(context, ref reader);
                return new AmazonECRException(error.Message, innerException, error.Type, error.Code, error.RequestId, statusCode);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or AmazonClientException)
            {
                // The page of a proxy or a truncated body: the status code is sufficient.
                return new AmazonECRException($"HTTP status {(int)statusCode}", innerException, ErrorType.Unknown, "", "", statusCode);
            }
        }
    }
}

/// <summary>The configuration of the client. The SDK applies AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_ECR.</summary>
internal sealed class AmazonECRConfig : ClientConfig
{
    public AmazonECRConfig()
        : base(
            new DefaultConfigurationProvider([
                new DefaultConfiguration
                {
                    Name = DefaultConfigurationMode.Standard,
                    RetryMode = RequestRetryMode.Standard,
                    ConnectTimeout = TimeSpan.FromSeconds(5),
                },
            ])
        )
    {
        ServiceId = "ECR";
        AuthenticationServiceName = "ecr";
        EndpointProvider = new EndpointsOfRegions();
        DefaultConfigurationMode = DefaultConfigurationMode.Standard;
    }

    public override string RegionEndpointServiceName => "api.ecr";

    public override string ServiceVersion => "2015-09-21";

    public override string UserAgent { get; } = InternalSDKUtils.BuildUserAgentString("ECR", "4.0");

    public override Endpoint DetermineServiceOperationEndpoint(ServiceOperationEndpointParameters parameters) =>
        EndpointProvider.ResolveEndpoint(ParametersOf(this));

    internal static EndpointParameters ParametersOf(AmazonECRConfig config)
    {
        EndpointParameters parameters = new();
        parameters["Region"] = config.RegionEndpoint?.SystemName ?? config.AuthenticationRegion;
        parameters["UseDualStack"] = config.UseDualstackEndpoint;
        parameters["UseFIPS"] = config.UseFIPSEndpoint;
        parameters["Endpoint"] = config.ServiceURL;
        return parameters;
    }

    /// <summary>The endpoints of "Amazon ECR endpoints and quotas" in the AWS General Reference.</summary>
    private sealed class EndpointsOfRegions : IEndpointProvider
    {
        public Endpoint ResolveEndpoint(EndpointParameters parameters)
        {
            if (parameters["Endpoint"] is string { Length: > 0 } given)
                return new Endpoint(given);
            if (parameters["Region"] is not string { Length: > 0 } name)
                throw new AmazonClientException("No AWS region configured for ECR.");
            var region = RegionEndpoint.GetBySystemName(name);
            var fips = parameters["UseFIPS"] is true;
            return new Endpoint(
                (region.PartitionName, parameters["UseDualStack"] is true) switch
                {
                    ("aws-cn", true) => $"https://ecr.{name}.api.amazonwebservices.com.cn",
                    (_, true) => $"https://ecr{(fips ? "-fips" : "")}.{name}.api.aws",
                    ("aws" or "aws-us-gov", false) when fips => $"https://ecr-fips.{name}.{region.PartitionDnsSuffix}",
                    _ => $"https://api.ecr{(fips ? "-fips" : "")}.{name}.{region.PartitionDnsSuffix}",
                }
            );
        }
    }
}

/// <summary>An error of the service; <see cref="AmazonServiceException.ErrorCode"/> has the name from the API reference.</summary>
internal sealed class AmazonECRException(
    string message,
    Exception? innerException,
    ErrorType errorType,
    string errorCode,
    string requestId,
    HttpStatusCode statusCode
) : AmazonServiceException(message, innerException, errorType, errorCode, requestId, statusCode);

internal static class ECRJson
{
    public static JsonSerializerOptions Options { get; } =
        new(JsonSerializerDefaults.General)
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            Converters = { new EpochSeconds() },
        };

    /// <summary>AWS JSON represents times as Unix time in seconds with fractions.</summary>
    private sealed class EpochSeconds : JsonConverter<DateTime>
    {
        public override DateTime Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var seconds) && seconds is > 0 and < 253_402_300_799
                ? DateTime.UnixEpoch.AddSeconds(seconds)
                : throw new JsonException("Invalid time.");

        public override void Write(Utf8JsonWriter writer, DateTime value, JsonSerializerOptions options) =>
            writer.WriteNumberValue((value.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds);
    }
}

internal sealed class BatchDeleteImageRequest : AmazonWebServiceRequest
{
    public List<ImageIdentifier>? ImageIds { get; set; }

    public string? RegistryId { get; set; }

    public string? RepositoryName { get; set; }
}

internal sealed class BatchDeleteImageResponse : AmazonWebServiceResponse
{
    public List<ImageFailure>? Failures { get; set; }

    public List<ImageIdentifier>? ImageIds { get; set; }
}

internal sealed class BatchGetImageRequest : AmazonWebServiceRequest
{
    public List<string>? AcceptedMediaTypes { get; set; }

    /// <summary>1 to 100.</summary>
    public List<ImageIdentifier>? ImageIds { get; set; }

    public string? RegistryId { get; set; }

    public string? RepositoryName { get; set; }
}

internal sealed class BatchGetImageResponse : AmazonWebServiceResponse
{
    public List<ImageFailure>? Failures { get; set; }

    public List<Image>? Images { get; set; }
}

internal sealed class DescribeImagesRequest : AmazonWebServiceRequest
{
    public DescribeImagesFilter? Filter { get; set; }

    /// <summary>1 to 100; not together with <see cref="MaxResults"/> and <see cref="NextToken"/>.</summary>
    public List<ImageIdentifier>? ImageIds { get; set; }

    /// <summary>1 to 1000.</summary>
    public int? MaxResults { get; set; }

    public string? NextToken { get; set; }

    public string? RegistryId { get; set; }

    public string? RepositoryName { get; set; }
}

internal sealed class DescribeImagesFilter
{
    /// <summary><c>TAGGED</c>, <c>UNTAGGED</c> or <c>ANY</c>.</summary>
    public string? TagStatus { get; set; }
}

internal sealed class DescribeImagesResponse : AmazonWebServiceResponse
{
    public List<ImageDetail>? ImageDetails { get; set; }

    public string? NextToken { get; set; }
}

internal sealed class GetAuthorizationTokenRequest : AmazonWebServiceRequest;

internal sealed class GetAuthorizationTokenResponse : AmazonWebServiceResponse
{
    public List<AuthorizationData>? AuthorizationData { get; set; }
}

internal sealed class PutImageRequest : AmazonWebServiceRequest
{
    public string? ImageDigest { get; set; }

    public string? ImageManifest { get; set; }

    public string? ImageManifestMediaType { get; set; }

    public string? ImageTag { get; set; }

    public string? RegistryId { get; set; }

    public string? RepositoryName { get; set; }
}

internal sealed class PutImageResponse : AmazonWebServiceResponse
{
    public Image? Image { get; set; }
}

internal sealed class AuthorizationData
{
    /// <summary>base64 of <c>AWS:password</c>; a secret.</summary>
    public string? AuthorizationToken { get; set; }

    public DateTime? ExpiresAt { get; set; }

    public string? ProxyEndpoint { get; set; }
}

internal sealed class Image
{
    public ImageIdentifier? ImageId { get; set; }

    public string? ImageManifest { get; set; }

    public string? ImageManifestMediaType { get; set; }

    public string? RegistryId { get; set; }

    public string? RepositoryName { get; set; }
}

internal sealed class ImageDetail
{
    /// <summary>The type of the manifest's configuration: an image's, or another artifact's.</summary>
    public string? ArtifactMediaType { get; set; }

    public string? ImageDigest { get; set; }

    public string? ImageManifestMediaType { get; set; }

    public DateTime? ImagePushedAt { get; set; }

    public List<string>? ImageTags { get; set; }
}

internal sealed class ImageFailure
{
    /// <summary><c>ImageNotFound</c>, <c>ImageReferencedByManifestList</c>, …</summary>
    public string? FailureCode { get; set; }

    public string? FailureReason { get; set; }

    public ImageIdentifier? ImageId { get; set; }
}

internal sealed class ImageIdentifier
{
    public string? ImageDigest { get; set; }

    public string? ImageTag { get; set; }
}
