using System.Reflection;
using Microsoft.PowerShell;

// The modules lie beside cvm: their cmdlets load them when they are first called. PowerShell adds its own folders.
var modules = Path.Combine(AppContext.BaseDirectory, "Modules");
var others = Environment.GetEnvironmentVariable("PSModulePath");
Environment.SetEnvironmentVariable("PSModulePath", string.IsNullOrEmpty(others) ? modules : modules + Path.PathSeparator + others);

// A controller talks to its cluster and its registries, and to nobody else; pwsh's own variables still decide where they are set.
foreach (var (variable, value) in (ReadOnlySpan<(string, string)>)[("POWERSHELL_TELEMETRY_OPTOUT", "1"), ("POWERSHELL_UPDATECHECK", "Off")])
{
    if (Environment.GetEnvironmentVariable(variable) is null)
        Environment.SetEnvironmentVariable(variable, value);
}

var version = typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
return ConsoleShell.Start(
    bannerText: $"CvManager {version}",
    helpText: """
    Usage: cvm [-File] FILE [arguments]     run a script
           cvm -Command TEXT                run a command
           cvm                              an interactive session

    cvm is PowerShell with the modules CvManager and CvManager.Sandbox. It takes the options of pwsh, and has its exit codes:
    https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_pwsh

    """,
    args
);
