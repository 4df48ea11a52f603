using CvManager.Sandbox;

namespace CvManager.Simulation.Controller;

/// <summary>RBAC for one client: denied permissions by verb and resource, which can change at any time.</summary>
internal sealed class AccessRules
{
    private readonly HashSet<(string Verb, string Resource)> _denied = [];

    /// <summary>Denies permissions, for example <c>list deployments</c> or <c>update containerversions/status</c>.</summary>
    public void Deny(params ReadOnlySpan<string> permissions)
    {
        foreach (var permission in permissions)
            _denied.Add((permission.Split(' ')[0], permission.Split(' ')[1]));
    }

    /// <summary>Restores all permissions.</summary>
    public void AllowAll() => _denied.Clear();

    public RequestFault Check(HttpRequestMessage request)
    {
        var permission = AccessRequest.Of(request);
        return !_denied.Contains((permission.Verb, permission.Resource))
            ? RequestFault.None
            : new RequestFault
            {
                StatusCode = 403,
                Message =
                    $"{permission.Resource} is forbidden: User \"system:serviceaccount:cvmanager:controller\" cannot {permission.Verb} resource \"{permission.Resource}\" in API group \"{permission.Group}\"",
            };
    }
}

/// <summary>The permission that a request requires (Kubernetes documentation, "Authorization overview").</summary>
internal sealed record AccessRequest(string Verb, string Group, string Resource)
{
    public static AccessRequest Of(HttpRequestMessage request)
    {
        var path = request.RequestUri!.AbsolutePath.Trim('/').Split('/');
        var core = path[0] == "api";
        var rest = path[(core ? 2 : 3)..];
        if (rest.Length > 2 && rest[0] == "namespaces")
            rest = rest[2..];
        var resource = rest.Length > 2 ? $"{rest[0]}/{rest[2]}" : rest[0];
        var verb = request.Method.Method switch
        {
            "GET" when request.RequestUri.Query.Contains("watch=1", StringComparison.Ordinal) => "watch",
            "GET" => rest.Length == 1 ? "list" : "get",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            _ => "delete",
        };
        return new AccessRequest(verb, core ? "" : path[1], resource);
    }
}
