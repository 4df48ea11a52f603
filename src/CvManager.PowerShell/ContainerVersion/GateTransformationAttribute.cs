using System.Collections;
using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>Lets a gate parameter accept <c>repository:tag</c>, maps and objects.</summary>
public sealed class GateTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        try
        {
            return value is IEnumerable items and not (string or IDictionary)
                ? items.Cast<object?>().Select(CvGate.From).ToArray()
                : new[] { CvGate.From(inputData) };
        }
        catch (Exception e) when (e is FormatException or PSInvalidCastException or ArgumentTransformationMetadataException)
        {
            throw new ArgumentTransformationMetadataException(
                $"{e.Message.TrimEnd('.')}. Specify a gate as 'repository:tag', or as @{{ Image = 'repository'; Tag = 'tag'; Timeout = '10m' }}.",
                e
            );
        }
    }
}
