using System.Management.Automation;
using System.Management.Automation.Runspaces;
using CvManager.HelpWriter;

// Generates the help of the modules from docs/: HelpWriter <folder of the modules> <docs> <address of docs/>.
// Exits with code 1 if a cmdlet has no page, or if a page is not complete or does not match its cmdlet.
(var folder, var docs, var docsUri) = (args[0], args[1], args[2]);

// In the order in which they require each other. The about topics belong to the first.
string[] modules = ["CvManager", "CvManager.Sandbox"];
var state = InitialSessionState.CreateDefault2();
state.ThrowOnRunspaceOpenError = true;
state.ImportPSModule([.. modules.Select(module => Path.Combine(folder, module, module + ".psd1"))]);
using var runspace = RunspaceFactory.CreateRunspace(state);
runspace.Open();

var cmdlets = modules.ToDictionary(module => module, Cmdlets);
PipelineInput input = new(cmdlets.Values.SelectMany(all => all));
PageCode code = new(Find);
var common = CmdletPage.Read(PathOf("common-parameters"));
Dictionary<string, MamlDocument> files = [];
List<string> errors = [];
foreach (var (module, all) in cmdlets)
{
    MamlDocument help = new();
    if (all.Length == 0)
        errors.Add($"{module} exports no cmdlets.");
    foreach (var cmdlet in all)
    {
        if (!IsPage(cmdlet.Name))
        {
            errors.Add($"{cmdlet.Name}: page {PathOf(cmdlet.Name)} not found");
            continue;
        }

        OfPage(cmdlet.Name, () => help.Add(cmdlet, CmdletPage.Read(PathOf(cmdlet.Name)), common, input, IsPage, docsUri));
        OfPage(cmdlet.Name, () => code.Check(HelpPage.Read(PathOf(cmdlet.Name))));
    }

    files.Add(Path.Combine(folder, module, "en-US", module + ".PowerShell.dll-Help.xml"), help);
}

Dictionary<string, string> topics = [];
foreach (var path in Directory.EnumerateFiles(docs, "about_*.md"))
{
    var name = Path.GetFileNameWithoutExtension(path);
    var topic = Path.Combine(folder, modules[0], "en-US", name + ".help.txt");
    OfPage(name, () => AboutTopic.Render(HelpPage.Read(path), IsPage, text => topics.Add(topic, text)));
    OfPage(name, () => code.Check(HelpPage.Read(path)));
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

foreach (var (path, text) in topics)
    File.WriteAllText(path, text);
return 0;

// Adds the errors of a page. A page that cannot be read is an error as well.
void OfPage(string page, Func<IEnumerable<string>> check)
{
    try
    {
        errors.AddRange(check());
    }
    catch (InvalidDataException e)
    {
        errors.Add($"{page}: {e.Message}");
    }
}

string PathOf(string page) => Path.Combine(docs, page + ".md");

bool IsPage(string name) => File.Exists(PathOf(name));

CmdletInfo[] Cmdlets(string module)
{
    using var shell = PowerShell.Create(runspace);
    return
    [
        .. shell
            .AddCommand("Get-Command")
            .AddParameter("Module", module)
            .AddParameter("CommandType", CommandTypes.Cmdlet)
            .Invoke<CmdletInfo>()
            .OrderBy(cmdlet => cmdlet.Name, StringComparer.Ordinal),
    ];
}

CommandInfo? Find(string name)
{
    using var shell = PowerShell.Create(runspace);
    return shell
        .AddCommand("Get-Command")
        .AddParameter("Name", name)
        .AddParameter("ErrorAction", "Ignore")
        .Invoke<CommandInfo>()
        .FirstOrDefault();
}
