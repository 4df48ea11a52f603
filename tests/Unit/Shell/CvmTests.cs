using System.Reflection;
using System.Reflection.Emit;
using Xunit;

namespace CvManager.Unit.Shell;

/// <summary>cvm behaves like pwsh, with the additions of CvManager.</summary>
public sealed class CvmTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("'before'; exit 3", "before\n", 3)]
    [InlineData("Write-Error 'bad'", "", 1)]
    public async Task A_command_ends_with_the_exit_code_of_pwsh(string command, string output, int exitCode)
    {
        var result = await Cvm.RunAsync(["-Command", command]);

        Assert.Equal((exitCode, output), (result.ExitCode, result.Output));
    }

    [Theory]
    [InlineData("param([switch] $Loud, [int] $Count) \"$Loud $($Count + 1)\"; exit 3", "True 4\n", 3)]
    [InlineData("$args -join '|'; throw 'bad'", "-Loud|-Count|3\n", 1)]
    public async Task A_file_takes_arguments_and_ends_with_the_exit_code_of_pwsh(string script, string output, int exitCode)
    {
        var result = await Cvm.RunAsync([Script(script), "-Loud", "-Count", "3"]);

        Assert.Equal((exitCode, output), (result.ExitCode, result.Output));
    }

    [Fact]
    public async Task It_has_the_modules_of_PowerShell_and_its_own_and_sends_no_telemetry()
    {
        var result = await Cvm.RunAsync([
            "-Command",
            """
            $ErrorActionPreference = 'Stop'
            1, 2 | Select-Object -First 1 | ConvertTo-Json
            (Get-Item $PSHOME).PSIsContainer
            $null = Add-CvSandboxImage a b -ErrorAction Ignore
            (Get-Module CvManager).ModuleBase
            $env:POWERSHELL_TELEMETRY_OPTOUT
            """,
        ]);

        Assert.Equal(
            ["1", "True", Path.Combine(Path.GetDirectoryName(Cvm.Path)!, "Modules", "CvManager"), "1"],
            result.Output.TrimEnd().Split('\n')
        );
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
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

    [Fact]
    public async Task The_module_loads_beside_other_versions_of_its_dependencies()
    {
        string[] names = ["YamlDotNet", "AWSSDK.Core", "Polly.Core"];
        foreach (var name in names)
        {
            var other = new PersistedAssemblyBuilder(new AssemblyName(name) { Version = new Version(1, 2, 3, 4) }, typeof(object).Assembly);
            other.DefineDynamicModule(name);
            other.Save(Path.Combine(_folder, name + ".dll"));
        }
        var script = Script(
            """
            foreach ($other in $args) { ([Reflection.Assembly]::LoadFrom([IO.Path]::Combine($PSScriptRoot, "$other.dll"))).GetName().Version.ToString() }
            $sandbox = Start-CvSandbox
            (Get-CvContext | Where-Object IsCurrent).Server -eq $sandbox.Server
            $sandbox.KubeConfig
            """
        );

        var result = await Cvm.RunAsync([script, .. names]);

        Assert.Empty(result.Errors);
        var lines = result.Output.TrimEnd().Split('\n');
        Assert.Equal(["1.2.3.4", "1.2.3.4", "1.2.3.4", "True"], lines[..4]);
        Assert.False(File.Exists(lines[4]), "The sandbox ends with the process.");
    }

    private string Script(string text)
    {
        var path = Path.Combine(_folder, "script.ps1");
        File.WriteAllText(path, text);
        return path;
    }
}
