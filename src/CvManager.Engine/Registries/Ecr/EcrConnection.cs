using Amazon;
using Amazon.Runtime;
using CvManager.Registries.Oci;

namespace CvManager.Registries.Ecr;

/// <summary>Creates the clients of ECR registries, which use the shared connections of all registries.</summary>
internal static class EcrConnection
{
    /// <param name="host">Determines region and endpoint; AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_ECR take precedence.</param>
    /// <param name="http">Owned by the caller; must outlive the client.</param>
    /// <param name="credentials">The credentials of the registry.</param>
    /// <param name="timeout">The timeout of one attempt.</param>
    public static AmazonECRClient Open(
        EcrHost host,
        HttpMessageInvoker http,
        EcrCredentials credentials,
        TimeSpan timeout,
        TimeProvider time
    )
    {
        AmazonECRConfig config = new()
        {
            RegionEndpoint = RegionEndpoint.GetBySystemName(host.Region),
            // Otherwise the SDK takes the region for signing from AWS_ENDPOINT_URL.
            AuthenticationRegion = host.Region,
            UseFIPSEndpoint = host.Fips,
            UseDualstackEndpoint = host.DualStack,
            Timeout = timeout,
            // EcrCaller retries, so that each attempt counts against the budget.
            MaxErrorRetry = 0,
            HttpClientFactory = new SharedConnections(http, timeout, time),
            IdentityResolverConfiguration = credentials,
        };
        return new AmazonECRClient(config);
    }

    private sealed class SharedConnections(HttpMessageInvoker http, TimeSpan timeout, TimeProvider time) : HttpClientFactory
    {
        // The SDK creates and disposes one for each request; it holds no resources.
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) =>
            new(new Forwarding(http, timeout, time)) { Timeout = Timeout.InfiniteTimeSpan };

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => true;
    }

    /// <summary>
    /// Reads each response body with limits for time and size before the SDK does: the SDK's own limits are for headers only.
    /// </summary>
    private sealed class Forwarding(HttpMessageInvoker http, TimeSpan timeout, TimeProvider time) : HttpMessageHandler
    {
        /// <summary>A hundred manifests of 4 MiB would exceed this, but real manifests are much smaller.</summary>
        private const int MaxResponseBytes = 32 * 1024 * 1024;
        private const int MaxErrorBytes = 64 * 1024;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var limit = new CancellationTokenSource(timeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            var response = await http.SendAsync(request, either.Token);
            try
            {
                // The beginning of an error response is sufficient.
                var body = response.IsSuccessStatusCode
                    ? await BoundedContent.ReadAsync(response.Content, MaxResponseBytes, either.Token)
                        ?? throw new ResponseTooLargeException(MaxResponseBytes)
                    : await BoundedContent.ReadStartAsync(response.Content, MaxErrorBytes, either.Token);
                // The SDK would follow any redirect; the service sends none.
                response.Headers.Location = null;
                var headers = response.Content.Headers;
                using var unread = response.Content;
                response.Content = new ByteArrayContent(body);
                foreach ((var name, var values) in headers)
                {
                    if (!name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
                        response.Content.Headers.TryAddWithoutValidation(name, values);
                }

                return response;
            }
            catch
            {
                response.Dispose();
                throw;
            }
        }
    }
}

/// <summary>A response of ECR exceeds the maximum size.</summary>
internal sealed class ResponseTooLargeException(int limit) : IOException($"The response exceeds {limit} bytes.")
{
    public int Limit => limit;
}
