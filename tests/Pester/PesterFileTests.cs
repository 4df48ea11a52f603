using Xunit;

namespace CvManager.Pester;

/// <summary>All kinds of failures are reported.</summary>
public sealed class PesterFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-pester-file-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_failed_test_is_reported_with_its_message()
    {
        var outcomes = await RunAsync(
            """
            Describe 'Numbers' {
                It 'are <_>' -ForEach 1, 2 { $_ | Should -Be 1 -Because 'there is one' }
                Context 'without a setup' {
                    BeforeAll { throw 'no setup' }
                    It 'does not run' { }
                }
                It 'is skipped' -Skip { }
            }
            """
        );

        Assert.Equal(
            [
                "Numbers.are 1 Passed",
                "Numbers.are 2 Failed",
                "Numbers.is skipped Skipped",
                "Numbers.without a setup Failed",
                "Numbers.without a setup.does not run Failed",
            ],
            outcomes.Select(outcome => $"{outcome.Name} {outcome.Result}").Order(StringComparer.Ordinal)
        );
        Assert.Contains("there is one", outcomes.Single(outcome => outcome.Name == "Numbers.are 2").Message, StringComparison.Ordinal);
        Assert.Contains(
            "no setup",
            outcomes.Single(outcome => outcome.Name == "Numbers.without a setup").Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("Describe 'All' { It 'is skipped' -Skip { } }")]
    [InlineData("Describe 'It' {")]
    [InlineData("Describe 'It' { It 'ends the process' { [Environment]::Exit(0) } }")]
    public async Task A_file_in_which_nothing_runs_fails(string text)
    {
        var outcomes = await RunAsync(text);

        Assert.Contains(outcomes, outcome => outcome.Result == "Failed");
    }

    [Fact]
    public async Task A_file_that_hangs_is_killed_and_fails()
    {
        var outcomes = await PesterFile.RunAsync(
            Write("Describe 'It' { It 'hangs' { [Threading.Thread]::Sleep(-1) } }"),
            TimeSpan.FromSeconds(1),
            TestContext.Current.CancellationToken
        );

        var failure = Assert.Single(outcomes);
        Assert.Equal(("Some.Tests.ps1", "Failed"), (failure.Name, failure.Result));
    }

    [Fact]
    public async Task A_file_does_not_see_what_the_file_before_it_left_in_the_process()
    {
        using var process = new PesterProcess();
        const string Left = """
            Describe 'It' {
                It 'leaves <_>' -ForEach 'nothing' {
                    $global:left | Should -BeNullOrEmpty
                    $PSDefaultParameterValues.Count | Should -Be 0
                    $env:CVM_LEFT | Should -BeNullOrEmpty
                    Get-Command Get-Left -ErrorAction Ignore | Should -BeNullOrEmpty
                    [Environment]::CurrentDirectory | Should -Not -Be $PSScriptRoot
                    $global:left = $env:CVM_LEFT = 'left'
                    $global:PSDefaultParameterValues['Get-Item:Force'] = $true
                    function global:Get-Left { }
                    [Environment]::CurrentDirectory = $PSScriptRoot
                }
            }
            """;
        var path = Write(Left);

        for (var run = 0; run < 2; run++)
        {
            var outcome = Assert.Single((await process.RunAsync(path, TestContext.Current.CancellationToken))!);
            Assert.True(outcome.Passed, outcome.Message);
        }
    }

    private Task<IReadOnlyList<PesterOutcome>> RunAsync(string text) =>
        PesterFile.RunAsync(Write(text), PesterFile.Limit, TestContext.Current.CancellationToken);

    private string Write(string text)
    {
        var path = Path.Combine(_folder.FullName, "Some.Tests.ps1");
        File.WriteAllText(path, text);
        return path;
    }
}
