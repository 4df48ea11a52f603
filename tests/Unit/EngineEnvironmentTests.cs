using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace CvManager.Unit;

public sealed class EngineEnvironmentTests
{
    private const string Letters = "bcdfghjk";

    [Fact]
    public void Random_letters_repeat_with_the_same_seed_and_not_by_default()
    {
        EngineEnvironment usual = new(TimeProvider.System, NullLogger.Instance);

        Assert.Equal(Seeded().RandomLetters(Letters, 30), Seeded().RandomLetters(Letters, 30));
        Assert.NotEqual(usual.RandomLetters(Letters, 30), usual.RandomLetters(Letters, 30));
        Assert.All(usual.RandomLetters(Letters, 30), letter => Assert.Contains(letter, Letters));

        EngineEnvironment Seeded() => usual with { Random = new Random(7) };
    }
}
