using System.Management.Automation;
using System.Management.Automation.Internal;

namespace CvManager.Support.PowerShell;

/// <summary>The output of a host, without colours and trailing spaces.</summary>
internal static class PlainText
{
    public static string Of(string shown) =>
        string.Join(
            '\n',
            new StringDecorated(shown)
                .ToString(OutputRendering.PlainText)
                .ReplaceLineEndings("\n")
                .Split('\n')
                .Select(line => line.TrimEnd())
        );
}
