using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Http;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;

namespace CvManager.Sandbox.Api;

/// <summary>A request for objects of one resource, after routing.</summary>
internal sealed record ObjectRequest(ApiRequest Http, byte[] Body, ResourceType Type, ServedVersion Version)
{
    /// <summary>Empty for cluster-wide requests.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>Empty for a collection.</summary>
    public string Name { get; init; } = "";

    public string Subresource { get; init; } = "";

    public QueryParameters Query => Http.Query;

    /// <summary>The field manager: the fieldManager parameter, or the User-Agent up to the first slash.</summary>
    public string FieldManager
    {
        get
        {
            if (Query["fieldManager"] is { Length: > 0 } given)
                return given;
            var agent = Http.UserAgent.Split('/', 2)[0];
            return agent.Length == 0 ? "unknown"
                : agent.Length > 128 ? agent[..128]
                : agent;
        }
    }

    /// <exception cref="ApiException">422 for unsupported values.</exception>
    public WriteContext WriteContext(string optionsKind)
    {
        if (Query.Has("dryRun") && Query["dryRun"] != "All")
        {
            throw ApiException.Invalid(
                "meta.k8s.io",
                optionsKind,
                "",
                [
                    new StatusCause(
                        "FieldValueNotSupported",
                        $"Unsupported value: []string{{{JsonAccess.Quoted(Query["dryRun"])}}}: supported values: \"All\"",
                        "dryRun"
                    ),
                ]
            );
        }
        var validation = Query["fieldValidation"] switch
        {
            "" or "Warn" => FieldValidation.Warn,
            "Ignore" => FieldValidation.Ignore,
            "Strict" => FieldValidation.Strict,
            var other => throw ApiException.Invalid(
                "meta.k8s.io",
                optionsKind,
                "",
                [
                    new StatusCause(
                        "FieldValueNotSupported",
                        $"Unsupported value: {JsonAccess.Quoted(other)}: supported values: \"Ignore\", \"Warn\", \"Strict\"",
                        "fieldValidation"
                    ),
                ]
            ),
        };
        var context = new WriteContext
        {
            FieldManager = FieldManager,
            Version = Version,
            Subresource = Subresource,
            DryRun = Query.Has("dryRun"),
            Validation = validation,
        };
        if (Version.DeprecationWarning.Length > 0)
            context.Warnings.Add(Version.DeprecationWarning);
        return context;
    }
}
