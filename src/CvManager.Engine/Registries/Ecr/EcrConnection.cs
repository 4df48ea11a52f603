using Amazon;
using Amazon.Runtime;

namespace CvManager.Registries.Ecr;

/// <summary>Makes the clients of ECR registries, over the connections that all registries share.</summary>
internal static class EcrConnection
{
    /// <param name="host">Tells region and endpoint; AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_ECR go before it.</param>
    /// <param name="http">Belongs to the caller, and outlives the client.</param>
    /// <param name="credentials">Those of the registry.</param>
    /// <param name="timeout">The longest that one attempt may take.</param>
    public static AmazonECRClient Open(
        EcrHost host, HttpMessageInvoker http, EcrCredentials credentials, TimeSpan timeout)
    {
        AmazonECRConfig config = new()
        {
            RegionEndpoint = RegionEndpoint.GetBySystemName(host.Region),
            // With an AWS_ENDPOINT_URL, the SDK would take the region to sign for from that address.
            AuthenticationRegion = host.Region,
            UseFIPSEndpoint = host.Fips,
            UseDualstackEndpoint = host.DualStack,
            Timeout = timeout,
            // See EcrCaller: each attempt counts.
            MaxErrorRetry = 0,
            HttpClientFactory = new SharedConnections(http, timeout),
            IdentityResolverConfiguration = credentials,
        };
        return new AmazonECRClient(config);
    }

    private sealed class SharedConnections(HttpMessageInvoker http, TimeSpan timeout) : HttpClientFactory
    {
        // Holds nothing but the time limit: the SDK makes one for a request and disposes it afterwards.
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => new(new Forwarding(http)) { Timeout = timeout };

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => true;
    }

    private sealed class Forwarding(HttpMessageInvoker http) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            http.SendAsync(request, cancellationToken);
    }
}
