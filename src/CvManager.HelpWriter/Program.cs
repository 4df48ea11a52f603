using System.Management.Automation;
using System.Management.Automation.Runspaces;
using CvManager.HelpWriter;

// Generates the help of the modules from docs/: HelpWriter <folder of the modules> <docs>.
// Exits with code 1 if a cmdlet has no page, or if a page does not match its cmdlet.
(var folder, var docs) = (args[0], args[1]);

// In the order in which they require each other. The about topics belong to the first.
string[] modules = ["CvManager", "CvManager.Sandbox"];
var state = InitialSessionState.CreateDefault2();
state.ThrowOnRunspaceOpenError = true;
state.ImportPSModule([.. modules.Select(module => Path.Combine(folder, module, module + ".psd1"))]);
using var runspace = RunspaceFactory.CreateRunspace(state);
runspace.Open();

var common = CmdletPage.Read(Path.Combine(docs, "common-parameters.md"));
Dictionary<string, MamlDocument> files = [];
List<string> errors = [];
foreach (var module in modules)
{
    using var shell = PowerShell.Create(runspace);
    var cmdlets = shell
        .AddCommand("Get-Command")
        .AddParameter("Module", module)
        .AddParameter("CommandType", CommandTypes.Cmdlet)
        .Invoke<CmdletInfo>()
        .OrderBy(c => c.Name, StringComparer.Ordinal)
        .ToList();
    MamlDocument help = new();
    if (cmdlets.Count == 0)
        errors.Add($"{module} exports no cmdlets.");
    foreach (var cmdlet in cmdlets)
    {
        var page = Path.Combine(docs, cmdlet.Name + ".md");
        if (File.Exists(page))
            errors.AddRange(help.Add(cmdlet, CmdletPage.Read(page), common));
        else
            errors.Add($"{cmdlet.Name}: page {page} not found");
    }

    files.Add(Path.Combine(folder, module, "en-US", module + ".PowerShell.dll-Help.xml"), help);
}

foreach (var line in errors)
    Console.Error.WriteLine($"{docs}: error CVHELP: {line}");
if (errors.Count > 0)
    return 1;
foreach (var (path, help) in files)
{
    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
    help.Save(path);
}

foreach (var about in Directory.EnumerateFiles(docs, "about_*.md"))
    File.Copy(about, Path.Combine(folder, modules[0], "en-US", Path.GetFileNameWithoutExtension(about) + ".help.txt"), overwrite: true);
return 0;
