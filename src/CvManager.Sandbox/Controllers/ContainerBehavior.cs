using System.Text.RegularExpressions;

namespace CvManager.Sandbox.Controllers;

/// <summary>
/// How a simulated container behaves, by the words that its image's tag contains. <c>crash</c>: exits with 1 after every start;
/// <c>notready</c>: runs but never becomes ready; <c>fail</c>: exits with 1 at the end of its run; <c>sleep</c>: never exits;
/// <c>bad</c>: cannot be pulled, unless an image source decides that.
/// </summary>
internal sealed partial record ContainerBehavior(bool Crashes, bool NeverReady, bool Fails, bool Sleeps, bool CannotBePulled)
{
    public static ContainerBehavior Of(string image)
    {
        var tag = Tag(image);
        bool Has(string word) => tag.Contains(word, StringComparison.OrdinalIgnoreCase);
        return new ContainerBehavior(Has("crash"), Has("notready"), Has("fail"), Has("sleep"), Has("bad"));
    }

    /// <summary>Whether the container runtime accepts the reference; the repository must be lower case, for example.</summary>
    public static bool IsReference(string image) => ReferencePattern().IsMatch(image);

    private static string Tag(string image)
    {
        var name = image.Split('@', 2)[0];
        name = name[(name.LastIndexOf('/') + 1)..];
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? "latest" : name[(colon + 1)..];
    }

    [GeneratedRegex(
        @"^([A-Za-z0-9.\-]+(:[0-9]+)?/)?[a-z0-9]+([._\-/][_\-]*[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._\-]{0,127})?(@[a-z0-9]+:[0-9a-f]{32,})?\z"
    )]
    private static partial Regex ReferencePattern();
}
