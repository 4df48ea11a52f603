namespace CvManager.Integration.Registries;

/// <summary>Sends requests over the network, and counts them.</summary>
internal sealed class CountingNetwork() : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
{
    private int _requests;

    public int Requests => Volatile.Read(ref _requests);

    public void Reset() => Volatile.Write(ref _requests, 0);

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _requests);
        return base.SendAsync(request, cancellationToken);
    }
}
