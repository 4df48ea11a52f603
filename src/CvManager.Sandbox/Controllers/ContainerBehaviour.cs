using System.Text.RegularExpressions;

namespace CvManager.Sandbox.Controllers;

/// <summary>
/// How a pretended container behaves: its image's tag says so. <c>crash</c>: it exits with 1, again and again; <c>notready</c>: it runs
/// but never gets ready; <c>fail</c>: it exits with 1 once it has run; <c>sleep</c>: it never ends by itself; <c>bad</c>: it cannot be
/// pulled, where no image source says what can.
/// </summary>
internal sealed partial record ContainerBehaviour(bool Crashes, bool NeverReady, bool Fails, bool Sleeps, bool CannotBePulled)
{
    public static ContainerBehaviour Of(string image)
    {
        string tag = Tag(image);
        bool Has(string word) => tag.Contains(word, StringComparison.OrdinalIgnoreCase);
        return new ContainerBehaviour(Has("crash"), Has("notready"), Has("fail"), Has("sleep"), Has("bad"));
    }

    /// <summary>As the container runtime: the repository has to be in lower case, and so on.</summary>
    public static bool IsReference(string image) => ReferencePattern().IsMatch(image);

    private static string Tag(string image)
    {
        string name = image.Split('@', 2)[0];
        name = name[(name.LastIndexOf('/') + 1)..];
        int colon = name.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? "latest" : name[(colon + 1)..];
    }

    [GeneratedRegex(@"^([A-Za-z0-9.\-]+(:[0-9]+)?/)?[a-z0-9]+([._\-/][_\-]*[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._\-]{0,127})?(@[a-z0-9]+:[0-9a-f]{32,})?\z")]
    private static partial Regex ReferencePattern();
}
