using System.Collections;
using System.Management.Automation;
using CvManager.PowerShell;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

public sealed class TextTransformationTests
{
    private const string Reference = "[pscustomobject]@{ Namespace = 'shop'; Change = 'none'; Id = 7 }";

    [Fact]
    public void Text_and_values_with_one_textual_form_are_text()
    {
        object?[] texts =
        [
            "team/app",
            new PSObject("a line of a file"),
            5,
            1.5m,
            Guid.Empty,
            new Uri("http://a"),
            new SemanticVersion(1, 2, 3),
            null,
            new object[] { "a", new PSObject("b"), 5 },
        ];

        Assert.All(texts, text => Assert.Same(text, new TextTransformationAttribute().Transform(null!, text!)));
    }

    [Fact]
    public void Objects_are_not_text()
    {
        object[] objects =
        [
            new PSObject(),
            new Hashtable(),
            new FileInfo("a"),
            ScriptBlock.Create("1"),
            new object[] { "a", new FileInfo("a") },
        ];

        Assert.All(
            objects,
            item =>
                Assert.IsType<PSInvalidCastException>(
                    Assert
                        .Throws<ArgumentTransformationMetadataException>(() => new TextTransformationAttribute().Transform(null!, item))
                        .InnerException
                )
        );
    }

    [Theory]
    [InlineData($"{Reference} | Get-CvRegistryTag", "InputObjectNotBound")]
    [InlineData($"Get-CvRegistryTag ({Reference})", "ParameterArgumentTransformationError")]
    [InlineData($"{Reference} | Get-CvContext", "InputObjectNotBound")]
    [InlineData($"{Reference} | Test-ContainerVersion", "AmbiguousParameterSet")]
    public void An_object_without_the_property_does_not_become_text(string script, string errorId)
    {
        using PowerShellSession session = new();

        Assert.Equal(errorId, session.Invoke(script).Error().FullyQualifiedErrorId.Split(',')[0]);
    }

    [Fact]
    public void An_object_with_the_property_binds_by_it()
    {
        using PowerShellSession session = new();

        var error = session.Invoke("[pscustomobject]@{ Name = 'nope' } | Get-CvContext").Error();

        Assert.Equal(("KubeContextNotFound", "nope"), (error.FullyQualifiedErrorId.Split(',')[0], error.TargetObject));
    }
}
