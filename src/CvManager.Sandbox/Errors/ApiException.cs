using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Errors;

/// <summary>One entry of <c>details.causes</c> in a metav1.Status.</summary>
internal sealed record StatusCause(string Reason, string Message, string Field);

/// <summary>An error response of the API server, sent as a metav1.Status.</summary>
internal sealed class ApiException(int code, string reason, string message) : Exception(message)
{
    public int Code { get; } = code;

    public string Reason { get; } = reason;

    public int? RetryAfterSeconds { get; init; }

    /// <summary>Null for a status without details.</summary>
    public StatusDetails? Details { get; init; }

    public JsonObject ToStatus()
    {
        var status = new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = Message,
            ["reason"] = Reason,
        };
        if (Details is not null)
            status["details"] = Details.ToJson(RetryAfterSeconds);
        else if (RetryAfterSeconds is int seconds)
            status["details"] = new JsonObject { ["retryAfterSeconds"] = seconds };
        status["code"] = Code;
        return status;
    }

    public static ApiException BadRequest(string message) => new(400, "BadRequest", message);

    public static ApiException Unauthorized() => new(401, "Unauthorized", "Unauthorized");

    public static ApiException NotFound(string group, string resource, string name) =>
        new(404, "NotFound", $"{Qualified(resource, group)} \"{name}\" not found") { Details = new(name, group, resource) };

    /// <summary>For a path that matches no resource or subresource.</summary>
    public static ApiException NoSuchPath() =>
        new(404, "NotFound", "the server could not find the requested resource") { Details = new("", "", "") };

    public static ApiException MethodNotAllowed() =>
        new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource") { Details = new("", "", "") };

    public static ApiException AlreadyExists(string group, string resource, string name) =>
        new(409, "AlreadyExists", $"{Qualified(resource, group)} \"{name}\" already exists") { Details = new(name, group, resource) };

    public static ApiException Conflict(string group, string resource, string name, string problem) =>
        new(409, "Conflict", $"Operation cannot be fulfilled on {Qualified(resource, group)} \"{name}\": {problem}")
        {
            Details = new(name, group, resource),
        };

    /// <summary>409 with the standard optimistic-locking message, which clients recognize.</summary>
    public static ApiException Modified(string group, string resource, string name) =>
        Conflict(group, resource, name, "the object has been modified; please apply your changes to the latest version and try again");

    public static ApiException Expired(string message) => new(410, "Expired", message);

    public static ApiException TooLarge(long limit) => new(413, "RequestEntityTooLarge", $"Request entity too large: limit is {limit}");

    public static ApiException UnsupportedMediaType(string message) =>
        new(415, "UnsupportedMediaType", message) { Details = new("", "", "") };

    /// <summary>422 with the causes joined in the API server's format.</summary>
    public static ApiException Invalid(string group, string kind, string name, IReadOnlyList<StatusCause> causes)
    {
        var list = causes.Count == 1 ? Line(causes[0]) : $"[{string.Join(", ", causes.Select(Line))}]";
        return new(422, "Invalid", $"{Qualified(kind, group)} \"{name}\" is invalid: {list}")
        {
            Details = new(name, group, kind) { Causes = causes },
        };

        static string Line(StatusCause cause) => cause.Field.Length == 0 ? cause.Message : $"{cause.Field}: {cause.Message}";
    }

    /// <summary>A simulated error that replaces the server's own response.</summary>
    public static ApiException Injected(int code, RequestFault fault) =>
        new(code, fault.Reason ?? ReasonOf(code), fault.Message ?? $"injected fault: {code}")
        {
            RetryAfterSeconds = fault.RetryAfterSeconds,
        };

    private static string ReasonOf(int code) =>
        code switch
        {
            400 => "BadRequest",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            410 => "Expired",
            429 => "TooManyRequests",
            500 => "InternalError",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "Unknown",
        };

    private static string Qualified(string resource, string group) => group.Length == 0 ? resource : $"{resource}.{group}";
}

/// <summary>The <c>details</c> of a Status: the object that the request concerned. Empty fields are omitted.</summary>
internal sealed record StatusDetails(string Name, string Group, string Kind)
{
    public string Uid { get; init; } = "";

    public IReadOnlyList<StatusCause> Causes { get; init; } = [];

    public JsonObject ToJson(int? retryAfterSeconds)
    {
        var details = new JsonObject();
        if (Name.Length > 0)
            details["name"] = Name;
        if (Group.Length > 0)
            details["group"] = Group;
        if (Kind.Length > 0)
            details["kind"] = Kind;
        if (Uid.Length > 0)
            details["uid"] = Uid;
        if (Causes.Count > 0)
        {
            details["causes"] = new JsonArray([
                .. Causes.Select(cause =>
                    (JsonNode)
                        new JsonObject
                        {
                            ["reason"] = cause.Reason,
                            ["message"] = cause.Message,
                            ["field"] = cause.Field,
                        }
                ),
            ]);
        }
        if (retryAfterSeconds is int seconds)
            details["retryAfterSeconds"] = seconds;
        return details;
    }
}
