using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Http;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Api;

/// <summary>Handles the subresources scale, log and eviction. Called with the store's lock held.</summary>
internal sealed class Subresources(ObjectWriter writer, ObjectReader reader, Func<StoredObject, string, string> podLog)
{
    /// <exception cref="ApiException">404 if the resource has no such subresource.</exception>
    public ApiResponse Handle(ObjectRequest request) =>
        request.Subresource switch
        {
            "scale" when request.Version.Scale is ScalePaths paths => Scale(request, paths),
            "log" when Is(request, BuiltInKinds.Pods) => Log(request),
            "eviction" when Is(request, BuiltInKinds.Pods) => Evict(request),
            _ => throw ApiException.NoSuchPath(),
        };

    private static bool Is(ObjectRequest request, ResourceType type) => ReferenceEquals(request.Type, type);

    private ApiResponse Scale(ObjectRequest request, ScalePaths paths)
    {
        var item = reader.Find(request);
        if (request.Http.Method == "GET")
            return ApiResponse.FromJson(ToScale(item, paths));
        var context = request.WriteContext(request.Http.Method == "PUT" ? "UpdateOptions" : "PatchOptions");
        JsonObject scale;
        switch (request.Http.Method)
        {
            case "PUT":
                scale = BodyReader.Parse(request) as JsonObject ?? throw ApiException.BadRequest("the body is not a Scale object");
                if (scale.Name().Length == 0)
                    throw ApiException.BadRequest(
                        $"the name of the object ({request.Name} based on URL) was undeterminable: name must be provided"
                    );
                break;
            case "PATCH":
                var mediaType = BodyReader.MediaType(request.Http.ContentType);
                ObjectPatch.CheckType(request, mediaType);
                scale = ObjectPatch.Apply(request, mediaType, ToScale(item, paths));
                break;
            default:
                throw ApiException.MethodNotAllowed();
        }
        if (scale.At("spec", "replicas") is JsonNode given && given.AsInteger() is null)
            throw ApiException.BadRequest(
                "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal into Go struct field "
                    + "ScaleSpec.spec.replicas of type int32"
            );
        var replicas = scale.Int("spec", "replicas") ?? 0;
        if (replicas < 0)
        {
            var causes = new CauseList();
            causes.Invalid("spec.replicas", replicas, "must be greater than or equal to 0");
            throw ApiException.Invalid("autoscaling", "Scale", request.Name, causes.Causes);
        }
        var body = item.Body.Clone();
        var revision = scale.Str("metadata", "resourceVersion");
        body.Meta()["resourceVersion"] = revision.Length > 0 ? revision : item.Body.Str("metadata", "resourceVersion");
        var fields = Fields(paths.Replicas);
        body.Ensure(fields.AsSpan(0, fields.Length - 1))[fields[^1]] = replicas;
        return ApiResponse.FromJson(ToScale(writer.Update(request.Type, item, body, context), paths));
    }

    private static JsonObject ToScale(StoredObject item, ScalePaths paths)
    {
        var meta = new JsonObject();
        foreach (var name in (string[])["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
        {
            if (item.Body.At("metadata", name) is JsonNode value)
                meta[name] = value.DeepClone();
        }
        var status = new JsonObject { ["replicas"] = item.Body.Int(Fields(paths.StatusReplicas)) ?? 0 };
        var selector = paths.Selector.Length == 0 ? null : item.Body.At(Fields(paths.Selector));
        if (selector is JsonObject labels && LabelSelector.FromObject(labels) is LabelSelector parsed)
            status["selector"] = parsed.ToString();
        else if (selector.AsText() is string text)
            status["selector"] = text;
        return new JsonObject
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = meta,
            ["spec"] = new JsonObject { ["replicas"] = item.Body.Int(Fields(paths.Replicas)) ?? 0 },
            ["status"] = status,
        };
    }

    private static string[] Fields(string path) => path.Split('.', StringSplitOptions.RemoveEmptyEntries);

    private ApiResponse Log(ObjectRequest request)
    {
        if (request.Http.Method != "GET")
            throw ApiException.MethodNotAllowed();
        var pod = reader.Find(request);
        var names = PodTemplates.AllContainers(pod.Body.Obj("spec") ?? []).Select(container => container.Str("name")).ToList();
        var main = pod.Body.Items("spec", "containers").Select(container => container.Str("name")).ToList();
        var container = request.Query["container"];
        if (container.Length == 0)
        {
            if (main.Count > 1)
            {
                throw ApiException.BadRequest(
                    $"a container name must be specified for pod {pod.Name}, choose one of: [{string.Join(" ", main)}]"
                );
            }
            container = main[0];
        }
        else if (!names.Contains(container))
        {
            throw ApiException.BadRequest($"container {container} is not valid for pod {pod.Name}");
        }
        var status = pod
            .Body.Items("status", "containerStatuses")
            .Concat(pod.Body.Items("status", "initContainerStatuses"))
            .FirstOrDefault(entry => entry.Str("name") == container);
        var restarted = status.Obj("lastState", "terminated") is not null;
        if (request.Query.Flag("previous") && !restarted)
            throw ApiException.BadRequest($"previous terminated container \"{container}\" in pod \"{pod.Name}\" not found");
        if (status.Obj("state", "waiting") is JsonObject waiting && !restarted)
        {
            var problem = waiting.Str("reason") is "ErrImagePull" or "ImagePullBackOff"
                ? "trying and failing to pull image"
                : "waiting to start: " + waiting.Str("reason");
            throw ApiException.BadRequest($"container \"{container}\" in pod \"{pod.Name}\" is {problem}");
        }
        var lines = podLog(pod, container).Split('\n', StringSplitOptions.RemoveEmptyEntries).ToList();
        if (request.Query.Integer("tailLines") is >= 0 and var tail)
            lines = [.. lines.TakeLast((int)Math.Min(tail, int.MaxValue))];
        return ApiResponse.FromText(string.Concat(lines.Select(line => line + "\n")));
    }

    private ApiResponse Evict(ObjectRequest request)
    {
        if (request.Http.Method != "POST")
            throw ApiException.MethodNotAllowed();
        var body = BodyReader.Parse(request) as JsonObject;
        if (body.Str("metadata", "name") is { Length: > 0 } name && name != request.Name)
            throw ApiException.BadRequest("name in URL does not match name in Eviction object");
        var pod = reader.Find(request);
        writer.Delete(request.Type, pod, DeleteOptions.Read(body.Obj("deleteOptions"), request.Query));
        return ApiResponse.FromJson(Success(), 201);
    }

    private static JsonObject Success() =>
        new()
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Success",
            ["code"] = 201L,
        };
}
