using System.Text.RegularExpressions;

namespace CvManager.Fuzz;

/// <summary>What is wrong with how an input was read.</summary>
/// <param name="Kind">The same for the same fault.</param>
/// <param name="Text">All that there is to say.</param>
internal sealed record Finding(string Kind, string Text)
{
    public override string ToString() => Text;
}

/// <summary>Reads one input, and judges the ending: a value, or a CvException with an id, within bounds of time and memory.</summary>
internal static partial class Trial
{
    /// <summary>Of the processor: how busy the machine is does not count.</summary>
    private static readonly TimeSpan CpuLimit = TimeSpan.FromSeconds(2);

    /// <summary>For what waits instead of working, on a busy machine.</summary>
    public static readonly TimeSpan WallLimit = TimeSpan.FromSeconds(90);

    private const long LargestAllocation = 512L << 20;

    public static async Task<Finding?> RunAsync(Target target, byte[] input)
    {
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long allocated = GC.GetTotalAllocatedBytes();
        Finding? found = null;
        try
        {
            await target.ReadAsync(input, CancellationToken.None);
        }
        catch (CvException e)
        {
            if (!ErrorId().IsMatch(e.ErrorId) || e.Message.Length == 0 || e.Remedy.Length == 0)
                found = new Finding($"{target.Name} id {e.ErrorId}", $"the error says too little: id '{e.ErrorId}', '{e.Message}', '{e.Remedy}'");
            else if (e.Message.Any(c => char.IsControl(c) && c != '\n'))
                found = new Finding($"{target.Name} control {e.ErrorId}", $"{e.ErrorId} carries control characters: {e.Message}");
        }
        catch (Exception e) when (!target.IsExpected(e))
        {
            found = new Finding($"{target.Name} {e.GetType().Name} {Place(e)}", $"{e.GetType().Name} {e.Message}\n{string.Join('\n', e.StackTrace?.Split('\n').Take(12) ?? [])}");
        }
        catch (Exception e) when (target.IsExpected(e))
        {
        }

        TimeSpan took = Environment.CpuUsage.TotalTime - cpu;
        long bytes = GC.GetTotalAllocatedBytes() - allocated;
        return found
            ?? (took > CpuLimit ? new Finding($"{target.Name} slow", $"{took.TotalSeconds:0.0} s of the processor for {input.Length} bytes") : null)
            ?? (bytes > LargestAllocation ? new Finding($"{target.Name} large", $"{bytes >> 20} MiB for {input.Length} bytes") : null);
    }

    /// <summary>The first line of the stack in this product's own code.</summary>
    private static string Place(Exception e) =>
        e.StackTrace?.Split('\n').FirstOrDefault(line => line.Contains("CvManager.", StringComparison.Ordinal))?.Trim() ?? "";

    [GeneratedRegex("^[A-Z][A-Za-z]+$")]
    private static partial Regex ErrorId();
}
