using System.Net;

namespace CvManager.Simulation;

/// <summary>All that one controller process sends goes through one of these; when the process is killed, nothing gets through any more.</summary>
internal sealed class Lifeline(string name)
{
    /// <summary>Several times what a simulation takes.</summary>
    private const int MostRequests = 10_000;

    private readonly TaskCompletionSource _cut = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How many it has sent.</summary>
    public int Requests { get; private set; }

    public string Name => name;

    /// <summary>Its number among the process's requests is the last one; null for none.</summary>
    public int? LastRequest { get; set; }

    /// <summary>The last request still has its effect, but its answer is not seen.</summary>
    public bool LastHasEffect { get; set; }

    /// <summary>It asked so much that something must be wrong; it is heard no more.</summary>
    public bool GoesInCircles => Requests > MostRequests;

    /// <summary>Ends when the process is dead.</summary>
    public Task Cut => _cut.Task;

    public void Sever() => _cut.TrySetResult();

    /// <summary>Counts a request. The dead send nothing, and hear nothing.</summary>
    public async Task<HttpResponseMessage> PassAsync(Func<Task<HttpResponseMessage>> send, CancellationToken cancellationToken)
    {
        bool last = ++Requests == LastRequest;
        if (GoesInCircles)
            Sever();
        if (!_cut.Task.IsCompleted && (!last || LastHasEffect))
        {
            Actor.Current = name;
            HttpResponseMessage response = await send().ConfigureAwait(false);
            if (!last && !_cut.Task.IsCompleted)
                return response;
            response.Dispose();
        }

        Sever();
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        throw new InvalidOperationException("The dead hear nothing.");
    }
}

/// <summary>The way to the API server.</summary>
internal sealed class ClusterLink(HttpMessageHandler server, Lifeline life, Mutant? mutant) : DelegatingHandler(server)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => life.PassAsync(
        () => mutant is null ? base.SendAsync(request, cancellationToken) : mutant.SendAsync(request, r => base.SendAsync(r, cancellationToken), cancellationToken),
        cancellationToken);
}

/// <summary>The way to the registry: what comes back is what is known of the tags.</summary>
internal sealed class RegistryLink(HttpMessageHandler server, Lifeline life, History history, TimeProvider time, Mutant? mutant) : DelegatingHandler(server)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => life.PassAsync(async () =>
    {
        for (int i = mutant?.Extra ?? 0; i >= 0; i--)
            history.RegistryRequests.Add(($"{life.Name} {request.Headers.Authorization}", time.GetUtcNow()));
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        string last = request.RequestUri!.Segments[^1];
        if (response.StatusCode == HttpStatusCode.OK && last is Names.Tag or Names.OtherTag && response.Headers.TryGetValues("Docker-Content-Digest", out var digests))
        {
            history.Add(last, digests.First(), time.GetUtcNow());
            mutant?.Answer(last, response);
        }

        return response;
    }, cancellationToken);
}
