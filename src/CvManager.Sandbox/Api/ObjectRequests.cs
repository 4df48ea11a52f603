using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Http;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Api;

/// <summary>Handles POST, PUT, PATCH and DELETE of objects. Called with the store's lock held.</summary>
internal sealed class ObjectRequests(ObjectStore store, ObjectWriter writer, ObjectReader reader)
{
    public ApiResponse Create(ObjectRequest request)
    {
        var context = request.WriteContext("CreateOptions");
        var body = BodyReader.ReadObject(request, context);
        CheckNamespace(request, body, "the namespace of the provided object does not match the namespace sent on the request");
        return Respond(request, writer.Create(request.Type, request.Namespace, body, context), context, 201);
    }

    public ApiResponse Update(ObjectRequest request)
    {
        var context = request.WriteContext("UpdateOptions");
        var body = BodyReader.ReadObject(request, context);
        var name = body.Name();
        if (name.Length == 0)
            throw ApiException.BadRequest(
                $"the name of the object ({request.Name} based on URL) was undeterminable: name must be provided"
            );
        if (name != request.Name)
            throw ApiException.BadRequest($"the name of the object ({name}) does not match the name on the URL ({request.Name})");
        CheckNamespace(
            request,
            body,
            $"the namespace of the object ({body.Namespace()}) does not match the namespace on the request ({request.Namespace})"
        );
        var old = store.Table(request.Type).Find(request.Namespace, request.Name);
        if (old is null && request.Type.Rules.CreatesOnUpdate && request.Subresource.Length == 0)
        {
            body.Meta().Remove("resourceVersion");
            return Respond(request, writer.Create(request.Type, request.Namespace, body, context), context, 201);
        }
        old ??= reader.Find(request);
        return Respond(request, writer.Update(request.Type, old, body, context), context);
    }

    public ApiResponse Patch(ObjectRequest request)
    {
        var mediaType = BodyReader.MediaType(request.Http.ContentType);
        var context = request.WriteContext("PatchOptions");
        if (mediaType == ObjectPatch.ApplyType)
            return ApplyPatch(request, context);
        ObjectPatch.CheckType(request, mediaType);
        var old = reader.Find(request);
        var current = ObjectEncoder.Body(old, request.Type, request.Version);
        var patched = ObjectPatch.Apply(request, mediaType, current);
        CheckIdentity(request, patched, old);
        var body = BodyReader.Shape(request, patched, context);
        return Respond(request, writer.Update(request.Type, old, body, context), context);
    }

    public ApiResponse Delete(ObjectRequest request)
    {
        var options = DeleteOptions.Read(BodyReader.Parse(request) as JsonObject, request.Query);
        var item = reader.Find(request);
        var (deleted, removed) = writer.Delete(request.Type, item, options);
        if (!removed || request.Type.Rules.ReturnsDeleted)
            return Respond(request, deleted, null);
        return ApiResponse.FromJson(
            new JsonObject
            {
                ["kind"] = "Status",
                ["apiVersion"] = "v1",
                ["metadata"] = new JsonObject(),
                ["status"] = "Success",
                ["details"] = new StatusDetails(item.Name, request.Type.Group, request.Type.Plural) { Uid = item.Uid }.ToJson(null),
            }
        );
    }

    public ApiResponse DeleteCollection(ObjectRequest request)
    {
        var options = DeleteOptions.Read(BodyReader.Parse(request) as JsonObject, request.Query);
        var filter = ObjectReader.Filter(request);
        var deleted = store.Table(request.Type).List(filter.Namespace).Where(filter.Matches).ToList();
        foreach (var item in deleted)
            writer.Delete(request.Type, item, options);
        var meta = new JsonObject { ["resourceVersion"] = store.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture) };
        return new ApiResponse { Body = reader.Encoder(request, isList: true).List(deleted, meta) };
    }

    public ApiResponse Respond(ObjectRequest request, StoredObject item, WriteContext? context, int statusCode = 200) =>
        new()
        {
            StatusCode = statusCode,
            Body = reader.Encoder(request, isList: false).One(item),
            Warnings = context?.Warnings ?? [],
        };

    private ApiResponse ApplyPatch(ObjectRequest request, WriteContext context)
    {
        var old = store.Table(request.Type).Find(request.Namespace, request.Name);
        if (old is null && request.Subresource.Length > 0)
            throw ApiException.NotFound(request.Type.Group, request.Type.Plural, request.Name);
        var (body, owners) = ServerSideApply.Merge(request, context, old, writer.Now);
        if (old is not null)
            return Respond(request, writer.Update(request.Type, old, body, context, owners), context);
        return Respond(request, writer.Create(request.Type, request.Namespace, body, context, owners), context, 201);
    }

    private static void CheckNamespace(ObjectRequest request, JsonObject body, string message)
    {
        if (body.Namespace() is { Length: > 0 } ns && request.Type.Namespaced && ns != request.Namespace)
            throw ApiException.BadRequest(message);
    }

    /// <summary>A patch may contain the object's identity but not change it.</summary>
    private static void CheckIdentity(ObjectRequest request, JsonObject patched, StoredObject old)
    {
        var name = patched.Str("metadata", "name");
        if (name.Length > 0 && name != old.Name)
            throw ApiException.BadRequest($"the name of the object ({name}) does not match the name on the URL ({request.Name})");
        var ns = patched.Str("metadata", "namespace");
        if (ns.Length > 0 && ns != old.Namespace && request.Type.Namespaced)
            throw ApiException.BadRequest(
                $"the namespace of the object ({ns}) does not match the namespace on the request ({old.Namespace})"
            );
        var causes = new CauseList();
        if (patched.Str("metadata", "uid") is { Length: > 0 } uid && uid != old.Uid)
            causes.Invalid("metadata.uid", uid, "field is immutable");
        causes.Throw(request.Type.Group, request.Type.Kind, old.Name);
        if (patched.Str("kind") != request.Type.Kind || patched.Str("apiVersion") != request.Version.ApiVersion)
        {
            throw ApiException.BadRequest(
                $"{patched.Str("kind")} in version \"{patched.Str("apiVersion")}\" cannot be handled as a {request.Type.Kind}: a patch cannot change kind or apiVersion"
            );
        }
    }
}
