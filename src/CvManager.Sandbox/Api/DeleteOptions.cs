using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Http;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Api;

/// <summary>meta.k8s.io/v1 DeleteOptions, from the body or the query of a DELETE.</summary>
internal sealed record DeleteOptions
{
    public long? GracePeriodSeconds { get; init; }

    /// <summary>Background, Foreground or Orphan; empty for the kind's default.</summary>
    public string PropagationPolicy { get; init; } = "";

    public string PreconditionUid { get; init; } = "";

    public string PreconditionRevision { get; init; } = "";

    public bool DryRun { get; init; }

    /// <exception cref="ApiException">422 for unsupported values.</exception>
    public static DeleteOptions Read(JsonObject? body, QueryParameters query)
    {
        var policy = body.Str("propagationPolicy") is { Length: > 0 } given ? given : query["propagationPolicy"];
        bool? orphan =
            body?["orphanDependents"] is JsonNode flag ? flag.Bool()
            : query.Has("orphanDependents") ? query.Flag("orphanDependents")
            : null;
        var causes = new List<StatusCause>();
        if (policy.Length > 0 && orphan is not null)
            causes.Add(
                new StatusCause(
                    "FieldValueInvalid",
                    $"Invalid value: {JsonAccess.Quoted(policy)}: orphanDependents and deletionPropagation cannot be both set",
                    "propagationPolicy"
                )
            );
        if (policy is not ("" or "Background" or "Foreground" or "Orphan"))
        {
            causes.Add(
                new StatusCause(
                    "FieldValueNotSupported",
                    $"Unsupported value: {JsonAccess.Quoted(policy)}: supported values: \"Foreground\", \"Background\", "
                        + "\"Orphan\", \"nil\"",
                    "propagationPolicy"
                )
            );
        }
        string[] dryRun = [.. body.Texts("dryRun")];
        if (dryRun.Length == 0 && query.Has("dryRun"))
            dryRun = [query["dryRun"]];
        foreach (var value in dryRun.Where(value => value != "All"))
            causes.Add(
                new StatusCause(
                    "FieldValueNotSupported",
                    $"Unsupported value: {JsonAccess.Quoted(value)}: supported values: \"All\"",
                    "dryRun"
                )
            );
        if (causes.Count > 0)
            throw ApiException.Invalid("meta.k8s.io", "DeleteOptions", "", causes);
        return new DeleteOptions
        {
            GracePeriodSeconds = body.Int("gracePeriodSeconds") ?? query.Integer("gracePeriodSeconds"),
            PropagationPolicy =
                policy.Length > 0 ? policy
                : orphan is bool orphans
                    ? orphans ? "Orphan"
                        : "Background"
                : "",
            PreconditionUid = body.Str("preconditions", "uid"),
            PreconditionRevision = body.Str("preconditions", "resourceVersion"),
            DryRun = dryRun.Length > 0,
        };
    }
}
