using CvManager.Sandbox.Kinds;

namespace CvManager.Sandbox.Api;

internal enum FieldValidation
{
    Ignore,
    Warn,
    Strict,
}

/// <summary>Who writes, and how.</summary>
internal sealed class WriteContext
{
    public required string FieldManager { get; init; }

    public required ServedVersion Version { get; init; }

    /// <summary>Empty for the object itself.</summary>
    public string Subresource { get; init; } = "";

    public bool DryRun { get; init; }

    public FieldValidation Validation { get; init; } = FieldValidation.Warn;

    /// <summary>Collects the texts of Warning headers.</summary>
    public List<string> Warnings { get; } = [];
}
