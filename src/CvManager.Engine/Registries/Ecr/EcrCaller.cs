using Amazon.Runtime;
using Polly;
using Polly.Retry;

namespace CvManager.Registries.Ecr;

/// <summary>Sends requests to ECR: within the registry's budget, again where that may help, and failing in the words of all registries.</summary>
/// <param name="client">Belongs to the caller. Retries nothing itself: each attempt counts.</param>
/// <param name="credentials">Those of the client.</param>
internal sealed class EcrCaller(AmazonECRClient client, EcrCredentials credentials, RequestBudget budget, RegistryClientOptions options)
{
    private readonly ResiliencePipeline _retries = Retries(options);

    /// <param name="operation">The operation's name, which is the permission's, too: <c>DescribeImages</c>.</param>
    /// <param name="expected">An error code that is the caller's to handle.</param>
    public async Task<T> CallAsync<T>(
        ImageRepository repository, string operation, Func<AmazonECRClient, CancellationToken, Task<T>> call, CancellationToken cancellationToken, string? expected = null)
    {
        try
        {
            return await _retries.ExecuteAsync(async token =>
            {
                await budget.SpendAsync(repository, token).ConfigureAwait(false);
                // Finding the credentials may take requests of its own, which have no limit in all.
                using var limit = new CancellationTokenSource(options.RequestTimeout * 2, options.TimeProvider);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, token);
                try
                {
                    return await call(client, either.Token).ConfigureAwait(false);
                }
                catch (AmazonServiceException e) when (EcrErrors.IsThrottling(e))
                {
                    budget.HeedRefusal();
                    throw;
                }
            }, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (EcrErrors.Handles(e) && !cancellationToken.IsCancellationRequested
            && (expected is null || (e as AmazonServiceException)?.ErrorCode != expected))
        {
            throw EcrErrors.From(repository, operation, options.RequestTimeout, e, credentials.Secrets);
        }
    }

    private static ResiliencePipeline Retries(RegistryClientOptions options)
    {
        ResiliencePipelineBuilder builder = new() { TimeProvider = options.TimeProvider };
        if (options.Retries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = options.Retries,
                Delay = options.RetryDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = arguments => ValueTask.FromResult(arguments.Outcome.Exception is { } e && EcrErrors.MayPass(e)),
            });
        }

        return builder.Build();
    }
}
