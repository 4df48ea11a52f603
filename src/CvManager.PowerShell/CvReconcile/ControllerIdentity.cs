using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.PowerShell;

/// <summary>
/// The identity of a controller for leader election. In a pod, it is the UID of the pod, so that a restarted container renews its own lease
/// instead of waiting for it to expire. No two running processes have the same identity.
/// </summary>
/// <remarks>
/// The UID of the pod is read from the environment variable POD_UID (downward API), or from the service account token. The process claims
/// it with an abstract socket: the containers of a pod share a network namespace, and the kernel releases the name whenever the process
/// ends. A second process of the pod uses a random identity, and waits for the lease.
/// </remarks>
internal sealed class ControllerIdentity : IDisposable
{
    private const string TokenPath = "/var/run/secrets/kubernetes.io/serviceaccount/token";

    private readonly Socket? _claim;

    private ControllerIdentity(string name, Socket? claim) => (Name, _claim) = (name, claim);

    /// <summary>The host name, followed by the UID of the pod or a random value.</summary>
    public string Name { get; }

    /// <param name="lease">The lease as namespace/name. A pod can run one controller for each lease.</param>
    /// <param name="podUid">For tests; null for the UID of the pod that runs this process.</param>
    public static ControllerIdentity Claim(string lease, string? podUid = null)
    {
        var unique = Guid.NewGuid().ToString("N")[..8];
        podUid ??= Environment.GetEnvironmentVariable("POD_UID") is { Length: > 0 } value ? value : PodOf(TokenPath);
        var claim = podUid is null ? null : TryClaim($"cvmanager-controller/{podUid}/{lease}");
        return new ControllerIdentity($"{Environment.MachineName}_{(claim is null ? unique : podUid)}", claim);
    }

    public void Dispose() => _claim?.Dispose();

    /// <summary>Reads the UID of the pod from a bound service account token (claim kubernetes.io); null if there is none.</summary>
    internal static string? PodOf(string tokenPath)
    {
        try
        {
            var parts = File.Exists(tokenPath) ? File.ReadAllText(tokenPath).Split('.') : [];
            if (parts.Length != 3)
                return null;
            var payload = parts[1].Replace('-', '+').Replace('_', '/');
            var claims = JsonNode.Parse(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '=')));
            var uid = ((claims as JsonObject)?["kubernetes.io"] as JsonObject)?["pod"] is JsonObject pod ? pod["uid"] : null;
            return uid?.GetValueKind() == JsonValueKind.String && uid.GetValue<string>() is { Length: > 0 } text ? text : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or JsonException or ArgumentException)
        {
            // Not a bound token. A random identity also works; after a restart, it waits until the lease expires.
            return null;
        }
    }

    /// <summary>Returns null if another process has the name, or if the system has no abstract sockets.</summary>
    private static Socket? TryClaim(string name)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // sun_path is 108 bytes long, and an abstract name starts with a zero byte. The hash makes the name fit.
            var hash = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(name)));
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
