using System.Management.Automation;
using CvManager.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>The collections in output objects.</summary>
public sealed class OutputCollectionTests
{
    private static readonly Labels Map = Labels.Of([new("tier", "web"), new("cvapp", "old"), new("Team", "pay"), new("cvapp", "myapp")]);

    [Fact]
    public void A_list_is_shown_with_semicolons()
    {
        Listed<string> list = ["demo", "1.2.3"];

        Assert.Equal("demo; 1.2.3", list.ToString());
        Assert.Equal("", new Listed<string>([]).ToString());
    }

    [Fact]
    public void A_list_converts_to_an_array_parameter()
    {
        Listed<string> list = ["demo", "1.2.3"];

        Assert.Equal(["demo", "1.2.3"], LanguagePrimitives.ConvertTo<string[]>(list));
    }

    [Fact]
    public void A_map_is_shown_as_a_label_selector_in_ordinal_order() => Assert.Equal("Team=pay,cvapp=myapp,tier=web", Map.ToString());

    [Fact]
    public void Entries_of_a_map_are_read_as_members()
    {
        using var session = new CvManager.Support.PowerShell.PowerShellSession(import: false);

        Assert.Equal("myapp", session.Invoke("$map.cvapp", ("map", Map)).Single().BaseObject);
    }
}
