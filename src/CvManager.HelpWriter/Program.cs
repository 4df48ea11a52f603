using System.Management.Automation;
using System.Management.Automation.Runspaces;
using CvManager.HelpWriter;

// Generates the help of the module from docs/: HelpWriter <module manifest> <docs> <en-US folder of the module>.
// Exits with code 1 if a cmdlet has no page, or if a page does not match its cmdlet.
(var manifest, var docs, var target) = (args[0], args[1], args[2]);
var state = InitialSessionState.CreateDefault2();
state.ThrowOnRunspaceOpenError = true;
state.ImportPSModule(manifest);
using var runspace = RunspaceFactory.CreateRunspace(state);
runspace.Open();
using var shell = PowerShell.Create(runspace);
var cmdlets = shell
    .AddCommand("Get-Command")
    .AddParameter("Module", "CvManager")
    .AddParameter("CommandType", CommandTypes.Cmdlet)
    .Invoke<CmdletInfo>()
    .OrderBy(c => c.Name, StringComparer.Ordinal)
    .ToList();

var common = CmdletPage.Read(Path.Combine(docs, "common-parameters.md"));
MamlDocument help = new();
List<string> errors = cmdlets.Count == 0 ? ["The module exports no cmdlets."] : [];
foreach (var cmdlet in cmdlets)
{
    var page = Path.Combine(docs, cmdlet.Name + ".md");
    if (File.Exists(page))
        errors.AddRange(help.Add(cmdlet, CmdletPage.Read(page), common));
    else
        errors.Add($"{cmdlet.Name}: page {page} not found");
}

foreach (var line in errors)
    Console.Error.WriteLine($"{docs}: error CVHELP: {line}");
if (errors.Count > 0)
    return 1;
Directory.CreateDirectory(target);
foreach (var about in Directory.EnumerateFiles(docs, "about_*.md"))
    File.Copy(about, Path.Combine(target, Path.GetFileNameWithoutExtension(about) + ".help.txt"), overwrite: true);
help.Save(Path.Combine(target, "CvManager.PowerShell.dll-Help.xml"));
return 0;
