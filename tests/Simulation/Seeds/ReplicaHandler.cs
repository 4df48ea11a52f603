using System.Net;

namespace CvManager.Simulation.Seeds;

/// <summary>Every request of one controller process passes one of these handlers. After the process is killed, no request passes.</summary>
internal sealed class Lifeline(string name)
{
    /// <summary>Several times the number of requests of a simulation.</summary>
    private const int MostRequests = 10_000;

    private readonly TaskCompletionSource _cut = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The number of requests sent so far.</summary>
    public int Requests { get; private set; }

    public string Name => name;

    /// <summary>The number of the process's last request; null if it is not limited.</summary>
    public int? LastRequest { get; set; }

    /// <summary>The last request still takes effect, but the process does not see the response.</summary>
    public bool LastHasEffect { get; set; }

    /// <summary>It sent so many requests that something must be wrong; no further ones pass.</summary>
    public bool GoesInCircles => Requests > MostRequests;

    /// <summary>Canceled when the process is killed.</summary>
    public Task Cut => _cut.Task;

    public void Sever() => _cut.TrySetResult();

    /// <summary>Counts a request. A killed process sends and receives nothing.</summary>
    public async Task<HttpResponseMessage> PassAsync(Func<Task<HttpResponseMessage>> send, CancellationToken cancellationToken)
    {
        var last = ++Requests == LastRequest;
        if (GoesInCircles)
            Sever();
        if (!_cut.Task.IsCompleted && (!last || LastHasEffect))
        {
            Actor.Current = name;
            var response = await send();
            if (!last && !_cut.Task.IsCompleted)
                return response;
            response.Dispose();
        }

        Sever();
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        throw new InvalidOperationException("The dead hear nothing.");
    }
}

/// <summary>The connection to the API server.</summary>
internal sealed class ClusterLink(HttpMessageHandler server, Lifeline life, Mutant? mutant) : DelegatingHandler(server)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        life.PassAsync(
            () =>
                mutant is null
                    ? base.SendAsync(request, cancellationToken)
                    : mutant.SendAsync(request, r => base.SendAsync(r, cancellationToken), cancellationToken),
            cancellationToken
        );
}

/// <summary>The connection to the registry. It notes which digest of a tag the process received.</summary>
internal sealed class RegistryLink(HttpMessageHandler server, Lifeline life, History history, TimeProvider time, Mutant? mutant)
    : DelegatingHandler(server)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        life.PassAsync(
            async () =>
            {
                for (var i = mutant?.Extra ?? 0; i >= 0; i--)
                    history.RegistryRequests.Add(($"{life.Name} {request.Headers.Authorization}", time.GetUtcNow()));
                var response = await base.SendAsync(request, cancellationToken);
                var last = request.RequestUri!.Segments[^1];
                if (
                    response.StatusCode == HttpStatusCode.OK
                    && last is Names.Tag or Names.OtherTag
                    && response.Headers.TryGetValues("Docker-Content-Digest", out var digests)
                )
                {
                    history.Add(last, digests.First(), time.GetUtcNow());
                    mutant?.Answer(last, response);
                }

                return response;
            },
            cancellationToken
        );
}
