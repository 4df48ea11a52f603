using System.Management.Automation;
using System.Reflection;
using CvManager.Shell;

var line = CommandLine.Parse(args);
if (line.Error is not null)
{
    Console.Error.WriteLine($"cvm: {line.Error}\n");
    Console.Error.Write(CommandLine.Usage);
    return ExitCodes.Usage;
}
if (line.ShowHelp)
{
    Console.Out.Write(CommandLine.Usage);
    return ExitCodes.Success;
}
if (line.ShowVersion)
{
    var own = typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
    var engine = typeof(PSObject).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split(' ')[0];
    Console.Out.WriteLine($"cvm {own} (PowerShell {engine})");
    return ExitCodes.Success;
}
return ScriptRun.Execute(line);
