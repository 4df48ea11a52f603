using System.Management.Automation;
using System.Management.Automation.Runspaces;
using CvManager.HelpWriter;

// Writes the module's help from docs/: HelpWriter <module manifest> <docs> <module's en-US folder>.
// Exit code 1 where a cmdlet has no page, or a page and its cmdlet differ.
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
List<string> wrong = cmdlets.Count == 0 ? ["The module exports no cmdlet."] : [];
foreach (CmdletInfo cmdlet in cmdlets)
{
    string page = Path.Combine(docs, cmdlet.Name + ".md");
    if (File.Exists(page))
        wrong.AddRange(help.Add(cmdlet, CmdletPage.Read(page), common));
    else
        wrong.Add($"{cmdlet.Name} has no page {page}");
}

foreach (string line in wrong)
    Console.Error.WriteLine($"{docs}: error CVHELP: {line}");
if (wrong.Count > 0)
    return 1;
Directory.CreateDirectory(target);
foreach (string about in Directory.EnumerateFiles(docs, "about_*.md"))
    File.Copy(about, Path.Combine(target, Path.GetFileNameWithoutExtension(about) + ".help.txt"), overwrite: true);
help.Save(Path.Combine(target, "CvManager.PowerShell.dll-Help.xml"));
return 0;
