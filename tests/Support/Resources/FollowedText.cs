using CvManager.Resources;

namespace CvManager.Support.Resources;

/// <summary>The inverse of <see cref="Followed.ToString"/>, for test data.</summary>
internal static class FollowedText
{
    public static Followed Parse(string text) =>
        text.Split(':', 2) switch
        {
            ["semver", var range] => new SemverPolicy(range),
            ["newest", var syntax] => new NewestPolicy(syntax == "*" ? null : syntax),
            [var regex, var expression] => new RegexPolicy(expression, regex.Split('/')[1]),
            _ => new FollowedTag(text),
        };
}
