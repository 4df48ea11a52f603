using System.Collections;
using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>
/// Lets a parameter for labels accept a map, an object whose properties are the labels (ConvertFrom-Json), or <c>k=v,k2=v2</c> (a cell of a CSV
/// file).
/// </summary>
public sealed class LabelsTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        return value switch
        {
            IDictionary map => new Hashtable(map, StringComparer.Ordinal),
            string text => Parse(text),
            PSCustomObject => Copy(((PSObject)inputData).Properties.Select(property => (property.Name, (object?)property.Value))),
            // For null and everything else, the conversion of PowerShell reports the error.
            _ => inputData,
        };
    }

    private static Hashtable Parse(string text) =>
        Copy(
            text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(label =>
                    label.IndexOf('=', StringComparison.Ordinal) is > 0 and var at
                        ? (label[..at], (object?)label[(at + 1)..])
                        : throw new ArgumentTransformationMetadataException(
                            $"'{label}' is not a label. Specify labels as @{{ cvapp = 'myapp' }}, or as 'cvapp=myapp,tier=web'."
                        )
                )
        );

    private static Hashtable Copy(IEnumerable<(string Name, object? Value)> labels)
    {
        Hashtable copy = new(StringComparer.Ordinal);
        foreach (var (name, value) in labels)
            copy[name] = value;
        return copy;
    }
}
