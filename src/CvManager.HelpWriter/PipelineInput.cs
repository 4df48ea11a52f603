using System.Management.Automation;

namespace CvManager.HelpWriter;

/// <summary>The types that a cmdlet takes from the pipeline, and how they bind.</summary>
internal sealed class PipelineInput
{
    /// <summary>Properties that say where an object is, but not which one.</summary>
    private static readonly string[] Places = ["Namespace", "KubeConfig"];

    private readonly IReadOnlyList<(Type Type, string[] Producers)> _outputs;

    /// <param name="cmdlets">All cmdlets, whose output can be the input of others.</param>
    public PipelineInput(IEnumerable<CmdletInfo> cmdlets) =>
        _outputs = [
            .. cmdlets
                .SelectMany(cmdlet => cmdlet.OutputType.Select(output => (cmdlet.Name, output.Type)))
                .Where(output => output.Type is { IsPrimitive: false } type && type != typeof(void) && type != typeof(string))
                .GroupBy(output => output.Type, output => output.Name)
                .Select(group =>
                    (
                        group.Key,
                        group
                            .Distinct()
                            .OrderBy(name => !name.StartsWith("Get-", StringComparison.Ordinal))
                            .ThenBy(name => name, StringComparer.Ordinal)
                            .ToArray()
                    )
                )
                .OrderBy(output => output.Key.FullName, StringComparer.Ordinal),
        ];

    /// <summary>Returns the full name of each type, and a sentence about it; <c>None</c> if the cmdlet takes nothing from the pipeline.</summary>
    public IReadOnlyList<(string Type, string Text)> Of(
        IReadOnlyList<CommandParameterInfo> parameters,
        IEnumerable<CommandParameterSetInfo> sets
    )
    {
        List<(string, string)> inputs = [];
        var byValue = parameters.Where(parameter => parameter.ValueFromPipeline).ToList();
        var byName = parameters.Where(parameter => parameter.ValueFromPipelineByPropertyName).ToList();
        foreach (
            var group in byValue
                .Where(parameter => IsSimple(Element(parameter.ParameterType)))
                .GroupBy(parameter => Element(parameter.ParameterType))
        )
            inputs.Add((group.Key.FullName!, $"Binds to {Names(group)}."));
        foreach (var (type, producers) in _outputs)
        {
            var value = byValue
                .Where(parameter =>
                    Element(parameter.ParameterType) is var accepted
                    && accepted != typeof(object)
                    && (accepted.IsAssignableFrom(type) || IsTransformed(type, parameter))
                )
                .ToList();
            var properties = byName.Where(parameter => PropertyOf(type, parameter) is not null).ToList();
            var binds =
                value.Count > 0
                || IsFound(type, byName)
                    && properties.Any(parameter => !Places.Contains(parameter.Name))
                    && sets.Any(set => Fills(set, properties));
            if (!binds)
                continue;
            var how = value.Count > 0 ? $"Binds to {Names(value)}." : $"Its properties bind to {Names(properties)}.";
            inputs.Add((type.FullName!, $"The output of {Listed(producers)}. {how}"));
        }

        if (byName.Count > 0)
        {
            var names = Listed([.. byName.SelectMany(PropertyNames).Distinct()]);
            inputs.Add(
                (
                    typeof(object).FullName!,
                    $"Any object with properties that have the name or an alias of a parameter: {names}. "
                        + "For example a row of a CSV file, or an object from a job or a remote session."
                )
            );
        }

        return inputs.Count > 0 ? inputs : [("None", "This cmdlet takes no input from the pipeline.")];
    }

    /// <summary>Whether the parameter recognizes an object of the type by its properties, and takes it as an object of its own type.</summary>
    private static bool IsTransformed(Type type, CommandParameterInfo parameter)
    {
        try
        {
            return !IsSimple(Element(parameter.ParameterType))
                && parameter
                    .Attributes.OfType<ArgumentTransformationAttribute>()
                    .Any(attribute =>
                        parameter.ParameterType.IsInstanceOfType(attribute.Transform(null!, Activator.CreateInstance(type)!))
                    );
        }
        catch (ArgumentTransformationMetadataException)
        {
            return false;
        }
    }

    /// <summary>Whether the cmdlet can find the object: it knows the namespace or the kubeconfig that the object has.</summary>
    private static bool IsFound(Type type, IReadOnlyList<CommandParameterInfo> byName) =>
        Places.All(place =>
            byName.Any(parameter => parameter.Name == place)
                ? type.GetProperty(place) is not null
                : place != "KubeConfig" || type.GetProperty(place) is null
        );

    /// <summary>Whether the properties bind to all mandatory parameters of a set that can bind from the pipeline.</summary>
    private static bool Fills(CommandParameterSetInfo set, List<CommandParameterInfo> properties) =>
        set
            .Parameters.Where(parameter =>
                parameter.IsMandatory && (parameter.ValueFromPipeline || parameter.ValueFromPipelineByPropertyName)
            )
            .All(parameter => properties.Exists(bound => bound.Name == parameter.Name));

    private static IEnumerable<string> PropertyNames(CommandParameterInfo parameter) => [parameter.Name, .. parameter.Aliases];

    private static System.Reflection.PropertyInfo? PropertyOf(Type type, CommandParameterInfo parameter) =>
        type.GetProperties()
            .FirstOrDefault(property =>
                PropertyNames(parameter).Contains(property.Name, StringComparer.OrdinalIgnoreCase)
                && (
                    Element(property.PropertyType) == Element(parameter.ParameterType) || Element(parameter.ParameterType) == typeof(object)
                )
            );

    private static bool IsSimple(Type type) => type == typeof(string) || type.IsPrimitive;

    private static Type Element(Type type) =>
        type.IsArray ? Element(type.GetElementType()!)
        : Nullable.GetUnderlyingType(type) is { } inner ? inner
        : type;

    private static string Names(IEnumerable<CommandParameterInfo> parameters) =>
        Listed([.. parameters.Select(parameter => "-" + parameter.Name)]);

    private static string Listed(string[] names) => names.Length < 2 ? names[0] : $"{string.Join(", ", names[..^1])} and {names[^1]}";
}
