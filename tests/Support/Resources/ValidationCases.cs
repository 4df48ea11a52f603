using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Support.Resources;

/// <summary>
/// Manifests at and beyond every limit of the schema, generated from deploy/crd.yaml so that new fields are included. Unit tests validate
/// them offline and integration tests with a real API server: the results must be the same.
/// </summary>
public static class ValidationCases
{
    /// <summary>All fields that a resource can have at the same time.</summary>
    public const string Everything = """
        apiVersion: custom.k8s.io/v1
        kind: ContainerVersion
        metadata: {name: app}
        spec:
          imageRepo: registry.example.com:5000/team/app
          tag: demo
          versionSyntax: '[0-9a-f]{7,40}'
          pollIntervalSeconds: 300
          timeoutSeconds: 900
          livenessSeconds: 300
          selector: {cvapp: app, track: stable}
          container:
            name: main
            verify: [{kind: Image, image: tests, tag: demo, timeoutSeconds: 60}]
          strategy:
            kind: ServiceBlueGreen
            blueGreen: {serviceName: app, verificationServiceName: app-test, labelNames: [colour], scaleDown: true, scaleDownDelaySeconds: 30}
            verify: [{kind: Image, image: tests, tag: demo}]
            postVerify: [{kind: Image, image: tests, tag: demo}]
          rollback: {enabled: true, failFast: true}
          history: {enabled: true, name: app}
          config: {name: app, key: version}
          suspend: false
          pinVersion: abcdef1
          pinDigest: true
          imagePullSecrets: [login]
        """;

    /// <summary>Accepted and rejected cases of each CEL rule: the field of the rule and a spec in YAML.</summary>
    public static IReadOnlyList<(string Field, string Spec, bool Accepted)> Rules { get; } =
    [
        ("spec", "tag: demo", true),
        ("spec", "versionPolicy: {newest: true}", true),
        ("spec", "tag: demo, versionPolicy: {newest: true}", false),
        ("spec", "", false),
        ("spec.versionPolicy", "versionPolicy: {semver: '>=1.2 <2'}", true),
        ("spec.versionPolicy", "versionPolicy: {regex: '^main-([0-9]+)$', order: numeric}", true),
        ("spec.versionPolicy", "versionPolicy: {semver: '1.x', newest: false}", true),
        ("spec.versionPolicy", "versionPolicy: {}", false),
        ("spec.versionPolicy", "versionPolicy: {newest: false}", false),
        ("spec.versionPolicy", "versionPolicy: {semver: '1.x', newest: true}", false),
        ("spec.versionPolicy", "versionPolicy: {semver: '1.x', order: numeric}", false),
        ("spec.selector", "tag: demo, selector: {cvapp: a}", true),
        ("spec.selector", "tag: demo, selector: {cvapp: ''}", false),
        ("spec.strategy", "tag: demo, strategy: {}", true),
        ("spec.strategy", "tag: demo, strategy: {kind: Rolling, verify: [], postVerify: []}", true),
        (
            "spec.strategy",
            "tag: demo, strategy: {kind: ServiceBlueGreen, blueGreen: {serviceName: a, labelNames: [c]}, verify: [{kind: Image, image: t, tag: a}], postVerify: [{kind: Image, image: t, tag: a}]}",
            true
        ),
        ("spec.strategy", "tag: demo, strategy: {kind: ServiceBlueGreen}", false),
        ("spec.strategy", "tag: demo, strategy: {verify: [{kind: Image, image: t, tag: a}]}", false),
        ("spec.strategy", "tag: demo, strategy: {kind: Rolling, postVerify: [{kind: Image, image: t, tag: a}]}", false),
    ];

    public static JsonObject Manifest(string yaml) => YamlDocuments.Read(yaml).Single().AsObject();

    /// <summary>A resource with the fields of a case.</summary>
    public static JsonObject WithSpec(string fields)
    {
        var manifest = Manifest(
            "{apiVersion: custom.k8s.io/v1, kind: ContainerVersion, metadata: {name: app}, spec: {imageRepo: r/a, selector: {cvapp: a}, container: {name: main}}}"
        );
        foreach ((var name, var value) in Manifest($"{{given: {{{fields}}}}}")["given"]!.AsObject())
            manifest["spec"]![name] = value?.DeepClone();
        return manifest;
    }

    /// <summary>The manifests, each with a descriptive name.</summary>
    public static IEnumerable<(string Name, JsonObject Manifest)> All()
    {
        foreach ((var field, var fields, var _) in Rules)
            yield return ($"{field} of {{{fields}}}", WithSpec(fields));
        foreach (var name in (string[])["a.b", "A", "a_b", "-a", "a.", "", new string('a', 253), new string('a', 254)])
            yield return ($"metadata.name = {Short(JsonValue.Create(name))}", With("metadata.name", JsonValue.Create(name)));
        yield return ("no metadata.name", With("metadata.name", null));
        var generated = With("metadata.name", null);
        generated["metadata"]!["generateName"] = "app-";
        yield return ("metadata.generateName", generated);
        var schema = CustomResourceDefinition.Json["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!["properties"]![
            "spec"
        ]!.AsObject();
        foreach ((var path, var value, var name) in Values(schema, "spec"))
            yield return (name, With(path, value));
    }

    private static JsonObject With(string path, JsonNode? value)
    {
        var manifest = Manifest(Everything);
        var parts = path.Split('.');
        // The policy replaces the tag.
        if (path.StartsWith("spec.versionPolicy", StringComparison.Ordinal))
        {
            manifest["spec"]!.AsObject().Remove("tag");
            manifest["spec"]!["versionPolicy"] = new JsonObject
            {
                [parts.Length > 2 && parts[2] is not "order" ? parts[2] : "regex"] = "x",
            };
        }

        JsonNode at = manifest;
        foreach (var part in parts.SkipLast(1))
            at = part == "0" ? at.AsArray()[0]! : at[part] ??= new JsonObject();
        if (at is JsonArray list)
            list[0] = value?.DeepClone();
        else if (value is JsonValue text && text.TryGetValue(out string? written) && written == Absent)
            at.AsObject().Remove(parts[^1]);
        else
            at[parts[^1]] = value?.DeepClone();
        return manifest;
    }

    private const string Absent = "\0absent";

    private static IEnumerable<(string Path, JsonNode? Value, string Name)> Values(JsonObject schema, string path)
    {
        var type = schema["type"]!.GetValue<string>();
        IEnumerable<JsonNode?> values =
        [
            JsonValue.Create(Absent),
            null,
            "x",
            7,
            7.5,
            true,
            new JsonObject(),
            new JsonArray(),
            .. type switch
            {
                "string" => Texts(schema),
                "integer" => Integers(schema),
                "array" => Lists(schema, path),
                "object" => Maps(schema, path),
                _ => Enumerable.Empty<JsonNode?>(),
            },
        ];
        foreach (var value in values)
            yield return (path, value, value is JsonValue text && text.ToString() == Absent ? $"no {path}" : $"{path} = {Short(value)}");

        var inner = (schema["properties"] as JsonObject ?? []).Select(property => ($"{path}.{property.Key}", property.Value!.AsObject()));
        if (type == "array")
            inner = [($"{path}.0", schema["items"]!.AsObject())];
        foreach ((var at, var field) in inner)
        {
            foreach (var one in Values(field, at))
                yield return one;
        }
    }

    private static IEnumerable<JsonNode?> Texts(JsonObject schema)
    {
        var most = schema["maxLength"]?.GetValue<int>() ?? 64;
        foreach (
            var text in (string[])["", " ", "a", "A", "a\n", "a b", "a/b", "a:b", "a.b", "-a", "a-", "9a", "ü", "*", "([0-9", "1.x", "true"]
        )
            yield return text;
        // Lengths are in Unicode characters, not in bytes or UTF-16 units.
        foreach (var character in (string[])["a", "ü", "\U0001F600"])
        {
            yield return string.Concat(Enumerable.Repeat(character, most));
            yield return string.Concat(Enumerable.Repeat(character, most + 1));
        }

        foreach (var choice in schema["enum"] as JsonArray ?? [])
            yield return choice!.GetValue<string>();
    }

    private static IEnumerable<JsonNode?> Integers(JsonObject schema)
    {
        foreach (var limit in (string[])["minimum", "maximum"])
        {
            var at = schema[limit]?.GetValue<long>() ?? 0;
            foreach (var number in (long[])[at - 1, at, at + 1])
                yield return number;
        }

        foreach (var written in (string[])["300.0", "3e2", "1e30", "-1e30", "9223372036854775807", "9223372036854775808"])
            yield return JsonNode.Parse(written);
    }

    private static IEnumerable<JsonNode?> Lists(JsonObject schema, string path)
    {
        var item = At(Manifest(Everything), path) is JsonArray { Count: > 0 } sample ? sample[0] : "x";
        var most = schema["maxItems"]?.GetValue<int>() ?? 3;
        foreach (var count in (int[])[1, most, most + 1])
            yield return new JsonArray([.. Enumerable.Range(0, count).Select(_ => item?.DeepClone())]);
        yield return new JsonArray((JsonNode?)null);
    }

    private static IEnumerable<JsonNode?> Maps(JsonObject schema, string path)
    {
        var sample = At(Manifest(Everything), path)?.DeepClone() as JsonObject ?? [];
        var unknown = (JsonObject)sample.DeepClone();
        unknown["unknown"] = "x";
        yield return unknown;
        if (schema["additionalProperties"] is null)
            yield break;
        foreach (
            (var key, var value) in ((string, string)[])
                [("a", ""), ("a", "b c"), ("a", new string('a', 64)), ("example.com/a", "b"), ("", "b"), ("a b", "b"), ("a/b/c", "b")]
        )
        {
            var map = (JsonObject)sample.DeepClone();
            map[key] = value;
            yield return map;
        }

        var most = schema["maxProperties"]?.GetValue<int>() ?? 3;
        foreach (var count in (int[])[most, most + 1])
        {
            var map = (JsonObject)sample.DeepClone();
            for (var i = 0; map.Count < count; i++)
                map[$"label{i}"] = "x";
            yield return map;
        }
    }

    private static JsonNode? At(JsonNode? node, string path)
    {
        foreach (var part in path.Split('.'))
            node = part == "0" ? (node as JsonArray)?.FirstOrDefault() : (node as JsonObject)?[part];
        return node;
    }

    private static string Short(JsonNode? value)
    {
        var text = value?.ToJsonString() ?? "null";
        return text.Length <= 60 ? text : $"{text[..60]}… ({text.Length})";
    }
}
