using System.Management.Automation;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using CvManager.PowerShell;
using CvManager.Sandbox.PowerShell;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>Conventions of all output types of both modules, and of their views.</summary>
public sealed partial class OutputTypeTests
{
    /// <summary>The width of a narrow terminal.</summary>
    private const int Narrow = 80;

    private const string ShorteningRule = @"-replace '\b([0-9a-f]{12})[0-9a-f]{8,}\b', '$1…'";

    private static readonly (Assembly Assembly, string Manifest)[] Modules =
    [
        (typeof(AsyncCmdlet).Assembly, PowerShellSession.ModuleManifest),
        (typeof(StartCvSandboxCommand).Assembly, PowerShellSession.SandboxManifest),
    ];

    /// <summary>The types that cmdlets write, and those of their properties.</summary>
    private static readonly IReadOnlyList<Type> Types = FindTypes();

    private static readonly IReadOnlyList<(Type Type, XElement View)> Views =
    [
        .. from module in Modules
        from view in XDocument.Load(Path.ChangeExtension(module.Manifest, ".Format.ps1xml")).Descendants("View")
        from name in view.Element("ViewSelectedBy")!.Elements("TypeName")
        where !name.Value.StartsWith("Deserialized.", StringComparison.Ordinal)
        select (module.Assembly.GetType(name.Value, throwOnError: true)!, view),
    ];

    private static readonly IReadOnlyList<(Type Type, XElement Table)> Tables =
    [
        .. Views.Select(view => (view.Type, view.View.Element("TableControl")!)).Where(table => table.Item2 is not null),
    ];

    /// <summary>Get-Member shows nothing but properties, and methods that every object has.</summary>
    [Fact]
    public void Output_types_are_sealed_classes_with_properties_only() =>
        Assert.All(
            Types,
            type =>
            {
                Assert.True(type is { IsSealed: true, IsClass: true }, type.Name);
                var methods = type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
                    .Where(method => !method.IsSpecialName)
                    .Select(method => method.Name);
                Assert.Empty(methods.Except([nameof(ToString), nameof(Equals), nameof(GetHashCode)]));
                Assert.Empty(type.GetFields(BindingFlags.Public | BindingFlags.Instance));
            }
        );

    /// <summary>Each has a cell in CSV that people can read, and a value in JSON. A TimeSpan has eleven properties there.</summary>
    [Fact]
    public void Properties_are_text_numbers_booleans_local_times_lists_and_maps() =>
        Assert.Empty(
            from type in Types
            from property in type.GetProperties()
            let value = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType
            where
                !(
                    value == typeof(string)
                    || value == typeof(bool)
                    || value == typeof(int)
                    || value == typeof(long)
                    || value == typeof(double)
                    || value == typeof(DateTime)
                    || value == typeof(Labels)
                    // A whole specification, whose parts are properties of their own.
                    || (value == typeof(PSObject) && property.Name == nameof(ContainerVersionInfo.Spec))
                    || (value.IsGenericType && value.GetGenericTypeDefinition() == typeof(Listed<>))
                    || (Types.Contains(value) && OverridesToString(value))
                )
            select $"{type.Name}.{property.Name} is a {value}"
        );

    [Fact]
    public void Items_of_lists_have_a_text() =>
        Assert.Empty(
            from type in Types
            from property in type.GetProperties()
            where property.PropertyType.IsGenericType && property.PropertyType.GetGenericTypeDefinition() == typeof(Listed<>)
            let item = property.PropertyType.GetGenericArguments()[0]
            where item != typeof(string) && !OverridesToString(item)
            select $"{type.Name}.{property.Name} is a list of {item}"
        );

    /// <summary>What can be set can be read: Get-ContainerVersion shows each setting under the name of its parameter.</summary>
    [Fact]
    public void A_ContainerVersion_has_a_property_for_each_parameter_that_sets_a_field()
    {
        string[] others = [nameof(SetContainerVersionCommand.CV), nameof(SetContainerVersionCommand.PassThru)];
        var settings = typeof(SetContainerVersionCommand)
            .GetProperties()
            .Where(property => property.IsDefined(typeof(ParameterAttribute)) && property.DeclaringType != typeof(ClusterCmdlet))
            .Select(property => property.Name)
            .Except(others);

        Assert.Empty(settings.Except(typeof(ContainerVersionInfo).GetProperties().Select(property => property.Name)));
    }

    [Fact]
    public void Every_output_type_has_a_view() =>
        Assert.All(Types.Where(type => type != typeof(CvGate)), type => Assert.Contains(Views, view => view.Type == type));

    [Fact]
    public void Views_also_apply_to_deserialized_objects() =>
        Assert.All(
            Views,
            view =>
                Assert.Equal(
                    [view.Type.FullName!, "Deserialized." + view.Type.FullName],
                    view.View.Element("ViewSelectedBy")!.Elements("TypeName").Select(name => name.Value)
                )
        );

    [Fact]
    public void Views_refer_to_existing_properties() =>
        Assert.Empty(
            from view in Views
            from name in view
                .View.Descendants("PropertyName")
                .Select(property => property.Value)
                .Concat(
                    view.View.Descendants("ScriptBlock")
                        .SelectMany(script => Member().Matches(script.Value))
                        .Select(match => match.Groups[1].Value)
                )
            where view.Type.GetProperty(name) is null
            select $"{view.Type.Name} {name}"
        );

    [Fact]
    public void Headings_of_tables_are_property_names() =>
        Assert.Empty(
            from table in Tables
            from heading in table.Table.Descendants("Label")
            where table.Type.GetProperty(heading.Value) is null
            select $"{table.Type.Name} {heading.Value}"
        );

    /// <summary>With AutoSize, PowerShell shows nothing until the pipeline ends.</summary>
    [Fact]
    public void Tables_show_each_object_at_once() => Assert.Empty(Views.SelectMany(view => view.View.Descendants("AutoSize")));

    /// <summary>Columns without a width share what the others leave. PowerShell drops columns that do not fit, and cuts off without Wrap.</summary>
    [Fact]
    public void Tables_lose_nothing_on_a_narrow_terminal() =>
        Assert.All(
            Tables,
            table =>
            {
                var widths = table.Table.Descendants("TableColumnHeader").Select(header => (int?)header.Element("Width")).ToList();
                var flexible = widths.Count(width => width is null);
                Assert.InRange(flexible, 1, 2);
                var left = Narrow - widths.Sum(width => width ?? 0) - (widths.Count - 1);
                Assert.True(left / flexible >= 16, $"{table.Type.Name}: {left} columns are left for {flexible}");
                Assert.NotEmpty(table.Table.Descendants("Wrap"));
                Assert.Equal(widths.Count, table.Table.Descendants("TableColumnItem").Count());
            }
        );

    [Fact]
    public void Tables_shorten_versions_digests_and_messages_by_one_rule() =>
        Assert.All(
            Tables,
            table =>
                Assert.All(
                    table.Table.Descendants("TableColumnHeader").Zip(table.Table.Descendants("TableColumnItem")),
                    column =>
                    {
                        var heading = column.First.Element("Label")!.Value;
                        var isLong = heading is "Message" || heading.EndsWith("Version", StringComparison.Ordinal) || heading is "Digest";
                        Assert.Equal(isLong, column.Second.Value.Contains(ShorteningRule, StringComparison.Ordinal));
                    }
                )
        );

    private static bool OverridesToString(Type type) => type.GetMethod(nameof(ToString), [])!.DeclaringType == type;

    private static List<Type> FindTypes()
    {
        Queue<Type> open = new(
            Modules
                .SelectMany(module => module.Assembly.GetTypes())
                .SelectMany(type => type.GetCustomAttributes<OutputTypeAttribute>())
                .SelectMany(output => output.Type)
                .Select(output => output.Type)
        );
        List<Type> found = [];
        while (open.TryDequeue(out var type))
        {
            if (type.IsGenericType)
                open.Enqueue(type.GetGenericArguments()[0]);
            else if (Modules.Any(module => module.Assembly == type.Assembly) && type != typeof(Labels) && !found.Contains(type))
            {
                found.Add(type);
                foreach (var property in type.GetProperties())
                    open.Enqueue(property.PropertyType);
            }
        }

        return found;
    }

    [GeneratedRegex(@"\$_\.(\w+)")]
    private static partial Regex Member();
}
