using CvManager.Registries;
using CvManager.Support.Registries;
using Xunit;

namespace CvManager.Unit.Registries;

/// <summary>Lists with unreadable tags.</summary>
public sealed class TagListingTests
{
    private readonly FakeRegistry _registry = new();
    private readonly List<string> _seen = [];
    private readonly List<CvException> _errors = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(CvErrorKind.Invalid, false)]
    [InlineData(CvErrorKind.NotSupported, false)]
    [InlineData(CvErrorKind.Forbidden, true)]
    [InlineData(CvErrorKind.Unavailable, true)]
    [InlineData(CvErrorKind.Timeout, true)]
    public async Task An_unreadable_tag_is_reported_and_does_not_hide_others(CvErrorKind kind, bool renamed)
    {
        for (var i = 0; i < 20; i++)
            _registry.Tags[$"t{i:00}"] = FakeRegistry.Digest('a');
        _registry.Broken["t07"] = FakeRegistry.Error(kind);

        await ListAsync();

        Assert.Equal(Enumerable.Range(0, 20).Select(i => i == 7 ? "!" : $"t{i:00}"), _seen);
        var error = Assert.Single(_errors);
        Assert.Equal(("RegistryTest", kind), (error.ErrorId, error.Kind));
        if (renamed)
            Assert.Equal($"{FakeRegistry.App}:t07", error.Target);
    }

    [Fact]
    public async Task Consecutive_failures_end_the_list()
    {
        for (var i = 0; i < 200; i++)
        {
            _registry.Tags[$"t{i:000}"] = FakeRegistry.Digest('a');
            if (i >= 50)
                _registry.Broken[$"t{i:000}"] = FakeRegistry.Error(CvErrorKind.Unavailable);
        }

        await Assert.ThrowsAsync<CvException>(ListAsync);

        Assert.Equal((50, 15), (_seen.Count(s => s != "!"), _errors.Count));
        Assert.InRange(_registry.Requests.Count, 50, 80);
    }

    [Fact]
    public async Task Damaged_tags_do_not_end_a_list_however_many_there_are()
    {
        for (var i = 0; i < 100; i++)
        {
            _registry.Tags[$"t{i:000}"] = FakeRegistry.Digest('a');
            if (i % 2 == 0)
                _registry.Broken[$"t{i:000}"] = FakeRegistry.Error(CvErrorKind.Unavailable);
        }

        await ListAsync();

        Assert.Equal((50, 50), (_seen.Count(s => s != "!"), _errors.Count));
    }

    private async Task ListAsync()
    {
        await foreach ((var tag, var _) in _registry.ListWithDigestsAsync(FakeRegistry.App, _ => true, Unreadable, Token))
            _seen.Add(tag);
    }

    private Task Unreadable(CvException error)
    {
        _seen.Add("!");
        _errors.Add(error);
        return Task.CompletedTask;
    }
}
