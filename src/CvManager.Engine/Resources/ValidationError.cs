namespace CvManager.Resources;

/// <summary>A validation error of a resource.</summary>
/// <param name="Field">The path as Kubernetes writes it, for example <c>spec.container.verify[0].tag</c>.</param>
/// <param name="Value">The value as JSON, cut at 80 characters; empty if the field is missing.</param>
/// <param name="Message">What is wrong with the value.</param>
/// <param name="Remedy">What to do.</param>
public sealed record ValidationError(string Field, string Value, string Message, string Remedy)
{
    public override string ToString() => Value.Length == 0 ? $"{Field}: {Message}" : $"{Field}: {Value}: {Message}";
}
