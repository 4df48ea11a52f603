using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Schemas;

namespace CvManager.Sandbox.Api;

/// <summary>Parses request bodies into objects of the requested type.</summary>
internal static class BodyReader
{
    /// <summary>The object of a POST or PUT, in storage form.</summary>
    /// <exception cref="ApiException">400, 415, or 422 (wrong kind or apiVersion of a custom resource).</exception>
    public static JsonObject ReadObject(ObjectRequest request, WriteContext context)
    {
        var duplicates = new List<string>();
        var node = Parse(request, duplicates);
        if (node is not JsonObject body)
            throw Unreadable(request, "json: cannot unmarshal into Go value of type map[string]interface {}");
        CheckKind(request, body);
        return Shape(request, body, context, duplicates);
    }

    /// <summary>Any JSON, YAML or protobuf body, by its content type.</summary>
    public static JsonNode? Parse(ObjectRequest request, List<string>? duplicates = null)
    {
        try
        {
            return Parse(request.Http.ContentType, request.Body, TypeOf, duplicates);
        }
        catch (JsonException e)
        {
            throw ApiException.BadRequest(
                $"the object provided is unrecognized (must be of type {request.Type.Kind}): couldn't get version/kind; "
                    + $"json parse error: {e.Message} ({Snippet(request.Body)})"
            );
        }

        // Custom resources have no protobuf encoding. The body's kind may differ from the resource's: DeleteOptions, Scale, Eviction.
        SchemaNode? TypeOf(string apiVersion, string kind) =>
            request.Type.IsCustom ? null
            : kind == request.Type.Kind ? request.Version.Schema
            : BuiltInSchemas.All.GetValueOrDefault(kind);
    }

    /// <exception cref="JsonException">The body does not match its content type.</exception>
    /// <exception cref="ApiException">415.</exception>
    public static JsonNode? Parse(
        string contentType,
        byte[] body,
        Func<string, string, SchemaNode?> typeOf,
        List<string>? duplicates = null
    ) =>
        MediaType(contentType) switch
        {
            "application/yaml" => YamlText.Parse(body),
            "" or "application/json" or "text/json" => body.Length == 0 ? new JsonObject() : JsonText.Parse(body, duplicates),
            ProtobufBody.MediaType => ProtobufBody.Parse(body, typeOf),
            _ => throw ApiException.UnsupportedMediaType(
                "the body of the request was in an unknown format - accepted media types include: application/json, "
                    + $"application/yaml, {ProtobufBody.MediaType}"
            ),
        };

    /// <summary>Drops unknown fields, reports them by <c>fieldValidation</c>, and converts the object to the storage version.</summary>
    public static JsonObject Shape(ObjectRequest request, JsonObject body, WriteContext context, IReadOnlyList<string>? duplicates = null)
    {
        if (body.TryGetPropertyValue("metadata", out var meta) && meta is not JsonObject and not null)
            throw Unreadable(
                request,
                $"json: cannot unmarshal {meta.Kind().ToString().ToLowerInvariant()} into Go struct field "
                    + $"{request.Type.Kind}.metadata of type v1.ObjectMeta"
            );
        body.Ensure("metadata");
        var unknown = new List<string>();
        try
        {
            ObjectShape.Prune(request.Version.Schema, body, unknown);
        }
        catch (ObjectShapeException e)
        {
            throw Unreadable(request, e.Message);
        }
        var problems = unknown
            .Select(path => $"unknown field {JsonAccess.Quoted(path)}")
            .Concat((duplicates ?? []).Select(path => $"duplicate field {JsonAccess.Quoted(path)}"))
            .ToList();
        if (problems.Count > 0 && context.Validation == FieldValidation.Strict)
            throw Unreadable(request, "strict decoding error: " + string.Join(", ", problems));
        if (context.Validation == FieldValidation.Warn)
            context.Warnings.AddRange(problems);
        if (request.Version.ToStorage is not null)
            body = request.Version.ToStorage(body);
        body["kind"] = request.Type.Kind;
        body["apiVersion"] = request.Type.Storage.ApiVersion;
        return body;
    }

    public static string MediaType(string contentType)
    {
        var end = contentType.IndexOf(';', StringComparison.Ordinal);
        return (end < 0 ? contentType : contentType[..end]).Trim().ToLowerInvariant();
    }

    public static ApiException Unreadable(ObjectRequest request, string problem) =>
        ApiException.BadRequest(
            $"{request.Type.Kind} in version \"{request.Version.Version}\" cannot be handled as a {request.Type.Kind}: {problem}"
        );

    private static void CheckKind(ObjectRequest request, JsonObject body)
    {
        var kind = body.Str("kind");
        var apiVersion = body.Str("apiVersion");
        var type = request.Type;
        if (type.IsCustom)
        {
            if (kind.Length == 0)
                throw Unreadable(request, $"unmarshalerDecoder: Object 'Kind' is missing in '{Snippet(request.Body)}'");
            if (apiVersion.Length == 0)
                throw Unreadable(request, $"unmarshalerDecoder: Object 'apiVersion' is missing in '{Snippet(request.Body)}'");
            var causes = new CauseList();
            if (kind != type.Kind)
                causes.Invalid("kind", kind, $"must be {type.Kind}");
            if (apiVersion != request.Version.ApiVersion)
                causes.Invalid("apiVersion", apiVersion, $"must be {request.Version.ApiVersion}");
            if (!causes.IsEmpty)
                throw ApiException.Invalid(type.Group, kind, body.Str("metadata", "name"), causes.Causes);
            return;
        }
        if ((kind.Length > 0 && kind != type.Kind) || (apiVersion.Length > 0 && apiVersion != request.Version.ApiVersion))
        {
            var given = apiVersion.Length == 0 ? request.Version.ApiVersion : apiVersion;
            var version = given[(given.IndexOf('/', StringComparison.Ordinal) + 1)..];
            throw ApiException.BadRequest(
                kind.Length == 0 || kind == type.Kind
                    ? $"the API version in the data ({given}) does not match the expected API version ({request.Version.ApiVersion})"
                    : $"{kind} in version \"{version}\" cannot be handled as a {type.Kind}: converting ({version}.{kind}) to "
                        + $"({type.Group}.{type.Kind}): unknown conversion"
            );
        }
    }

    private static string Snippet(byte[] body) => Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 100)));
}
