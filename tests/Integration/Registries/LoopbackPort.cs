using System.Net;
using System.Net.Sockets;

namespace CvManager.Integration.Registries;

internal static class LoopbackPort
{
    /// <summary>A free port, above the ports of the test servers.</summary>
    public static int Free()
    {
        while (true)
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            if (((IPEndPoint)socket.LocalEndPoint!).Port is > 16_000 and var port)
                return port;
        }
    }
}
