using Amazon.Runtime;
using Polly;
using Polly.Retry;

namespace CvManager.Registries.Ecr;

/// <summary>Sends requests to ECR within the registry's budget, with retries, and maps errors to those of registries.</summary>
/// <param name="client">Owned by the caller. Must not retry, so that each attempt counts against the budget.</param>
/// <param name="credentials">The credentials of the client.</param>
internal sealed class EcrCaller(AmazonECRClient client, EcrCredentials credentials, RequestBudget budget, RegistryClientOptions options)
{
    private readonly ResiliencePipeline _retries = Retries(options);

    /// <param name="operation">The operation, which is also the name of the permission: <c>DescribeImages</c>.</param>
    /// <param name="expected">An error code that the caller handles.</param>
    public async Task<T> CallAsync<T>(
        ImageRepository repository,
        string operation,
        Func<AmazonECRClient, CancellationToken, Task<T>> call,
        CancellationToken cancellationToken,
        string? expected = null
    )
    {
        try
        {
            return await _retries.ExecuteAsync(
                async token =>
                {
                    await budget.SpendAsync(repository, token);
                    // Resolving credentials may take further requests without an overall timeout.
                    using var limit = new CancellationTokenSource(options.RequestTimeout * 2, options.TimeProvider);
                    using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, token);
                    try
                    {
                        return await call(client, either.Token);
                    }
                    catch (AmazonServiceException e) when (EcrErrors.IsThrottling(e))
                    {
                        budget.ObserveThrottling();
                        throw;
                    }
                },
                cancellationToken
            );
        }
        catch (Exception e)
            when (EcrErrors.Handles(e)
                && !cancellationToken.IsCancellationRequested
                && (expected is null || (e as AmazonServiceException)?.ErrorCode != expected)
            )
        {
            throw EcrErrors.From(repository, operation, options.RequestTimeout, e, credentials.Secrets);
        }
    }

    private static ResiliencePipeline Retries(RegistryClientOptions options)
    {
        ResiliencePipelineBuilder builder = new() { TimeProvider = options.TimeProvider };
        if (options.Retries > 0)
        {
            builder.AddRetry(
                new RetryStrategyOptions
                {
                    MaxRetryAttempts = options.Retries,
                    Delay = options.RetryDelay,
                    BackoffType = DelayBackoffType.Exponential,
                    UseJitter = true,
                    ShouldHandle = arguments => ValueTask.FromResult(arguments.Outcome.Exception is { } e && EcrErrors.IsTransient(e)),
                }
            );
        }

        return builder.Build();
    }
}
