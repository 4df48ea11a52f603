using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Patching;

namespace CvManager.Sandbox.Storage;

/// <summary>
/// One object at one revision, in the storage version of its resource. Immutable: clone <see cref="Body"/> to change it. The lazy
/// properties require the store's lock.
/// </summary>
internal sealed class StoredObject
{
    private byte[]? _utf8;
    private FieldOwners? _owners;

    public StoredObject(JsonObject body, long revision)
    {
        Body = body;
        Revision = revision;
        Namespace = body.Namespace();
        Name = body.Name();
        Uid = body.Uid();
        Key = KeyOf(Namespace, Name);
    }

    public JsonObject Body { get; }

    public long Revision { get; }

    public string Namespace { get; }

    public string Name { get; }

    public string Uid { get; }

    /// <summary>Sorts like etcd's keys.</summary>
    public string Key { get; }

    public byte[] Utf8 => _utf8 ??= JsonText.Utf8(Body);

    public FieldOwners Owners
    {
        get => _owners ??= FieldOwners.Parse(Body.Arr("metadata", "managedFields"));
        init => _owners = value;
    }

    public static string KeyOf(string ns, string name) => ns.Length == 0 ? name : ns + "/" + name;
}
