using System.Text.RegularExpressions;

namespace CvManager.Fuzz;

/// <summary>A bug that an input revealed.</summary>
/// <param name="Kind">Identifies the bug.</param>
/// <param name="Text">The details.</param>
internal sealed record Finding(string Kind, string Text)
{
    public override string ToString() => Text;
}

/// <summary>Runs one input, which must produce a value or a CvException with an id, within limits of time and memory.</summary>
internal static partial class Trial
{
    /// <summary>A limit of processor time, so that other load on the machine has no effect.</summary>
    private static readonly TimeSpan CpuLimit = TimeSpan.FromSeconds(2);

    /// <summary>A limit of elapsed time, for inputs that wait. It is high because the machine can be busy.</summary>
    public static readonly TimeSpan WallLimit = TimeSpan.FromSeconds(90);

    private const long MaxAllocation = 512L << 20;

    public static async Task<Finding?> RunAsync(Target target, byte[] input)
    {
        var cpu = Environment.CpuUsage.TotalTime;
        var allocated = GC.GetTotalAllocatedBytes();
        Finding? found = null;
        try
        {
            await target.ReadAsync(input, CancellationToken.None);
        }
        catch (CvException e)
        {
            if (!ErrorId().IsMatch(e.ErrorId) || e.Message.Length == 0 || e.Remedy.Length == 0)
                found = new Finding($"{target.Name} id {e.ErrorId}", $"incomplete error: id '{e.ErrorId}', '{e.Message}', '{e.Remedy}'");
            else if (e.Message.Any(c => char.IsControl(c) && c != '\n'))
                found = new Finding($"{target.Name} control {e.ErrorId}", $"{e.ErrorId} contains control characters: {e.Message}");
        }
        catch (Exception e) when (!target.IsExpected(e))
        {
            found = new Finding(
                $"{target.Name} {e.GetType().Name} {Place(e)}",
                $"{e.GetType().Name} {e.Message}\n{string.Join('\n', e.StackTrace?.Split('\n').Take(12) ?? [])}"
            );
        }
        catch (Exception e) when (target.IsExpected(e)) { }

        var took = Environment.CpuUsage.TotalTime - cpu;
        var bytes = GC.GetTotalAllocatedBytes() - allocated;
        return found
            ?? (
                took > CpuLimit
                    ? new Finding($"{target.Name} slow", $"{took.TotalSeconds:0.0} s of processor time for {input.Length} bytes")
                    : null
            )
            ?? (bytes > MaxAllocation ? new Finding($"{target.Name} large", $"{bytes >> 20} MiB for {input.Length} bytes") : null);
    }

    /// <summary>The topmost line of the stack trace in CvManager.</summary>
    private static string Place(Exception e) =>
        e.StackTrace?.Split('\n').FirstOrDefault(line => line.Contains("CvManager.", StringComparison.Ordinal))?.Trim() ?? "";

    [GeneratedRegex("^[A-Z][A-Za-z]+$")]
    private static partial Regex ErrorId();
}
