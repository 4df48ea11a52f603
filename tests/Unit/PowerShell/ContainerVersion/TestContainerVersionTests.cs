using System.Collections;
using System.Management.Automation;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.ContainerVersion;

public sealed class TestContainerVersionTests : IDisposable
{
    private const string Good = """
        apiVersion: custom.k8s.io/v1
        kind: ContainerVersion
        metadata:
          name: myappcv
          namespace: shop
        spec:
          imageRepo: registry.example.com/team/myapp
          tag: demo
          selector: {cvapp: myapp}
          container: {name: myapp}
        """;

    private readonly PowerShellSession _session = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose()
    {
        _session.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_valid_manifest_has_no_problems()
    {
        var test = _session.Invoke("Test-ContainerVersion -Manifest $text", ("text", Good)).Single();

        Assert.Equal(
            ("shop", "myappcv", true, "pipeline"),
            (Text(test, "Namespace"), Text(test, "Name"), test.Properties["Valid"].Value, Text(test, "Source"))
        );
        Assert.Empty(Problems(test));
    }

    [Theory]
    [InlineData("tag: demo", "tag: demo\n  versionSyntax: '[0-9a-f'", "spec.versionSyntax", "[0-9a-f")]
    [InlineData("team/myapp", "team/myapp:1.0", "spec.imageRepo", "registry.example.com/team/myapp:1.0")]
    [InlineData("tag: demo", "tag: 'de mo'", "spec.tag", "de mo")]
    [InlineData("tag: demo", "pollIntervalSeconds: 1\n  tag: demo", "spec.pollIntervalSeconds", "1")]
    [InlineData("{cvapp: myapp}", "{app: myapp}", "spec.selector.cvapp", "")]
    [InlineData("container: {name: myapp}", "", "spec.container", "")]
    public void An_invalid_field_is_named_with_its_value_and_a_remedy(string from, string to, string field, string value)
    {
        var test = _session
            .Invoke("Test-ContainerVersion -Manifest $text", ("text", Good.Replace(from, to, StringComparison.Ordinal)))
            .Single();

        dynamic problem = Assert.Single(Problems(test).Cast<object>());
        Assert.Equal(field, (string)problem.Field);
        Assert.Equal(value, ((string)problem.Value).Trim('"'));
        Assert.NotEmpty((string)problem.Message);
        Assert.NotEmpty((string)problem.Remedy);
        Assert.Equal(false, test.Properties["Valid"].Value);
    }

    [Fact]
    public void Files_folders_and_wildcards_return_a_result_for_each_document()
    {
        File.WriteAllText(Path.Combine(_folder, "a.yaml"), Good + "\n---\n" + Good.Replace("myappcv", "other", StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(_folder, "b.json"), """{"kind":"ContainerVersion","apiVersion":"custom.k8s.io/v1"}""");
        File.WriteAllText(Path.Combine(_folder, "readme.txt"), "no manifest");

        Assert.Equal(
            ["myappcv", "other", ""],
            _session.Invoke("Test-ContainerVersion $path", ("path", _folder)).AssertNoErrors().Values<string>("Name")
        );
        Assert.Equal(["myappcv", "other"], _session.Invoke("Test-ContainerVersion $path/*.yaml").AssertNoErrors().Values<string>("Name"));
        Assert.Equal(
            ["myappcv", "other"],
            _session
                .InvokeWithInput(
                    "$input | Test-ContainerVersion",
                    new[] { FromProvider(new FileInfo(Path.Combine(_folder, "a.yaml")), "a.yaml") }
                )
                .AssertNoErrors()
                .Values<string>("Name")
        );
    }

    [Fact]
    public void Text_is_read_from_the_pipeline_whole_or_line_by_line()
    {
        var two = Good + "\n---\n" + Good;

        Assert.Equal(
            [true, true],
            _session
                .InvokeWithInput("$input | Test-ContainerVersion", two.Split('\n').Select(line => FromProvider(line, "cv.yaml")))
                .AssertNoErrors()
                .Values<bool>("Valid")
        );
        Assert.Equal(
            [true, true],
            _session
                .InvokeWithInput("$input | Test-ContainerVersion", new[] { FromProvider(two, "cv.yaml") })
                .AssertNoErrors()
                .Values<bool>("Valid")
        );
        Assert.Equal(
            [false, true],
            _session
                .InvokeWithInput("$input | Test-ContainerVersion", new[] { """{"kind":"ContainerVersion"}""", Good })
                .AssertNoErrors()
                .Values<bool>("Valid")
        );
    }

    [Fact]
    public void The_items_of_a_List_are_tested_one_by_one()
    {
        var list = "apiVersion: v1\nkind: List\nitems:\n- " + Good.Replace("\n", "\n  ", StringComparison.Ordinal);

        Assert.Equal("myappcv", Text(_session.Invoke("$text | Test-ContainerVersion", ("text", list)).Single(), "Name"));
    }

    [Fact]
    public void Other_kinds_are_skipped()
    {
        var result = _session
            .Invoke("Test-ContainerVersion -Manifest $text -Verbose", ("text", "kind: Deployment\nmetadata: {name: myapp}\n---\n" + Good))
            .AssertNoErrors();

        Assert.Equal(["myappcv"], result.Values<string>("Name"));
        Assert.Contains(result.Verbose, line => line.Contains("Deployment myapp", StringComparison.Ordinal));
    }

    [Fact]
    public void Results_are_shown_with_a_line_for_each_problem()
    {
        var bad = Good.Replace("tag: demo", "tag: ''\n  pollIntervalSeconds: 1", StringComparison.Ordinal);

        var text = PlainText.Of(_session.Render("Test-ContainerVersion -Manifest $a, $b", ("a", Good), ("b", bad)));

        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["shop/myappcv: valid", "shop/myappcv: not valid"], lines[..2]);
        Assert.StartsWith("  - spec.tag: \"\"", lines[2], StringComparison.Ordinal);
        Assert.StartsWith("  - spec.pollIntervalSeconds: 1", lines[3], StringComparison.Ordinal);
        Assert.Equal(4, lines.Length);
    }

    [Fact]
    public void Quiet_returns_one_boolean()
    {
        var bad = Good.Replace("tag: demo", "tag: ''", StringComparison.Ordinal);

        Assert.True((bool)_session.Invoke("Test-ContainerVersion -Manifest $a, $a -Quiet", ("a", Good), ("b", bad)).Single().BaseObject);
        Assert.False((bool)_session.Invoke("Test-ContainerVersion -Manifest $a, $b -Quiet").Single().BaseObject);
        Assert.False((bool)Assert.Single(_session.Invoke("Test-ContainerVersion -Manifest \"a: [`n\" -Quiet").Output).BaseObject);
    }

    [Theory]
    [InlineData("Test-ContainerVersion -LiteralPath /nowhere/cv.yaml", "ManifestNotFound", ErrorCategory.ObjectNotFound)]
    [InlineData("Test-ContainerVersion /nowhere/cv.yaml", "PathNotFound", ErrorCategory.ObjectNotFound)]
    [InlineData("Test-ContainerVersion -Manifest \"a: [`n\"", "ManifestInvalid", ErrorCategory.InvalidData)]
    [InlineData("Test-ContainerVersion -Manifest \"[1]`n\"", "ManifestInvalid", ErrorCategory.InvalidData)]
    public void Input_that_cannot_be_read_is_an_error(string script, string id, ErrorCategory category)
    {
        var error = _session.Invoke(script).Error();

        Assert.Equal($"{id},CvManager.PowerShell.TestContainerVersionCommand", error.FullyQualifiedErrorId);
        Assert.Equal(category, error.CategoryInfo.Category);
    }

    [Fact]
    public void A_file_that_cannot_be_read_does_not_affect_the_others()
    {
        File.WriteAllText(Path.Combine(_folder, "a.yaml"), "a: [");
        File.WriteAllText(Path.Combine(_folder, "b.yaml"), Good);

        var result = _session.Invoke("Test-ContainerVersion $path", ("path", _folder));

        Assert.Single(result.Errors);
        Assert.Equal(["myappcv"], result.Values<string>("Name"));
    }

    /// <summary>An object with the PSPath of a file, like the output of Get-Item and Get-Content.</summary>
    private PSObject FromProvider(object value, string file)
    {
        PSObject wrapped = new(value);
        wrapped.Properties.Add(new PSNoteProperty("PSPath", $@"Microsoft.PowerShell.Core\FileSystem::{Path.Combine(_folder, file)}"));
        return wrapped;
    }

    private static string Text(PSObject value, string property) => (string)value.Properties[property].Value;

    private static IEnumerable Problems(PSObject test) => (IEnumerable)test.Properties["Problems"].Value;
}
