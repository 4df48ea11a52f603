using System.Buffers.Text;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

/// <summary>ConfigMaps and Secrets: keys, total size and immutability.</summary>
internal abstract class ConfigRules : KindRules
{
    private const int SizeLimit = 1024 * 1024;

    public override void Validate(JsonObject body, CauseList causes)
    {
        long size = 0;
        foreach (var field in (string[])["data", "binaryData"])
        {
            foreach (var (key, value) in body.Obj(field) ?? [])
            {
                if (!IsKey(key))
                {
                    causes.Invalid(
                        $"{field}[{key}]",
                        key,
                        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
                            + "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                    );
                }
                size += key.Length + SizeOf(field, value.AsText() ?? "");
            }
        }
        if (size > SizeLimit)
            causes.TooLong("", $"must have at most {SizeLimit} bytes");
    }

    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
        if (!old.Bool("immutable"))
            return;
        if (!body.Bool("immutable"))
            causes.Forbidden("immutable", "field is immutable when `immutable` is set");
        foreach (var field in (string[])["data", "binaryData"])
        {
            if (!JsonAccess.Same(body[field], old[field]))
                causes.Forbidden(field, "field is immutable when `immutable` is set");
        }
    }

    protected abstract long SizeOf(string field, string value);

    private static bool IsKey(string key) =>
        key.Length is > 0 and <= 253
        && key is not ("." or "..")
        && key.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '.' or '_');
}

internal sealed class ConfigMapRules : ConfigRules
{
    protected override long SizeOf(string field, string value) => Encoding.UTF8.GetByteCount(value);
}

internal sealed class SecretRules : ConfigRules
{
    public override void Default(JsonObject body)
    {
        body.Default("type", "Opaque");
        if (body.Obj("stringData") is not JsonObject texts)
            return;
        var data = body.Ensure("data");
        foreach (var (key, value) in texts)
            data[key] = Convert.ToBase64String(Encoding.UTF8.GetBytes(value.AsText() ?? ""));
        body.Remove("stringData");
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        foreach (var (key, value) in body.Obj("data") ?? [])
        {
            if (value.AsText() is string text && !Base64.IsValid(text))
                throw ApiException.BadRequest(
                    $"Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at input byte 0 (data[{key}])"
                );
        }
        base.Validate(body, causes);
        if (body.Str("type") == "kubernetes.io/dockerconfigjson" && body.At("data", ".dockerconfigjson") is null)
            causes.Required("data[.dockerconfigjson]");
    }

    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
        base.ValidateUpdate(body, old, causes);
        if (body.Str("type") != old.Str("type"))
            causes.Invalid("type", body["type"], "field is immutable");
    }

    protected override long SizeOf(string field, string value) => (long)value.Length * 3 / 4;
}
