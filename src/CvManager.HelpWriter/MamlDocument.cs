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

    private readonly XElement _items = new(Msh + "helpItems", new XAttribute("schema", "maml"));

    public void Save(string path) => new XDocument(new XDeclaration("1.0", "utf-8", null), _items).Save(path);

    /// <param name="cmdlet">The cmdlet; its parameter sets become the syntax.</param>
    /// <param name="page">The page of the cmdlet.</param>
    /// <param name="common">The page with the parameters that several cmdlets share.</param>
    /// <returns>The differences between the page and the cmdlet; empty if there are none.</returns>
    public IReadOnlyList<string> Add(CmdletInfo cmdlet, CmdletPage page, CmdletPage common)
    {
        List<string> errors = [];
        var parameters = cmdlet
            .Parameters.Where(p =>
                !Cmdlet.CommonParameters.Contains(p.Key)
                && (p.Key is "WhatIf" or "Confirm" || !Cmdlet.OptionalCommonParameters.Contains(p.Key))
            )
            .ToDictionary(p => p.Key, p => p.Value, StringComparer.OrdinalIgnoreCase);
        errors.AddRange(
            page.Parameters.Keys.Where(p => !parameters.ContainsKey(p)).Select(p => $"{page.Name}: the cmdlet has no parameter -{p}")
        );
        if (page.Synopsis.Count == 0)
            errors.Add($"{page.Name}: no synopsis after the title");
        if (page.Examples.Count == 0 || page.Examples.Any(e => e.Code.Length == 0))
            errors.Add($"{page.Name}: no examples, or an example without code");

        XElement Parameter(CommandParameterInfo info)
        {
            var text = page.Parameters.GetValueOrDefault(info.Name) ?? common.Parameters.GetValueOrDefault(info.Name) ?? [];
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
                new XElement(Maml + "description", Paragraphs(text)),
                isSwitch
                    ? null
                    : new XElement(
                        Command + "parameterValue",
                        new XAttribute("required", "true"),
                        new XAttribute("variableLength", info.ParameterType.IsArray ? "true" : "false"),
                        TypeName(info.ParameterType)
                    ),
                new XElement(Dev + "type", new XElement(Maml + "name", TypeName(info.ParameterType)), new XElement(Maml + "uri"))
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
        errors.AddRange(
            all.Where(p => !page.Parameters.ContainsKey(p.Name) && !common.Parameters.ContainsKey(p.Name))
                .Select(p => $"{page.Name}: -{p.Name} is not documented")
        );

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
                new XElement(
                    Command + "inputTypes",
                    all.Where(p => p.ValueFromPipeline || p.ValueFromPipelineByPropertyName)
                        .GroupBy(p => p.ValueFromPipeline ? TypeName(p.ParameterType) : "Objects with properties of these names")
                        .Select(group => new XElement(
                            Command + "inputType",
                            new XElement(Dev + "type", new XElement(Maml + "name", group.Key)),
                            new XElement(Maml + "description", Paragraphs([string.Join(", ", group.Select(p => p.Name))]))
                        ))
                ),
                new XElement(
                    Command + "returnValues",
                    cmdlet.OutputType.Select(o => new XElement(
                        Command + "returnValue",
                        new XElement(Dev + "type", new XElement(Maml + "name", o.Name)),
                        new XElement(Maml + "description", Paragraphs(page.Outputs))
                    ))
                ),
                new XElement(Maml + "alertSet", new XElement(Maml + "alert", Paragraphs(page.Notes))),
                new XElement(
                    Command + "examples",
                    page.Examples.Select(
                        (e, i) =>
                            new XElement(
                                Command + "example",
                                new XElement(Maml + "title", $"--- Example {i + 1}: {e.Title} ---"),
                                new XElement(Dev + "code", e.Code),
                                new XElement(Dev + "remarks", Paragraphs(e.Remarks))
                            )
                    )
                )
            )
        );
        return errors;
    }

    private static IEnumerable<XElement> Paragraphs(IEnumerable<string> paragraphs) =>
        paragraphs.Select(p => new XElement(Maml + "para", p.Replace("`", "", StringComparison.Ordinal)));

    private static string TypeName(Type type) =>
        Nullable.GetUnderlyingType(type) is { } inner ? TypeName(inner)
        : type.IsArray ? TypeName(type.GetElementType()!) + "[]"
        : type == typeof(SwitchParameter) ? "SwitchParameter"
        : type.Name;
}
