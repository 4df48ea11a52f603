using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Api;

/// <summary>Serializes stored objects in one version and form: complete, as table rows, or metadata only.</summary>
internal sealed class ObjectEncoder
{
    private static readonly byte[] NewLine = "}\n"u8.ToArray();

    private readonly ResourceType _type;
    private readonly ServedVersion _version;
    private readonly OutputForm _form;
    private readonly string _includeObject;
    private readonly TimeProvider _time;
    private bool _columnsSent;

    /// <param name="type">The resource.</param>
    /// <param name="version">The requested version.</param>
    /// <param name="form">From the Accept header.</param>
    /// <param name="includeObject">The object included in each table row: None, Metadata (default) or Object.</param>
    /// <param name="time">The clock, for the Age columns.</param>
    public ObjectEncoder(ResourceType type, ServedVersion version, OutputForm form, string includeObject, TimeProvider time)
    {
        _type = type;
        _version = version;
        _form = form;
        _includeObject = includeObject;
        _time = time;
    }

    /// <summary>The object in the requested version. Callers must not change it.</summary>
    public static JsonObject Body(StoredObject item, ResourceType type, ServedVersion version)
    {
        if (ReferenceEquals(version, type.Storage))
            return item.Body;
        var body = version.FromStorage is null ? item.Body.Clone() : version.FromStorage(item.Body);
        body["apiVersion"] = version.ApiVersion;
        return body;
    }

    public byte[] One(StoredObject item) =>
        _form.Kind switch
        {
            OutputKind.Table => JsonText.Utf8(
                Table([item], new JsonObject { ["resourceVersion"] = item.Body.Str("metadata", "resourceVersion") })
            ),
            OutputKind.Metadata => JsonText.Utf8(Metadata(item, withType: true)),
            _ => Full(item),
        };

    public byte[] List(IReadOnlyList<StoredObject> items, JsonObject listMeta)
    {
        switch (_form.Kind)
        {
            case OutputKind.Table:
                return JsonText.Utf8(Table(items, listMeta));
            case OutputKind.Metadata:
                return JsonText.Utf8(
                    new JsonObject
                    {
                        ["kind"] = "PartialObjectMetadataList",
                        ["apiVersion"] = _form.ApiVersion,
                        ["metadata"] = listMeta,
                        ["items"] = new JsonArray([.. items.Select(item => (JsonNode)Metadata(item, withType: true))]),
                    }
                );
        }
        var kind = _type.ListKind.Length > 0 ? _type.ListKind : _type.Kind + "List";
        var buffer = new ArrayBufferWriter<byte>(4096);
        buffer.Write(
            Encoding.UTF8.GetBytes(
                $"{{\"kind\":\"{kind}\",\"apiVersion\":\"{_version.ApiVersion}\",\"metadata\":{JsonText.Text(listMeta)},\"items\":["
            )
        );
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
                buffer.Write(","u8);
            WriteListItem(buffer, Full(items[i]));
        }
        buffer.Write("]}"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>One event of a watch, as a line of JSON.</summary>
    public ReadOnlyMemory<byte> Event(string eventType, StoredObject item)
    {
        byte[] content;
        if (_form.Kind == OutputKind.Table)
        {
            var table = Table([item], new JsonObject { ["resourceVersion"] = item.Body.Str("metadata", "resourceVersion") });
            // Only the first table of a watch contains the column definitions.
            if (_columnsSent)
                table["columnDefinitions"] = null;
            _columnsSent = true;
            content = JsonText.Utf8(table);
        }
        else
        {
            content = One(item);
        }
        return Line(eventType, content);
    }

    /// <param name="revision">The revision up to which the client has received all changes.</param>
    /// <param name="endsInitialEvents">Marks the end of the initial objects of a watch.</param>
    public ReadOnlyMemory<byte> Bookmark(long revision, bool endsInitialEvents = false)
    {
        var meta = new JsonObject { ["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture), ["creationTimestamp"] = null };
        if (endsInitialEvents)
            meta["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
        var body = _form.Kind switch
        {
            OutputKind.Table => new JsonObject
            {
                ["kind"] = "Table",
                ["apiVersion"] = _form.ApiVersion,
                ["metadata"] = meta,
                ["columnDefinitions"] = null,
                ["rows"] = new JsonArray(),
            },
            OutputKind.Metadata => new JsonObject
            {
                ["kind"] = "PartialObjectMetadata",
                ["apiVersion"] = _form.ApiVersion,
                ["metadata"] = meta,
            },
            _ => new JsonObject
            {
                ["kind"] = _type.Kind,
                ["apiVersion"] = _version.ApiVersion,
                ["metadata"] = meta,
            },
        };
        return Line("BOOKMARK", JsonText.Utf8(body));
    }

    public static ReadOnlyMemory<byte> Error(ApiException error) => Line("ERROR", JsonText.Utf8(error.ToStatus()));

    private static byte[] Line(string eventType, byte[] content)
    {
        var head = Encoding.ASCII.GetBytes($"{{\"type\":\"{eventType}\",\"object\":");
        return [.. head, .. content, .. NewLine];
    }

    private byte[] Full(StoredObject item) =>
        ReferenceEquals(_version, _type.Storage) ? item.Utf8 : JsonText.Utf8(ObjectWriter.Order(Body(item, _type, _version).Clone()));

    /// <summary>Items of built-in lists omit kind and apiVersion, which come first in every stored object.</summary>
    private void WriteListItem(ArrayBufferWriter<byte> buffer, ReadOnlySpan<byte> item)
    {
        var next = "\"metadata\":"u8;
        var cut = _type.IsCustom ? -1 : item.IndexOf(next);
        if (cut < 0)
        {
            buffer.Write(item);
            return;
        }
        buffer.Write("{"u8);
        buffer.Write(item[cut..]);
    }

    private JsonObject Metadata(StoredObject item, bool withType)
    {
        var partial = new JsonObject();
        if (withType)
        {
            partial["kind"] = "PartialObjectMetadata";
            partial["apiVersion"] = _form.ApiVersion;
        }
        partial["metadata"] = item.Body["metadata"]!.DeepClone();
        return partial;
    }

    private JsonObject Table(IReadOnlyList<StoredObject> items, JsonObject listMeta)
    {
        var now = _time.GetUtcNow();
        return new JsonObject
        {
            ["kind"] = "Table",
            ["apiVersion"] = _form.ApiVersion,
            ["metadata"] = listMeta,
            ["columnDefinitions"] = _version.Table.Definitions(),
            ["rows"] = new JsonArray([.. items.Select(item => (JsonNode)Row(item, now))]),
        };
    }

    private JsonObject Row(StoredObject item, DateTimeOffset now)
    {
        var row = new JsonObject { ["cells"] = _version.Table.Cells(item.Body, now) };
        if (_includeObject == "Object")
            row["object"] = Body(item, _type, _version).DeepClone();
        else if (_includeObject != "None")
            row["object"] = Metadata(item, withType: true);
        return row;
    }
}
