using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.PowerShell;

/// <summary>
/// Who a controller is for leader election. In a pod it is the pod: a container that was restarted takes up its own lease again, and does not
/// wait for it to run out. No two processes have the same identity at a time.
/// </summary>
/// <remarks>
/// The pod's UID comes from the environment variable POD_UID (downward API), or from the service account's token. It is claimed for this
/// process by an abstract socket: containers of a pod share its network, and the kernel lets go of the name when the process ends, however
/// it ends. Whoever comes second gets an identity of its own, and stands by.
/// </remarks>
internal sealed class ControllerIdentity : IDisposable
{
    private const string TokenPath = "/var/run/secrets/kubernetes.io/serviceaccount/token";

    private readonly Socket? _claim;

    private ControllerIdentity(string name, Socket? claim) => (Name, _claim) = (name, claim);

    /// <summary>Tells where it is, too.</summary>
    public string Name { get; }

    /// <param name="lease">namespace/name: another task of the same pod is another controller.</param>
    /// <param name="podUid">For tests; null for the pod that this process is in.</param>
    public static ControllerIdentity Claim(string lease, string? podUid = null)
    {
        string unique = Guid.NewGuid().ToString("N")[..8];
        podUid ??= Environment.GetEnvironmentVariable("POD_UID") is { Length: > 0 } given ? given : PodOf(TokenPath);
        Socket? claim = podUid is null ? null : TryClaim($"cvmanager-controller/{podUid}/{lease}");
        return new ControllerIdentity($"{Environment.MachineName}_{(claim is null ? unique : podUid)}", claim);
    }

    public void Dispose() => _claim?.Dispose();

    /// <summary>The pod that a bound service account token names (claim kubernetes.io); null where there is none.</summary>
    internal static string? PodOf(string tokenPath)
    {
        try
        {
            string[] parts = File.Exists(tokenPath) ? File.ReadAllText(tokenPath).Split('.') : [];
            if (parts.Length != 3)
                return null;
            string payload = parts[1].Replace('-', '+').Replace('_', '/');
            JsonNode? claims = JsonNode.Parse(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '=')));
            JsonNode? uid = ((claims as JsonObject)?["kubernetes.io"] as JsonObject)?["pod"] is JsonObject pod ? pod["uid"] : null;
            return uid?.GetValueKind() == JsonValueKind.String && uid.GetValue<string>() is { Length: > 0 } text ? text : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or JsonException or ArgumentException)
        {
            // A token of another kind: an identity of its own does as well, it only has to wait for the lease.
            return null;
        }
    }

    /// <summary>Null where another process has it, or the system knows no such names.</summary>
    private static Socket? TryClaim(string name)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // sun_path has 108 bytes; the first one of an abstract name is 0.
            string hash = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(name)));
            socket.Bind(new UnixDomainSocketEndPoint($"\0cvmanager-{hash}"));
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
    }
}
