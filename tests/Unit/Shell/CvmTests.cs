using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using Xunit;

namespace CvManager.Unit.Shell;

/// <summary>cvm as a process: what it prints where, and what it ends with.</summary>
public sealed class CvmTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("exit 3", 3)]
    [InlineData("function f { exit 4 }; f; 'not reached'", 4)]
    [InlineData("throw 'bad'", 1)]
    [InlineData("Get-Command Nope", 1)]
    [InlineData("Get-Command Nope; 'last'", 0)]
    public async Task A_command_ends_with_the_exit_code_of_pwsh(string command, int exitCode)
    {
        var result = await Cvm.RunAsync(["-Command", command]);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.DoesNotContain("not reached", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-KubeConfig /nowhere/kubeconfig", "KubeConfigNotFound")]
    [InlineData("-Wait", "ParameterNotApplicable")]
    public async Task A_controller_that_cannot_start_says_why_in_JSON_and_nothing_else(string parameters, string errorId)
    {
        var result = await Cvm.RunAsync(["-Command", $"Start-CvReconcile -Watch -LogFormat Json {parameters}"]);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal("", result.Errors);
        using var line = System.Text.Json.JsonDocument.Parse(result.Output);
        Assert.Equal(errorId, line.RootElement.GetProperty("errorId").GetString());
        Assert.NotEqual("", line.RootElement.GetProperty("remedy").GetString());
    }

    [Theory]
    [InlineData("exit 3", 3)]
    [InlineData("throw 'bad'", 1)]
    [InlineData("Get-Command Nope", 0)]
    [InlineData("$ErrorActionPreference = 'Stop'; Get-Command Nope; exit 9", 1)]
    public async Task A_file_ends_with_the_exit_code_of_pwsh(string script, int exitCode)
    {
        var result = await Cvm.RunAsync([Script(script)]);

        Assert.Equal(exitCode, result.ExitCode);
    }

    [Theory]
    [InlineData("There is no file 'nowhere.ps1'.", "-File", "nowhere.ps1")]
    [InlineData("There is no file 'nowhere.ps1'.", "nowhere.ps1")]
    [InlineData("There is no option '-Frob'.", "-Frob")]
    [InlineData("-Command needs a command.", "-Command")]
    [InlineData("Neither a file nor a command is given.")]
    public async Task Arguments_that_make_no_sense_end_with_64(string complaint, params string[] arguments)
    {
        var result = await Cvm.RunAsync(arguments);

        Assert.Equal(64, result.ExitCode);
        Assert.StartsWith("cvm: " + complaint, result.Errors, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Fact]
    public async Task Arguments_are_bound_as_pwsh_does()
    {
        var script = Script("param([string] $Name, [switch] $Loud, [switch] $Quiet, [int] $Count, [Parameter(ValueFromRemainingArguments)] $Rest)\n"
            + "\"$Name|$Loud|$Quiet|$Count|$($Rest -join ',')|$([IO.Path]::GetFileName($PSScriptRoot))\"");

        var result = await Cvm.RunAsync([script, "-Loud", "-Name:bob", "-Quiet:$false", "-Count", "3", "a b", "c"]);

        Assert.Equal($"bob|True|False|3|a b,c|{Path.GetFileName(_folder)}\n", result.Output);
    }

    [Fact]
    public async Task Without_parameters_the_arguments_are_in_args()
    {
        var result = await Cvm.RunAsync(["-NoProfile", "-File", Script("$args.Count; $args"), "one", "-two", "three"]);

        Assert.Equal("3\none\n-two\nthree\n", result.Output);
    }

    [Fact]
    public async Task Errors_go_to_standard_error_as_PowerShell_shows_them()
    {
        var script = Script("'before'\nGet-Command Nope\n'after'");

        var result = await Cvm.RunAsync([script]);

        Assert.Equal("before\nafter\n", result.Output);
        Assert.StartsWith($"Get-Command: {script}:2\nLine |\n   2 |  Get-Command Nope\n     |  ~~~~", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_uncaught_error_shows_where_it_happened()
    {
        var script = Script("function Fail {\n  throw 'bad'\n}\nFail");

        var result = await Cvm.RunAsync([script]);

        Assert.StartsWith($"Exception: {script}:2\nLine |\n   2 |    throw 'bad'", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_that_does_not_parse_says_where()
    {
        Assert.Contains("   1 |  if ((\n     |       ~\n     | An expression was expected", (await Cvm.RunAsync(["-c", "if (("])).Errors, StringComparison.Ordinal);
        Assert.Contains("   2 |  if ((", (await Cvm.RunAsync([Script("'x'\nif ((")])).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Objects_are_shown_by_PowerShell_s_formatting_without_colours_in_a_pipe()
    {
        var result = await Cvm.RunAsync(["-c", "1..2", "|", "ForEach-Object", "{ [pscustomobject]@{ Number = $_; Name = 'x' } }"]);

        Assert.Equal("\nNumber Name\n------ ----\n     1 x\n     2 x\n\n", result.Output);
    }

    [Fact]
    public async Task Standard_input_can_be_the_command()
    {
        var result = await Cvm.RunAsync(["-c", "-"], "'from'\n'input'");

        Assert.Equal("from\ninput\n", result.Output);
    }

    [Fact]
    public async Task A_question_that_nobody_can_answer_is_an_error()
    {
        var result = await Cvm.RunAsync([Script(
            "function f { [CmdletBinding(SupportsShouldProcess)] param() if ($PSCmdlet.ShouldProcess('target', 'Turn it')) { 'turned' } }\n"
            + "f -WhatIf; f; f -Confirm")]);

        Assert.Equal("What if: Performing the operation \"Turn it\" on target \"target\".\nturned\n", result.Output);
        Assert.Contains("There is nobody to answer", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_and_help_are_told()
    {
        Assert.Matches(@"^cvm \d+\.\d+\.\d+ \(PowerShell 7\.\d+\.\d+\)\n$", (await Cvm.RunAsync(["-Version"])).Output);
        Assert.StartsWith("Usage: cvm FILE", (await Cvm.RunAsync(["-Help"])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_module_loads_by_its_name_and_beside_other_versions_of_its_dependencies()
    {
        string[] names = ["YamlDotNet", "AWSSDK.Core", "Polly.Core"];
        foreach (var name in names)
        {
            var other = new PersistedAssemblyBuilder(new AssemblyName(name) { Version = new Version(1, 2, 3, 4) }, typeof(object).Assembly);
            other.DefineDynamicModule(name);
            other.Save(Path.Combine(_folder, name + ".dll"));
        }
        var script = Script("""
            foreach ($other in $args) { ([Reflection.Assembly]::LoadFrom([IO.Path]::Combine($PSScriptRoot, "$other.dll"))).GetName().Version.ToString() }
            $sandbox = Start-CvSandbox
            (Get-CvContext).Server -eq $sandbox.Server
            $sandbox.KubeConfig
            """);

        var result = await Cvm.RunAsync([script, .. names]);

        Assert.Empty(result.Errors);
        var lines = result.Output.TrimEnd().Split('\n');
        Assert.Equal(["1.2.3.4", "1.2.3.4", "1.2.3.4", "True"], lines[..4]);
        Assert.False(File.Exists(lines[4]), "The sandbox ends with the process.");
    }

    [Theory]
    [InlineData(2, 130)]
    [InlineData(15, 143)]
    public async Task A_signal_stops_the_pipeline_and_is_the_exit_code(int signal, int exitCode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no signals on Windows.");
        var started = Path.Combine(_folder, "started");
        var cleaned = Path.Combine(_folder, "cleaned");
        var script = Script($"try {{ [IO.File]::WriteAllText('{started}', ''); while ($true) {{ [Threading.Thread]::Sleep(10) }} }} finally {{ [IO.File]::WriteAllText('{cleaned}', '') }}");

        var result = await Cvm.RunAsync([script], meanwhile: async process =>
        {
            while (!File.Exists(started))
                await Task.Delay(20, TestContext.Current.CancellationToken);
            Assert.Equal(0, Kill(process.Id, signal));
        });

        Assert.Equal(exitCode, result.ExitCode);
        Assert.True(File.Exists(cleaned));
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);

    private string Script(string text)
    {
        var path = Path.Combine(_folder, "script.ps1");
        File.WriteAllText(path, text);
        return path;
    }
}
