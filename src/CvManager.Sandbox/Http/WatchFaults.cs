using CvManager.Sandbox.Api;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Http;

/// <summary>Lets the stream of one watch misbehave.</summary>
internal static class WatchFaults
{
    public static void Apply(WatchStream stream, WatchFault fault, EventLoop loop)
    {
        if (fault.AfterEvents is int events)
            stream.AfterLines(events, Strike);
        if (fault.AfterTime is TimeSpan delay)
            loop.Post(delay, Strike);
        if (fault is { AfterEvents: null, AfterTime: null })
            Strike();

        void Strike()
        {
            switch (fault.Kind)
            {
                case WatchFaultKind.End:
                    stream.Break(null);
                    break;
                case WatchFaultKind.Break:
                    stream.Break(new HttpRequestException(HttpRequestError.ResponseEnded, "The connection was dropped."));
                    break;
                case WatchFaultKind.Stall:
                    stream.Stall();
                    break;
                case WatchFaultKind.Expire:
                    stream.Break(null, ObjectEncoder.Error(ApiException.Expired("too old resource version: injected fault")));
                    break;
            }
        }
    }
}
