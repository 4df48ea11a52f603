using Xunit;

namespace CvManager.Pester;

/// <summary>What a person sees in a terminal.</summary>
public sealed class TerminalTests
{
    public static bool IsAvailable => Terminal.IsAvailable;

    [Fact(SkipUnless = nameof(IsAvailable), Skip = "tmux is not installed.")]
    public async Task A_controller_shows_a_rollout_as_it_happens_and_after_an_interrupt()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var terminal = await Terminal.StartAsync(
            $"""
            . '{Path.Combine(PesterFile.Folder, "Start-Example.ps1")}'
            $null = Add-CvSandboxImage -Repository $repository -Tag 'abcdef0', 'demo'
            """,
            columns: 100,
            rows: 40,
            cancellationToken
        );

        await terminal.TypeAsync("Start-CvReconcile -Watch");
        await terminal.WaitForAsync("Watching namespace default of https://127.0.0.1:", cancellationToken);
        await terminal.WaitForAsync("Initial sync complete: 1", cancellationToken);
        await terminal.WaitForAsync("(Lease default/cvmanager-controller", cancellationToken);
        await terminal.WaitForAsync("Progressing", cancellationToken);
        await terminal.WaitForAsync("Succeeded", cancellationToken);
        await terminal.PressAsync("C-c");
        await terminal.WaitForAsync(Terminal.Prompt, cancellationToken);

        var screen = await terminal.ScreenAsync(cancellationToken);
        Assert.Single(screen, line => line.StartsWith("Watching namespace default", StringComparison.Ordinal));
        Assert.Single(screen, line => line.StartsWith("Time     Outcome     Version", StringComparison.Ordinal));
        Assert.Contains(screen, line => IsResult(line, "Progressing"));
        Assert.Single(screen, line => IsResult(line, "Succeeded"));
        Assert.DoesNotContain(screen, line => line.Contains("Exception", StringComparison.Ordinal));
    }

    private static bool IsResult(string line, string outcome) =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var first, "abcdef0", "default", "myappcv", ..] && first == outcome;
}
