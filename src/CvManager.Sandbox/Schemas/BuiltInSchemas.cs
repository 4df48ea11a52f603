namespace CvManager.Sandbox.Schemas;

/// <summary>The built-in types, read from builtin-types.txt, which documents its notation.</summary>
internal static class BuiltInSchemas
{
    private static readonly Lazy<Dictionary<string, SchemaNode>> Types = new(Read);

    public static IReadOnlyDictionary<string, SchemaNode> All => Types.Value;

    /// <exception cref="KeyNotFoundException">The file has no such type.</exception>
    public static SchemaNode Get(string name) => Types.Value[name];

    private static Dictionary<string, SchemaNode> Read()
    {
        using var stream =
            typeof(BuiltInSchemas).Assembly.GetManifestResourceStream("builtin-types.txt")
            ?? throw new InvalidOperationException("Embedded resource builtin-types.txt not found.");
        using var reader = new StreamReader(stream);
        var types = new Dictionary<string, SchemaNode>(StringComparer.Ordinal);
        var fields = new List<(SchemaNode Type, string Text)>();
        var package = "";
        while (reader.ReadLine() is string line)
        {
            const string Package = "# package ";
            if (line.StartsWith(Package, StringComparison.Ordinal))
            {
                package = line[Package.Length..];
            }
            else if (line.Length > 0 && line[0] == ' ')
            {
                fields.Add((fields[^1].Type, line));
            }
            else if (line.Length > 0 && line[0] != '#')
            {
                var atomic = line.EndsWith(" atomic", StringComparison.Ordinal);
                var head = atomic ? line[..^" atomic".Length] : line;
                var isObject = head.EndsWith(": object", StringComparison.Ordinal);
                var name = isObject ? head[..^": object".Length] : head;
                var type = new SchemaNode
                {
                    Type = SchemaType.Object,
                    Name = name,
                    Package = package,
                    Atomic = atomic,
                };
                types.Add(name, type);
                fields.Add((type, isObject ? "apiVersion string; kind string; metadata=1 ObjectMeta;" : ""));
            }
        }
        // Types refer to each other in cycles, so all types are created before the fields are read.
        foreach (var group in fields.GroupBy(entry => entry.Type))
        {
            var text = string.Concat(group.Select(entry => entry.Text));
            foreach (var field in text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
                AddField(group.Key, field, types);
        }
        return types;
    }

    private static void AddField(SchemaNode owner, string field, Dictionary<string, SchemaNode> types)
    {
        var parts = field.Split(' ');
        var wire = parts[0].Split('=');
        var name = wire[0].TrimEnd('!');
        if (wire[0].EndsWith('!'))
            owner.Required.Add(name);
        owner.Properties.Add(name, FieldType(parts[1], parts.AsSpan(2), types));
        if (wire.Length > 1)
            owner.Message.Add(name, wire[1].TrimEnd('?'), wire[1].EndsWith('?'));
    }

    private static SchemaNode FieldType(string text, ReadOnlySpan<string> annotations, Dictionary<string, SchemaNode> types)
    {
        var mergeKey = "";
        string[] keys = [];
        var set = false;
        var atomic = false;
        var retain = false;
        foreach (var annotation in annotations)
        {
            if (annotation.StartsWith("key=", StringComparison.Ordinal))
                mergeKey = annotation["key=".Length..];
            else if (annotation.StartsWith("keys=", StringComparison.Ordinal))
                keys = annotation["keys=".Length..].Split('+');
            else if (annotation == "set")
                set = true;
            else if (annotation == "atomic")
                atomic = true;
            else if (annotation == "retain")
                retain = true;
            else
                throw new InvalidOperationException($"builtin-types.txt: unknown annotation '{annotation}'.");
        }
        if (text.StartsWith("[]", StringComparison.Ordinal))
        {
            if (keys.Length == 0 && mergeKey.Length > 0)
                keys = [mergeKey];
            return new SchemaNode
            {
                Type = SchemaType.Array,
                Items = FieldType(text[2..], [], types),
                List =
                    set ? ListType.Set
                    : keys.Length > 0 ? ListType.Map
                    : ListType.Atomic,
                ListKeys = keys,
                MergeKey = mergeKey,
                RetainKeys = retain,
            };
        }
        if (text.StartsWith("{}", StringComparison.Ordinal))
            return new SchemaNode
            {
                Type = SchemaType.Object,
                Values = FieldType(text[2..], [], types),
                Atomic = atomic,
            };
        if (!types.TryGetValue(text, out var named))
            return Primitive(text);
        return retain
            ? new SchemaNode
            {
                Type = named.Type,
                Name = named.Name,
                Package = named.Package,
                Properties = named.Properties,
                Message = named.Message,
                Required = named.Required,
                Atomic = named.Atomic,
                RetainKeys = true,
            }
            : named;
    }

    private static SchemaNode Primitive(string text) =>
        text switch
        {
            "string" => new SchemaNode { Type = SchemaType.String },
            "bool" => new SchemaNode { Type = SchemaType.Boolean },
            "int32" or "int64" => new SchemaNode { Type = SchemaType.Integer, Format = text },
            "number" => new SchemaNode { Type = SchemaType.Number, Format = "double" },
            "time" or "microtime" => new SchemaNode { Type = SchemaType.String, Format = "date-time" },
            "bytes" => new SchemaNode { Type = SchemaType.String, Format = "byte" },
            // A quantity may be a number.
            "quantity" => new SchemaNode { Type = SchemaType.IntOrString, Format = "quantity" },
            "intstr" => new SchemaNode { Type = SchemaType.IntOrString, Format = "int-or-string" },
            "raw" or "fields" => new SchemaNode
            {
                Type = SchemaType.Object,
                PreserveUnknown = true,
                Atomic = true,
            },
            "any" => SchemaNode.Untyped,
            _ => throw new InvalidOperationException($"builtin-types.txt: unknown type '{text}'."),
        };
}
