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

    [Fact(SkipUnless = nameof(IsAvailable), Skip = "tmux is not installed.")]
    public async Task An_interrupt_ends_a_wait_and_the_session_goes_on()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var terminal = await StartAsync(cancellationToken);

        await terminal.TypeAsync("Wait-CvRollout myappcv -Version fedcba9 -Timeout 10m");
        // The progress bar.
        await terminal.WaitForAsync("default/myappcv", cancellationToken);
        await terminal.PressAsync("C-c");
        await terminal.WaitForAsync(Terminal.Prompt, cancellationToken);
        await terminal.TypeAsync("'next' + (Get-ContainerVersion).Name");

        await terminal.WaitForAsync("nextmyappcv", cancellationToken);
        Assert.DoesNotContain(
            await terminal.ScreenAsync(cancellationToken),
            line => line.Contains("Exception", StringComparison.Ordinal) || line.Contains("Recommendation", StringComparison.Ordinal)
        );
    }

    [Fact(SkipUnless = nameof(IsAvailable), Skip = "tmux is not installed.")]
    public async Task A_removal_happens_only_if_the_answer_to_the_prompt_is_yes()
    {
        const string Question = "[?] Help";
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var terminal = await StartAsync(cancellationToken);

        await terminal.TypeAsync("Remove-ContainerVersion myappcv -Confirm");
        await terminal.WaitForAsync(Question, cancellationToken);
        await terminal.TypeAsync("n");
        await terminal.WaitForAsync(Terminal.Prompt, cancellationToken);
        await terminal.TypeAsync("'left' + @(Get-ContainerVersion).Count");
        await terminal.WaitForAsync("left1", cancellationToken);
        await terminal.WaitForAsync(Terminal.Prompt, cancellationToken);
        await terminal.TypeAsync("Remove-ContainerVersion myappcv -Confirm");
        await terminal.WaitForAsync(Question, cancellationToken);
        await terminal.TypeAsync("y");
        await terminal.WaitForAsync(Terminal.Prompt, cancellationToken);
        await terminal.TypeAsync("'left' + @(Get-ContainerVersion).Count");
        await terminal.WaitForAsync("left0", cancellationToken);
    }

    private static Task<Terminal> StartAsync(CancellationToken cancellationToken) =>
        Terminal.StartAsync($". '{Path.Combine(PesterFile.Folder, "Start-Example.ps1")}'", columns: 120, rows: 40, cancellationToken);

    private static bool IsResult(string line, string outcome) =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var first, "abcdef0", "default", "myappcv", ..] && first == outcome;
}
