using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Patching;

namespace CvManager.Sandbox.Api;

/// <summary>The three patch types other than server-side apply.</summary>
internal static class ObjectPatch
{
    public const string JsonType = "application/json-patch+json";
    public const string MergeType = "application/merge-patch+json";
    public const string StrategicType = "application/strategic-merge-patch+json";
    public const string ApplyType = "application/apply-patch+yaml";

    /// <exception cref="ApiException">415.</exception>
    public static void CheckType(ObjectRequest request, string mediaType)
    {
        if (mediaType is JsonType or MergeType || (mediaType == StrategicType && !request.Type.IsCustom))
            return;
        var accepted = request.Type.IsCustom
            ? $"{JsonType}, {MergeType}, {ApplyType}"
            : $"{JsonType}, {MergeType}, {StrategicType}, {ApplyType}";
        throw ApiException.UnsupportedMediaType(
            $"the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
    }

    /// <returns>The patched object; the argument is not changed.</returns>
    public static JsonObject Apply(ObjectRequest request, string mediaType, JsonObject current)
    {
        JsonNode? patch;
        try
        {
            patch = JsonText.Parse(request.Body);
        }
        catch (JsonException e)
        {
            throw ApiException.BadRequest("error decoding patch: " + e.Message);
        }
        var patched = mediaType switch
        {
            JsonType => JsonPatch.Apply(current, patch),
            MergeType => MergePatch.Apply(current, AsObject(patch)),
            _ => StrategicMergePatch.Apply(request.Version.Schema, current, AsObject(patch)),
        };
        return patched as JsonObject ?? throw ApiException.BadRequest("the patched document is not an object");
    }

    private static JsonObject AsObject(JsonNode? patch) =>
        patch as JsonObject
        ?? throw ApiException.BadRequest("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}");
}
