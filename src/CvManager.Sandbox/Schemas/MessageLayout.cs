using System.Globalization;

namespace CvManager.Sandbox.Schemas;

/// <summary>Which number of a protobuf message is which field of a type.</summary>
internal sealed class MessageLayout
{
    private readonly Dictionary<int, MessageField> fields = [];

    public bool IsEmpty => fields.Count == 0;

    public MessageField? Find(int number) => fields.GetValueOrDefault(number);

    /// <param name="name">The field's name in JSON.</param>
    /// <param name="path">Its number, or the numbers down through embedded messages: 2.6.</param>
    /// <param name="keepsZero">A zero is a value, rather than "not set".</param>
    public void Add(string name, string path, bool keepsZero)
    {
        int dot = path.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0)
        {
            fields.Add(int.Parse(path, CultureInfo.InvariantCulture), new MessageField(name, keepsZero, null));
            return;
        }
        int number = int.Parse(path[..dot], CultureInfo.InvariantCulture);
        if (!fields.TryGetValue(number, out var outer))
            fields[number] = outer = new MessageField("", false, new MessageLayout());
        outer.Embedded!.Add(name, path[(dot + 1)..], keepsZero);
    }
}

/// <param name="Name">In JSON; empty for an embedded message, whose fields are the outer one's own.</param>
/// <param name="KeepsZero">A zero is a value.</param>
/// <param name="Embedded">The layout of an embedded message.</param>
internal sealed record MessageField(string Name, bool KeepsZero, MessageLayout? Embedded);
