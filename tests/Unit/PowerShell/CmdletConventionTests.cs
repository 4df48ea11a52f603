using System.Management.Automation;
using System.Reflection;
using CvManager.PowerShell;
using CvManager.PowerShell.Completion;
using CvManager.Sandbox.PowerShell;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>Conventions of all cmdlets of both modules.</summary>
public sealed class CmdletConventionTests
{
    private static readonly (Assembly Assembly, string Manifest)[] Modules =
    [
        (typeof(AsyncCmdlet).Assembly, PowerShellSession.ModuleManifest),
        (typeof(StartCvSandboxCommand).Assembly, PowerShellSession.SandboxManifest),
    ];

    private static readonly IReadOnlyList<Type> Cmdlets =
    [
        .. Modules
            .SelectMany(module => module.Assembly.GetTypes())
            .Where(type => type.GetCustomAttribute<CmdletAttribute>() is not null)
            .OrderBy(NounAndVerb, StringComparer.Ordinal),
    ];

    /// <summary>Parameters whose values are paths of files, which PowerShell completes.</summary>
    private static readonly string[] Paths = ["KubeConfig", "LiteralPath", "Path"];

    /// <summary>Parameters for which completion has nothing to offer, and why.</summary>
    private static readonly Dictionary<string, string> FreeText = new()
    {
        ["Credential"] = "an object",
        ["Environment"] = "a hashtable",
        ["FollowTag"] = "a tag that may not exist yet",
        ["Image"] = "an image that may not exist yet",
        ["ImagePullSecret"] = "a Secret in a namespace that may not exist yet",
        ["InputObject"] = "an object",
        ["Label"] = "a hashtable",
        ["LabelSelector"] = "an expression",
        ["Manifest"] = "text from the pipeline",
        ["Port"] = "any free port",
        ["Reason"] = "prose",
        ["RegistryPort"] = "any free port",
        ["Replicas"] = "a number",
        ["Sandbox"] = "an object",
        ["Selector"] = "a hashtable",
        ["SemVer"] = "an expression",
        ["ServiceAccountAnnotation"] = "a hashtable",
        ["Since"] = "a time",
        ["Spec"] = "an object",
        ["Tag"] = "the tag of a new image (Add-CvSandboxImage)",
        ["Until"] = "a time",
        ["Verify"] = "a list of gates",
        ["VerifyAfterCutOver"] = "a list of gates",
        ["VerifyBeforeCutOver"] = "a list of gates",
        ["VersionPattern"] = "an expression",
        ["VersionSyntax"] = "an expression",
    };

    /// <summary>Verbs of cmdlets that change nothing.</summary>
    private static readonly string[] Harmless = ["Get", "Measure", "Test", "Wait", "Connect"];

    [Fact]
    public void Each_module_has_cmdlets() =>
        Assert.All(Modules, module => Assert.Contains(Cmdlets, cmdlet => cmdlet.Assembly == module.Assembly));

    [Fact]
    public void Parameter_sets_match_ParameterSets_txt()
    {
        using var session = new PowerShellSession();

        var sets = Cmdlets.SelectMany(type =>
            session
                .Invoke($"(Get-Command {Name(type)}).ParameterSets")
                .AssertNoErrors()
                .Output.Select(set => $"{Name(type)} {set.Properties["Name"].Value}: {set}")
        );

        var pinned = File.ReadAllLines(Path.Combine(RepositoryRoot.Path, "tests", "Unit", "PowerShell", "ParameterSets.txt"));
        var actual = sets.ToList();
        Assert.True(
            pinned.SequenceEqual(actual),
            $"Missing from ParameterSets.txt:\n{string.Join('\n', actual.Except(pinned))}\nUnexpected in ParameterSets.txt:\n{string.Join('\n', pinned.Except(actual))}"
        );
    }

    [Fact]
    public void Verbs_are_approved_and_nouns_singular()
    {
        var approved = typeof(PSObject)
            .Assembly.GetTypes()
            .Where(type =>
                type is { IsPublic: true, Namespace: "System.Management.Automation" }
                && type.Name.StartsWith("Verbs", StringComparison.Ordinal)
            )
            .SelectMany(type => type.GetFields(BindingFlags.Public | BindingFlags.Static))
            .Select(field => field.Name)
            .ToHashSet();

        Assert.All(
            Cmdlets,
            type =>
            {
                var cmdlet = type.GetCustomAttribute<CmdletAttribute>()!;
                Assert.Contains(cmdlet.VerbName, approved);
                Assert.False(cmdlet.NounName.EndsWith('s'), cmdlet.NounName);
                Assert.True(
                    cmdlet.NounName.StartsWith("Cv", StringComparison.Ordinal) || cmdlet.NounName == "ContainerVersion",
                    cmdlet.NounName
                );
                Assert.Equal($"{cmdlet.VerbName}{cmdlet.NounName}Command", type.Name);
                Assert.True(type.IsSealed, type.Name);
            }
        );
    }

    [Fact]
    public void Only_cmdlets_that_change_something_have_WhatIf() =>
        Assert.All(
            Cmdlets,
            type =>
            {
                var cmdlet = type.GetCustomAttribute<CmdletAttribute>()!;
                Assert.True(cmdlet.SupportsShouldProcess != Harmless.Contains(cmdlet.VerbName), Name(type));
            }
        );

    [Fact]
    public void Every_output_type_is_declared_and_belongs_to_the_module_of_its_cmdlet() =>
        Assert.All(
            Cmdlets,
            type =>
            {
                var types = OutputTypes(type);
                Assert.NotEmpty(types);
                Assert.All(
                    types,
                    output =>
                        Assert.True(
                            output.Assembly == type.Assembly || output.Assembly == typeof(string).Assembly,
                            $"{Name(type)} gives {output}"
                        )
                );
            }
        );

    [Fact]
    public void No_parameter_has_the_type_of_a_dependency() =>
        Assert.All(
            Cmdlets,
            type =>
                Assert.All(
                    Parameters(type),
                    parameter =>
                    {
                        var declared = parameter.PropertyType.IsArray ? parameter.PropertyType.GetElementType()! : parameter.PropertyType;
                        declared = Nullable.GetUnderlyingType(declared) ?? declared;
                        Assert.True(
                            declared.Assembly == type.Assembly
                                || declared.Assembly == typeof(PSObject).Assembly
                                || declared.Namespace!.StartsWith("System", StringComparison.Ordinal),
                            $"{Name(type)} -{parameter.Name} is a {declared}"
                        );
                    }
                )
        );

    [Fact]
    public void Every_parameter_is_completed_or_is_listed_as_free_text()
    {
        List<string> wrong = [];
        HashSet<string> free = [];
        foreach (var type in Cmdlets)
        {
            foreach (var parameter in Parameters(type))
            {
                var completer = parameter.GetCustomAttribute<ArgumentCompleterAttribute>()?.Type;
                var value = Nullable.GetUnderlyingType(parameter.PropertyType) ?? parameter.PropertyType;
                var isComplete =
                    Paths.Contains(parameter.Name) ? completer is null
                    : value == typeof(TimeSpan) ? completer == typeof(DurationCompleter)
                    : completer == typeof(FreeTextCompleter) ? FreeText.ContainsKey(parameter.Name)
                    : completer is not null
                        || value == typeof(SwitchParameter)
                        || value.IsEnum
                        || parameter.GetCustomAttribute<ValidateSetAttribute>() is not null;
                if (!isComplete)
                    wrong.Add($"{Name(type)} -{parameter.Name}: {completer?.Name ?? "no completer"}");
                if (completer == typeof(FreeTextCompleter))
                    free.Add(parameter.Name);
            }
        }

        Assert.Empty(wrong);
        Assert.Empty(FreeText.Keys.Except(free));
    }

    /// <summary>What is removed cannot be brought back; everything else can be set again, and is done by scripts.</summary>
    [Fact]
    public void Removal_and_nothing_else_asks_for_confirmation() =>
        Assert.All(
            Cmdlets,
            type =>
            {
                var cmdlet = type.GetCustomAttribute<CmdletAttribute>()!;
                var asks = cmdlet.ConfirmImpact == ConfirmImpact.High;
                Assert.True(asks == (cmdlet.VerbName is "Remove" or "Uninstall"), $"{Name(type)}: {cmdlet.ConfirmImpact}");
            }
        );

    [Fact]
    public void Every_Timeout_accepts_durations_such_as_5m() =>
        Assert.All(
            Cmdlets
                .SelectMany(Parameters)
                .Where(parameter => (Nullable.GetUnderlyingType(parameter.PropertyType) ?? parameter.PropertyType) == typeof(TimeSpan)),
            parameter => Assert.NotNull(parameter.GetCustomAttribute<TimeSpanTransformationAttribute>())
        );

    /// <summary>PowerShell keeps the text of a single 1.10, but not in a list.</summary>
    [Fact]
    public void Every_list_of_text_rejects_numbers() =>
        Assert.All(
            Cmdlets.SelectMany(Parameters).Where(parameter => parameter.PropertyType == typeof(string[])),
            parameter => Assert.NotNull(parameter.GetCustomAttribute<TextListTransformationAttribute>())
        );

    /// <summary>Otherwise, PowerShell would convert any object to text.</summary>
    [Fact]
    public void Every_text_parameter_that_takes_pipeline_input_refuses_objects() =>
        Assert.All(
            Cmdlets.SelectMany(Parameters).Where(parameter => IsText(parameter) && TakesPipelineInput(parameter)),
            parameter => Assert.NotNull(parameter.GetCustomAttribute<TextTransformationAttribute>())
        );

    private static bool IsText(PropertyInfo parameter) =>
        parameter.PropertyType == typeof(string) || parameter.PropertyType == typeof(string[]);

    private static bool TakesPipelineInput(PropertyInfo parameter) =>
        parameter.GetCustomAttributes<ParameterAttribute>().Any(attribute => attribute.ValueFromPipeline);

    private static IReadOnlyList<Type> OutputTypes(Type cmdlet) =>
        [.. cmdlet.GetCustomAttributes<OutputTypeAttribute>().SelectMany(output => output.Type).Select(output => output.Type)];

    private static IEnumerable<PropertyInfo> Parameters(Type cmdlet) =>
        cmdlet.GetProperties().Where(property => property.GetCustomAttributes<ParameterAttribute>().Any());

    private static string Name(Type cmdlet) =>
        cmdlet.GetCustomAttribute<CmdletAttribute>() is { } attribute ? $"{attribute.VerbName}-{attribute.NounName}" : "";

    private static string NounAndVerb(Type cmdlet) =>
        cmdlet.GetCustomAttribute<CmdletAttribute>() is { } attribute ? $"{attribute.NounName} {attribute.VerbName}" : "";
}
