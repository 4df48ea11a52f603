using Xunit;

namespace CvManager.Support;

/// <summary>Facts in a text: names of fields, values, commands, remote messages. Tests must not depend on other words.</summary>
internal static class Facts
{
    public static bool AreIn(string? text, params IEnumerable<string> facts) =>
        text is not null && facts.All(fact => text.Contains(fact, StringComparison.Ordinal));

    /// <summary>Fails unless the text contains all of them.</summary>
    public static void AssertIn(string? text, params IEnumerable<string> facts)
    {
        Assert.NotNull(text);
        Assert.All(facts, fact => Assert.Contains(fact, text, StringComparison.Ordinal));
    }
}
