using CvManager.Sandbox.Api;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Transport;

/// <summary>Applies a fault to the stream of a watch.</summary>
internal static class WatchFaults
{
    public static void Apply(WatchStream stream, WatchFault fault, EventLoop loop)
    {
        if (fault.AfterEvents is int events)
            stream.AfterLines(events, Trigger);
        if (fault.AfterTime is TimeSpan delay)
            loop.Post(delay, Trigger);
        if (fault is { AfterEvents: null, AfterTime: null })
            Trigger();

        void Trigger()
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
