using System.Management.Automation;
using System.Xml.Linq;

namespace CvManager.HelpWriter;

/// <summary>
/// A help file in MAML, the format that Get-Help reads
/// (https://learn.microsoft.com/powershell/scripting/developer/help/writing-help-for-windows-powershell-cmdlets).
/// The syntax is generated from the cmdlet, the text from its page.
/// </summary>
internal sealed class MamlDocument
{
    private static readonly XNamespace Msh = "http://msh";
    private static readonly XNamespace Maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    private const string NoOutput = "None";

    private readonly XElement _items = new(Msh + "helpItems", new XAttribute("schema", "maml"));

    public void Save(string path) => new XDocument(new XDeclaration("1.0", "utf-8", null), _items).Save(path);

    /// <param name="cmdlet">The cmdlet; its parameter sets become the syntax.</param>
    /// <param name="page">The page of the cmdlet.</param>
    /// <param name="common">The page with the parameters that several cmdlets share.</param>
    /// <param name="input">What comes from the pipeline.</param>
    /// <param name="isPage">Whether a page with this name exists.</param>
    /// <param name="pagesUri">The address of the folder of the pages, which HelpUri must refer to.</param>
    /// <returns>What is missing in the page, or is different from the cmdlet; empty if there is nothing.</returns>
    public IReadOnlyList<string> Add(
        CmdletInfo cmdlet,
        CmdletPage page,
        CmdletPage common,
        PipelineInput input,
        Func<string, bool> isPage,
        string pagesUri
    )
    {
        var parameters = cmdlet
            .Parameters.Where(p =>
                !Cmdlet.CommonParameters.Contains(p.Key)
                && (p.Key is "WhatIf" or "Confirm" || !Cmdlet.OptionalCommonParameters.Contains(p.Key))
            )
            .ToDictionary(p => p.Key, p => p.Value, StringComparer.OrdinalIgnoreCase);
        var initial = Activator.CreateInstance(cmdlet.ImplementingType)!;
        var helpUri = new CommandMetadata(cmdlet).HelpUri;
        using var disposable = initial as IDisposable;

        IReadOnlyList<string> TextOf(string parameter) =>
            page.Parameters.GetValueOrDefault(parameter) ?? common.Parameters.GetValueOrDefault(parameter) ?? [];

        XElement Parameter(CommandParameterInfo info)
        {
            var isSwitch = info.ParameterType == typeof(SwitchParameter);
            return new XElement(
                Command + "parameter",
                new XAttribute("required", info.IsMandatory ? "true" : "false"),
                new XAttribute("variableLength", info.ParameterType.IsArray ? "true" : "false"),
                new XAttribute(
                    "globbing",
                    cmdlet.Parameters[info.Name].Attributes.Any(a => a is SupportsWildcardsAttribute) ? "true" : "false"
                ),
                new XAttribute(
                    "pipelineInput",
                    (info.ValueFromPipeline, info.ValueFromPipelineByPropertyName) switch
                    {
                        (true, true) => "True (ByPropertyName, ByValue)",
                        (true, false) => "True (ByValue)",
                        (false, true) => "True (ByPropertyName)",
                        _ => "False",
                    }
                ),
                new XAttribute(
                    "position",
                    info.Position < 0 ? "named" : info.Position.ToString(System.Globalization.CultureInfo.InvariantCulture)
                ),
                new XAttribute("aliases", info.Aliases.Count == 0 ? "none" : string.Join(", ", info.Aliases)),
                new XElement(Maml + "name", info.Name),
                new XElement(Maml + "description", Paragraphs(TextOf(info.Name))),
                isSwitch
                    ? null
                    : new XElement(
                        Command + "parameterValue",
                        new XAttribute("required", "true"),
                        new XAttribute("variableLength", info.ParameterType.IsArray ? "true" : "false"),
                        TypeName(info.ParameterType)
                    ),
                new XElement(Dev + "type", new XElement(Maml + "name", TypeName(info.ParameterType)), new XElement(Maml + "uri")),
                new XElement(Dev + "defaultValue", DefaultValue(initial, info))
            );
        }

        IEnumerable<CommandParameterInfo> Own(CommandParameterSetInfo set) =>
            set
                .Parameters.Where(p => parameters.ContainsKey(p.Name))
                .OrderBy(p => p.Position < 0 ? int.MaxValue : p.Position)
                .ThenBy(p => !p.IsMandatory)
                .ThenBy(p => p.Name is "WhatIf" or "Confirm")
                .ThenBy(p => p.Name, StringComparer.Ordinal);

        var all = cmdlet.ParameterSets.SelectMany(Own).DistinctBy(p => p.Name).OrderBy(p => p.Name, StringComparer.Ordinal).ToList();
        var outputs = cmdlet.OutputType.Select(o => o.Type == typeof(void) ? NoOutput : o.Name).ToList();
        if (parameters.ContainsKey("PassThru"))
            outputs.Insert(0, NoOutput);
        List<string> errors = [];
        void Require(bool holds, string what)
        {
            if (!holds)
                errors.Add($"{page.Name}: {what}");
        }

        Require(page.Synopsis.Count == 1, "one paragraph, the synopsis, must follow the title");
        Require(page.Description.Count > 0, "no description");
        Require(page.Examples.Count >= 3, "fewer than three examples");
        foreach (var example in page.Examples)
        {
            Require(example.Code.Length > 0, $"the example '{example.Title}' has no code");
            Require(example.Remarks.Count > 0, $"the example '{example.Title}' has no sentence about it");
        }

        foreach (var parameter in all.Where(p => TextOf(p.Name).Count == 0))
            Require(false, $"-{parameter.Name} is not documented");
        foreach (var parameter in page.Parameters.Keys.Where(p => !parameters.ContainsKey(p)))
            Require(false, $"the cmdlet has no parameter -{parameter}");
        Require(
            page.Outputs.Keys.Order(StringComparer.Ordinal).SequenceEqual(outputs.Order(StringComparer.Ordinal)),
            $"the headings of 'Outputs' must be {string.Join(", ", outputs)}"
        );
        Require(page.Outputs.Values.All(text => text.Count > 0), "an output has no text");
        Require(page.Links.Count > 0, "no related links");
        foreach (var link in page.Links.Where(link => !isPage(link)))
            Require(false, $"the page {link} does not exist");
        Require(helpUri == $"{pagesUri}{cmdlet.Name}.md", $"HelpUri of the cmdlet must be {pagesUri}{cmdlet.Name}.md");

        var inputs = input.Of(all, cmdlet.ParameterSets).ToDictionary(i => i.Type, i => (IReadOnlyList<string>)[i.Text]);
        foreach (var (type, text) in page.Inputs)
            inputs[type] = text;

        _items.Add(
            new XElement(
                Command + "command",
                new XAttribute(XNamespace.Xmlns + "maml", Maml),
                new XAttribute(XNamespace.Xmlns + "command", Command),
                new XAttribute(XNamespace.Xmlns + "dev", Dev),
                new XElement(
                    Command + "details",
                    new XElement(Command + "name", cmdlet.Name),
                    new XElement(Command + "verb", cmdlet.Verb),
                    new XElement(Command + "noun", cmdlet.Noun),
                    new XElement(Maml + "description", Paragraphs(page.Synopsis))
                ),
                new XElement(Maml + "description", Paragraphs(page.Description)),
                new XElement(
                    Command + "syntax",
                    cmdlet.ParameterSets.Select(set => new XElement(
                        Command + "syntaxItem",
                        new XElement(Maml + "name", cmdlet.Name),
                        Own(set).Select(Parameter)
                    ))
                ),
                new XElement(Command + "parameters", all.Select(Parameter)),
                new XElement(Command + "inputTypes", Types("inputType", inputs)),
                new XElement(Command + "returnValues", Types("returnValue", page.Outputs)),
                page.Notes.Count == 0 ? null : new XElement(Maml + "alertSet", new XElement(Maml + "alert", Paragraphs(page.Notes))),
                new XElement(
                    Command + "examples",
                    page.Examples.Select(
                        (e, i) =>
                            new XElement(
                                Command + "example",
                                new XElement(Maml + "title", $"--- Example {i + 1}: {e.Title} ---"),
                                new XElement(Dev + "code", e.Code),
                                // Get-Help shows no empty line before the next example.
                                new XElement(Dev + "remarks", Paragraphs([.. e.Remarks, ""]))
                            )
                    )
                ),
                new XElement(Command + "relatedLinks", Link("Online version:", helpUri), page.Links.Select(link => Link(link, "")))
            )
        );
        return errors;
    }

    private static IEnumerable<XElement> Paragraphs(IEnumerable<string> paragraphs) =>
        paragraphs.Select(p => new XElement(Maml + "para", p));

    private static IEnumerable<XElement> Types(string element, IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> types) =>
        types.Select(type => new XElement(
            Command + element,
            new XElement(Dev + "type", new XElement(Maml + "name", type.Key)),
            new XElement(Maml + "description", Paragraphs(type.Value))
        ));

    private static XElement Link(string text, string uri) =>
        new(Maml + "navigationLink", new XElement(Maml + "linkText", text), new XElement(Maml + "uri", uri));

    /// <summary>The value that the property has before parameters are bound, as it is written on a command line.</summary>
    private static string DefaultValue(object cmdlet, CommandParameterInfo parameter) =>
        parameter.ParameterType == typeof(SwitchParameter)
            ? "False"
            : cmdlet.GetType().GetProperty(parameter.Name)?.GetValue(cmdlet) switch
            {
                null or "" or Array { Length: 0 } or System.Collections.IDictionary { Count: 0 } => "None",
                Array items => string.Join(", ", items.Cast<object>()),
                var value => LanguagePrimitives.ConvertTo<string>(value),
            };

    private static string TypeName(Type type) =>
        Nullable.GetUnderlyingType(type) is { } inner ? TypeName(inner)
        : type.IsArray ? TypeName(type.GetElementType()!) + "[]"
        : type == typeof(SwitchParameter) ? "SwitchParameter"
        : type.Name;
}
