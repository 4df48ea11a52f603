using System.Diagnostics;
using System.Text.RegularExpressions;
using CvManager.Support;
using Xunit;

namespace CvManager.Pester;

/// <summary>The build of the help fails if a page is not complete, or does not match its cmdlet.</summary>
public sealed class HelpWriterTests : IDisposable
{
    /// <summary>The time limit, high enough for a busy machine.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>A page for each gap: what to replace, and by what.</summary>
    private static readonly Dictionary<string, (string Pattern, string Replacement)> Gaps = new()
    {
        // Two examples; an example without a sentence, without code, with a syntax error, with a parameter that does not exist.
        ["Get-CvContext"] = (@"### Show the default cluster\n[\s\S]*?(?=\n### )", ""),
        ["Get-CvRollout"] = (@"(?<=## Examples\n\n### [^\n]+\n\n)[^`]+(?=```)", ""),
        ["Get-CvRolloutHistory"] = (@"(?<=## Examples\n\n### [^\n]+\n\n[^`]+)```[\s\S]*?```\n", ""),
        ["Install-CvController"] = ("Install-CvController -CrdOnly\n", "Install-CvController -CrdOnly |\n"),
        ["Wait-CvRollout"] = ("-Timeout 10m", "-TimeOut 10m"),
        // A parameter without a text, and a text without a parameter; an output without a text, and of another type.
        ["Add-CvRegistryTag"] = (@"### -Tag\n[\s\S]*?(?=\n### )", ""),
        ["Suspend-ContainerVersion"] = ("### -Reason\n", "### -Reasons\n"),
        ["Get-CvWorkload"] = (@"(?<=### CvManager\.PowerShell\.CvWorkload\n)[\s\S]*?(?=\n## )", ""),
        ["Remove-CvRegistryTag"] = ("### None", "### System.Int32"),
        // No links, and one to a page that does not exist.
        ["Stop-CvSandbox"] = (@"## Related links\n[\s\S]*", ""),
        ["Get-ContainerVersion"] = (@"\(Get-CvRollout\.md\)", "(Get-CvNothing.md)"),
        // A heading that is unknown, text that plain text has no form for, no synopsis.
        ["Get-CvRegistryTag"] = ("## Notes", "## Note"),
        ["Set-ContainerVersion"] = (@"## Notes\n", "## Notes\n\n<b>New</b>\n"),
        ["Test-ContainerVersion"] = (@"(?<=# Test-ContainerVersion\n)[\s\S]*?(?=\n## )", ""),
        // Topics: a line of code that is too long, a missing section, a short description of two lines, code that does not exist.
        ["about_CvCI"] = ("pwsh -NoProfile -NonInteractive -File", "pwsh -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -File"),
        ["about_CvManager"] = (@"## See also\n[\s\S]*", ""),
        ["about_CvRegistry"] = (@"(?<=## Short description\n\n)", "A description of a topic that is far too long for the list of topics. "),
        ["about_CvCredentials"] = ("Connect-CvCluster prod", "Connect-CvClusters prod"),
    };

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-help-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_complete_set_of_pages_becomes_the_help_of_both_modules()
    {
        var (exitCode, errors) = await RunAsync(new Dictionary<string, (string, string)>());

        Assert.Equal("", errors);
        Assert.Equal(0, exitCode);
        Assert.True(File.Exists(Path.Combine(Modules, "CvManager", "en-US", "CvManager.PowerShell.dll-Help.xml")));
        Assert.True(File.Exists(Path.Combine(Modules, "CvManager.Sandbox", "en-US", "CvManager.Sandbox.PowerShell.dll-Help.xml")));
        Assert.Equal(6, Directory.GetFiles(Path.Combine(Modules, "CvManager", "en-US"), "about_*.help.txt").Length);
    }

    [Fact]
    public async Task Every_gap_is_an_error_that_names_its_page()
    {
        var (exitCode, errors) = await RunAsync(Gaps);

        Assert.Equal(1, exitCode);
        var pages = Regex.Matches(errors, @"error CVHELP: ([\w-]+)").Select(match => match.Groups[1].Value);
        Assert.Equal(Gaps.Keys.Order(StringComparer.Ordinal), pages.Distinct().Order(StringComparer.Ordinal));
        Assert.False(Directory.Exists(Path.Combine(Modules, "CvManager", "en-US")), "an incomplete help was written");
    }

    private string Modules => Path.Combine(_folder.FullName, "module");

    private string Docs => Path.Combine(_folder.FullName, "docs");

    /// <summary>Writes the help of copies of the modules, from copies of the pages with these changes.</summary>
    private async Task<(int ExitCode, string Errors)> RunAsync(Dictionary<string, (string Pattern, string Replacement)> changes)
    {
        Copy(Path.Combine(RepositoryRoot.Path, "module"), Modules);
        Copy(Path.Combine(RepositoryRoot.Path, "docs"), Docs);
        foreach (var help in Directory.GetDirectories(Modules, "en-US", SearchOption.AllDirectories))
            Directory.Delete(help, recursive: true);
        foreach (var (page, (pattern, replacement)) in changes)
        {
            var path = Path.Combine(Docs, page + ".md");
            var text = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
            var changed = new Regex(pattern).Replace(text, replacement, 1);
            Assert.NotEqual(text, changed);
            await File.WriteAllTextAsync(path, changed, TestContext.Current.CancellationToken);
        }

        using Process process = new()
        {
            StartInfo = new ProcessStartInfo(
                BuildSettings.DotNetHost,
                [BuildSettings.HelpWriter, Modules, Docs, "https://github.com/cvmanager/cvmanager/blob/main/docs/"]
            )
            {
                RedirectStandardError = true,
            },
        };
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        process.Start();
        try
        {
            var errors = await process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
