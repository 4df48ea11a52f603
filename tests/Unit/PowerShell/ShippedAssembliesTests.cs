using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>The assemblies in bin of the modules.</summary>
public sealed class ShippedAssembliesTests
{
    private const string PowerShell = "System.Management.Automation";

    /// <summary>The assemblies that PowerShell loads, and those that AWSSDK.Core loads by name.</summary>
    private static readonly string[] Roots =
    [
        "CvManager.Loader",
        "CvManager.PowerShell",
        "CvManager.Sandbox.PowerShell",
        "AWSSDK.SecurityToken",
        "AWSSDK.SSO",
        "AWSSDK.SSOOIDC",
    ];

    private static readonly Dictionary<string, string> Shipped = new[]
    {
        PowerShellSession.ModuleManifest,
        PowerShellSession.SandboxManifest,
    }
        .Select(manifest => Path.Combine(Path.GetDirectoryName(manifest)!, "bin"))
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.dll", SearchOption.AllDirectories))
        .ToDictionary(path => Path.GetFileNameWithoutExtension(path));

    [Fact]
    public void Each_is_used()
    {
        HashSet<string> reached = [];
        Queue<string> next = new(Roots);
        while (next.TryDequeue(out var name))
        {
            if (!Shipped.TryGetValue(name, out var path) || !reached.Add(name))
                continue;
            foreach (var reference in References(path))
                next.Enqueue(reference.Name!);
        }

        Assert.Equal(Shipped.Keys.Order(StringComparer.Ordinal), reached.Order(StringComparer.Ordinal));
    }

    /// <remarks>PowerShell 7.4 runs on .NET 8. What is not shipped must be part of it, or of PowerShell.</remarks>
    [Fact]
    public void Each_needs_only_NET_8_PowerShell_Standard_and_what_is_shipped()
    {
        var pack = new[] { Metadata("Packages"), Metadata("TargetingPacks") }
            .SelectMany(folder =>
                Directory.EnumerateDirectories(
                    folder,
                    "Microsoft.NETCore.App.Ref",
                    new EnumerationOptions { MatchCasing = MatchCasing.CaseInsensitive }
                )
            )
            .SelectMany(folder => Directory.EnumerateDirectories(folder, "8.*"))
            .First();
        var framework = XDocument
            .Load(Path.Combine(pack, "data", "FrameworkList.xml"))
            .Descendants("File")
            .ToDictionary(file => file.Attribute("AssemblyName")!.Value, file => Version.Parse(file.Attribute("AssemblyVersion")!.Value));
        var wrong =
            from shipped in Shipped
            from reference in References(shipped.Value)
            where !Shipped.ContainsKey(reference.Name!)
            where reference.Name != PowerShell || reference.Version != new Version(3, 0, 0, 0)
            where !framework.TryGetValue(reference.Name!, out var version) || version < reference.Version
            select $"{shipped.Key} references {reference}";

        Assert.Empty(wrong);
    }

    /// <summary>
    /// PowerShell Standard is the API that all versions of PowerShell have. The compiler uses it, and this test proves that no build setting
    /// replaced it.
    /// </summary>
    [Theory]
    [InlineData("CvManager.PowerShell")]
    [InlineData("CvManager.Sandbox.PowerShell")]
    public void Each_member_of_PowerShell_that_cmdlets_use_is_in_PowerShell_Standard(string name)
    {
        var standard = PublicApi(Metadata("PowerShellStandard"));
        var used = MembersOf(Shipped[name], PowerShell);
        var missing = used.Where(member => !standard.TryGetValue(member.Type, out var members) || !members.Contains(member.Name));

        Assert.NotEmpty(used);
        Assert.Empty(missing);
    }

    [Fact]
    public void The_third_party_notices_name_the_package_of_each()
    {
        var notices = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "THIRD-PARTY-NOTICES.txt"));
        var listed = notices[..notices.IndexOf("-----", StringComparison.Ordinal)]
            .Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[1..];
        // Each package has the name of its assembly.
        var packages = Shipped.Keys.Where(name => !name.StartsWith("CvManager.", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

        Assert.Equal(packages.Select(NameAndLicense), listed.Select(notice => notice.Split('\n')[0]));
        foreach (var license in listed.Select(notice => notice.Split('\n')[0].Split(": ")[1]).Distinct())
            Assert.Contains($"\n{license}\n", notices, StringComparison.Ordinal);
    }

    private static string NameAndLicense(string package)
    {
        // The assembly in bin is that of one version, which may not be the only one on this machine.
        var file = File.ReadAllBytes(Shipped[package]);
        var folder = Directory
            .EnumerateDirectories(Path.Combine(Metadata("Packages"), package.ToLowerInvariant()))
            .First(version =>
                Directory
                    .EnumerateFiles(version, package + ".dll", SearchOption.AllDirectories)
                    .Any(path => file.AsSpan().SequenceEqual(File.ReadAllBytes(path)))
            );
        var nuspec = XDocument.Load(Path.Combine(folder, package.ToLowerInvariant() + ".nuspec"));
        return $"{package}: {nuspec.Descendants().Single(element => element.Name.LocalName == "license").Value}";
    }

    private static List<AssemblyName> References(string path)
    {
        using PEReader reader = new(File.OpenRead(path));
        var metadata = reader.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetAssemblyReference(handle).GetAssemblyName())];
    }

    /// <summary>The names of the methods and fields of each type.</summary>
    private static Dictionary<string, HashSet<string>> PublicApi(string path)
    {
        using PEReader reader = new(File.OpenRead(path));
        var metadata = reader.GetMetadataReader();
        return metadata
            .TypeDefinitions.Select(metadata.GetTypeDefinition)
            .ToDictionary(
                type => TypeName(metadata, type),
                type =>
                    type.GetMethods()
                        .Select(method => metadata.GetMethodDefinition(method).Name)
                        .Concat(type.GetFields().Select(field => metadata.GetFieldDefinition(field).Name))
                        .Select(metadata.GetString)
                        .ToHashSet(StringComparer.Ordinal)
            );
    }

    private static string TypeName(MetadataReader metadata, TypeDefinition type) =>
        type.GetDeclaringType() is { IsNil: false } outer
            ? $"{TypeName(metadata, metadata.GetTypeDefinition(outer))}+{metadata.GetString(type.Name)}"
            : $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}";

    /// <summary>The methods and fields of types of another assembly that an assembly uses.</summary>
    private static List<(string Type, string Name)> MembersOf(string path, string assembly)
    {
        using PEReader reader = new(File.OpenRead(path));
        var metadata = reader.GetMetadataReader();
        return
        [
            .. from handle in metadata.MemberReferences
            let member = metadata.GetMemberReference(handle)
            where member.Parent.Kind == HandleKind.TypeReference
            let type = TypeName(metadata, (TypeReferenceHandle)member.Parent, assembly)
            where type is not null
            select (type, metadata.GetString(member.Name)),
        ];
    }

    /// <summary>The name of the type, or null if it is not in the assembly.</summary>
    private static string? TypeName(MetadataReader metadata, TypeReferenceHandle handle, string assembly)
    {
        var type = metadata.GetTypeReference(handle);
        var name = metadata.GetString(type.Name);
        if (type.ResolutionScope.Kind == HandleKind.TypeReference)
            return TypeName(metadata, (TypeReferenceHandle)type.ResolutionScope, assembly) is { } outer ? $"{outer}+{name}" : null;
        if (type.ResolutionScope.Kind != HandleKind.AssemblyReference)
            return null;
        var scope = metadata.GetAssemblyReference((AssemblyReferenceHandle)type.ResolutionScope);
        return metadata.GetString(scope.Name) == assembly ? $"{metadata.GetString(type.Namespace)}.{name}" : null;
    }

    private static string Metadata(string key) =>
        typeof(ShippedAssembliesTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(item => item.Key == key).Value!;
}
