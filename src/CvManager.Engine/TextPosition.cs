namespace CvManager;

/// <summary>A position in a text.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
public readonly record struct TextPosition(long Line, long Column);
