using CvManager.Sandbox.Errors;

namespace CvManager.Sandbox.Api;

internal enum OutputKind
{
    Object,
    Table,
    Metadata,
}

/// <summary>The response format that the Accept header requests.</summary>
internal sealed record OutputForm(OutputKind Kind, string ApiVersion)
{
    private static readonly OutputForm Plain = new(OutputKind.Object, "");

    /// <exception cref="ApiException">406: none of the accepted formats is supported.</exception>
    public static OutputForm Negotiate(string accept, bool isList)
    {
        if (accept.Length == 0)
            return Plain;
        foreach (var range in accept.Split(','))
        {
            var parts = range.Split(';', StringSplitOptions.TrimEntries);
            var type = parts[0].Trim();
            if (type is not ("application/json" or "*/*" or "application/*"))
                continue;
            var form = Parameter(parts, "as");
            if (form.Length == 0)
                return Plain;
            var version = Parameter(parts, "v");
            if (Parameter(parts, "g") != "meta.k8s.io" || version is not ("v1" or "v1beta1"))
                continue;
            if (form == "Table")
                return new OutputForm(OutputKind.Table, "meta.k8s.io/" + version);
            if (form == (isList ? "PartialObjectMetadataList" : "PartialObjectMetadata"))
                return new OutputForm(OutputKind.Metadata, "meta.k8s.io/" + version);
        }
        throw new ApiException(406, "NotAcceptable", "only the following media types are accepted: application/json");
    }

    private static string Parameter(string[] parts, string name)
    {
        var prefix = name + "=";
        var part = parts.FirstOrDefault(item => item.StartsWith(prefix, StringComparison.Ordinal));
        return part is null ? "" : part[prefix.Length..];
    }
}
