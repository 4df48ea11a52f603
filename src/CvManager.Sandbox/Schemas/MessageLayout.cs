using System.Globalization;

namespace CvManager.Sandbox.Schemas;

/// <summary>Maps the field numbers of a protobuf message to the fields of a type.</summary>
internal sealed class MessageLayout
{
    private readonly Dictionary<int, MessageField> _fields = [];

    public bool IsEmpty => _fields.Count == 0;

    public MessageField? Find(int number) => _fields.GetValueOrDefault(number);

    /// <param name="name">The name of the field in JSON.</param>
    /// <param name="path">The field number, or a path of numbers through embedded messages: 2.6.</param>
    /// <param name="keepsZero">Whether a zero is a value rather than "not set".</param>
    public void Add(string name, string path, bool keepsZero)
    {
        var dot = path.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0)
        {
            _fields.Add(int.Parse(path, CultureInfo.InvariantCulture), new MessageField(name, keepsZero, null));
            return;
        }
        var number = int.Parse(path[..dot], CultureInfo.InvariantCulture);
        if (!_fields.TryGetValue(number, out var outer))
            _fields[number] = outer = new MessageField("", false, new MessageLayout());
        outer.Embedded!.Add(name, path[(dot + 1)..], keepsZero);
    }
}

/// <param name="Name">The name in JSON; empty for an embedded message, whose fields belong to the outer message.</param>
/// <param name="KeepsZero">Whether a zero is a value rather than "not set".</param>
/// <param name="Embedded">The layout of an embedded message.</param>
internal sealed record MessageField(string Name, bool KeepsZero, MessageLayout? Embedded);
