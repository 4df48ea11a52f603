using CvManager.Resources;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Unit.Resources;

public sealed class FollowedTests
{
    public static TheoryData<ContainerVersionSpec, Followed, string> Specs =>
        new()
        {
            {
                new() { Tag = "demo" },
                new FollowedTag("demo"),
                "demo"
            },
            {
                new() { VersionPolicy = new() { Semver = "^1.4" } },
                new SemverPolicy("^1.4"),
                "semver:^1.4"
            },
            {
                new() { VersionPolicy = new() { Regex = "a:(.*)" } },
                new RegexPolicy("a:(.*)", "numeric"),
                "regex/numeric:a:(.*)"
            },
            {
                new()
                {
                    VersionPolicy = new() { Regex = "a", Order = "alphabetical" },
                },
                new RegexPolicy("a", "alphabetical"),
                "regex/alphabetical:a"
            },
            {
                new() { VersionPolicy = new() { Newest = true } },
                new NewestPolicy(null),
                "newest:*"
            },
            {
                new()
                {
                    VersionPolicy = new() { Newest = true },
                    VersionSyntax = "[0-9]+",
                },
                new NewestPolicy("[0-9]+"),
                "newest:[0-9]+"
            },
        };

    /// <summary>Statuses contain the text: it must not change.</summary>
    [Theory]
    [MemberData(nameof(Specs))]
    public void What_is_followed_is_read_from_the_specification_and_has_a_stable_text(
        ContainerVersionSpec spec,
        Followed followed,
        string text
    )
    {
        Assert.Equal(followed, Followed.Of(spec));
        Assert.Equal(text, followed.ToString());
        Assert.Equal(followed, FollowedText.Parse(text));
    }
}
