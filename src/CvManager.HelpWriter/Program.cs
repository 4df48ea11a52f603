using System.Management.Automation;
using System.Management.Automation.Runspaces;
using CvManager.HelpWriter;

// Generates the help of the module from docs/: HelpWriter <module manifest> <docs> <en-US folder of the module>.
// Exits with code 1 if a cmdlet has no page, or if a page does not match its cmdlet.
(string manifest, string docs, string target) = (args[0], args[1], args[2]);
InitialSessionState state = InitialSessionState.CreateDefault2();
state.ThrowOnRunspaceOpenError = true;
state.ImportPSModule(manifest);
using Runspace runspace = RunspaceFactory.CreateRunspace(state);
runspace.Open();
using PowerShell shell = PowerShell.Create(runspace);
List<CmdletInfo> cmdlets = shell.AddCommand("Get-Command").AddParameter("Module", "CvManager").AddParameter("CommandType", CommandTypes.Cmdlet)
    .Invoke<CmdletInfo>().OrderBy(c => c.Name, StringComparer.Ordinal).ToList();

CmdletPage common = CmdletPage.Read(Path.Combine(docs, "common-parameters.md"));
MamlDocument help = new();
List<string> errors = cmdlets.Count == 0 ? ["The module exports no cmdlets."] : [];
foreach (CmdletInfo cmdlet in cmdlets)
{
    string page = Path.Combine(docs, cmdlet.Name + ".md");
    if (File.Exists(page))
        errors.AddRange(help.Add(cmdlet, CmdletPage.Read(page), common));
    else
        errors.Add($"{cmdlet.Name}: page {page} not found");
}

foreach (string line in errors)
    Console.Error.WriteLine($"{docs}: error CVHELP: {line}");
if (errors.Count > 0)
    return 1;
Directory.CreateDirectory(target);
foreach (string about in Directory.EnumerateFiles(docs, "about_*.md"))
    File.Copy(about, Path.Combine(target, Path.GetFileNameWithoutExtension(about) + ".help.txt"), overwrite: true);
help.Save(Path.Combine(target, "CvManager.PowerShell.dll-Help.xml"));
return 0;
