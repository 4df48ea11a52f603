namespace CvManager.Resources;

/// <summary>One thing that is wrong with a resource, and what to do about it.</summary>
/// <param name="Field">The path as Kubernetes writes it, for example <c>spec.container.verify[0].tag</c>.</param>
/// <param name="Value">The value as JSON, cut at 80 characters; empty where the field is missing.</param>
/// <param name="Message">What is wrong with it.</param>
/// <param name="Remedy">What would be right.</param>
public sealed record ValidationError(string Field, string Value, string Message, string Remedy)
{
    public override string ToString() => Value.Length == 0 ? $"{Field}: {Message}" : $"{Field}: {Value}: {Message}";
}
