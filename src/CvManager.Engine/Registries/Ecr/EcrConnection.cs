using System.Net.Http.Headers;
using Amazon;
using Amazon.Runtime;
using CvManager.Registries.Oci;

namespace CvManager.Registries.Ecr;

/// <summary>Makes the clients of ECR registries, over the connections that all registries share.</summary>
internal static class EcrConnection
{
    /// <param name="host">Tells region and endpoint; AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_ECR go before it.</param>
    /// <param name="http">Belongs to the caller, and outlives the client.</param>
    /// <param name="credentials">Those of the registry.</param>
    /// <param name="timeout">The longest that one attempt may take.</param>
    public static AmazonECRClient Open(
        EcrHost host, HttpMessageInvoker http, EcrCredentials credentials, TimeSpan timeout, TimeProvider time)
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
            HttpClientFactory = new SharedConnections(http, timeout, time),
            IdentityResolverConfiguration = credentials,
        };
        return new AmazonECRClient(config);
    }

    private sealed class SharedConnections(HttpMessageInvoker http, TimeSpan timeout, TimeProvider time) : HttpClientFactory
    {
        // Holds nothing: the SDK makes one for a request and disposes it afterwards.
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => new(new Forwarding(http, timeout, time)) { Timeout = Timeout.InfiniteTimeSpan };

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => true;
    }

    /// <summary>Reads each answer whole, in a bounded time and to a bounded size, before the SDK sees it: its own limits are for headers.</summary>
    private sealed class Forwarding(HttpMessageInvoker http, TimeSpan timeout, TimeProvider time) : HttpMessageHandler
    {
        /// <summary>A hundred manifests of 4 MiB would be more; no index or image of real life is near a hundredth of that.</summary>
        private const int LongestAnswer = 32 * 1024 * 1024;
        private const int LongestRefusal = 64 * 1024;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var limit = new CancellationTokenSource(timeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            HttpResponseMessage answer = await http.SendAsync(request, either.Token).ConfigureAwait(false);
            try
            {
                // The beginning of a refusal says what it is about, or is no JSON.
                byte[] body = answer.IsSuccessStatusCode
                    ? await BoundedContent.ReadAsync(answer.Content, LongestAnswer, either.Token).ConfigureAwait(false) ?? throw new AnswerTooLargeException(LongestAnswer)
                    : await BoundedContent.ReadStartAsync(answer.Content, LongestRefusal, either.Token).ConfigureAwait(false);
                // The SDK would follow a redirect, wherever it leads; the service has none.
                answer.Headers.Location = null;
                HttpContentHeaders headers = answer.Content.Headers;
                using HttpContent unread = answer.Content;
                answer.Content = new ByteArrayContent(body);
                foreach ((string name, IEnumerable<string> values) in headers)
                {
                    if (!name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
                        answer.Content.Headers.TryAddWithoutValidation(name, values);
                }

                return answer;
            }
            catch
            {
                answer.Dispose();
                throw;
            }
        }
    }
}

/// <summary>An answer of ECR that is longer than any real one.</summary>
internal sealed class AnswerTooLargeException(int limit) : IOException($"The response exceeds {limit} bytes.")
{
    public int Limit => limit;
}
