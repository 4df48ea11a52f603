using CvManager.Sandbox.Kinds;

namespace CvManager.Sandbox.Api;

internal enum FieldValidation
{
    Ignore,
    Warn,
    Strict,
}

/// <summary>The field manager and options of one write.</summary>
internal sealed class WriteContext
{
    public required string FieldManager { get; init; }

    public required ServedVersion Version { get; init; }

    /// <summary>Empty for the object itself.</summary>
    public string Subresource { get; init; } = "";

    public bool DryRun { get; init; }

    public FieldValidation Validation { get; init; } = FieldValidation.Warn;

    /// <summary>The texts of the Warning headers to return.</summary>
    public List<string> Warnings { get; } = [];
}
