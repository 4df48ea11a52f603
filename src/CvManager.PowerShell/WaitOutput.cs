using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using CvManager.Rollouts;

namespace CvManager.PowerShell;

/// <summary>
/// Shows the states of what a cmdlet waits for: a progress bar for each at a prompt; elsewhere a line for each change, and one every minute in
/// which nothing changes. Thread-safe.
/// </summary>
/// <param name="drawsProgress">See <see cref="DrawsProgress"/>.</param>
/// <param name="time">The clock.</param>
/// <param name="progress">Writes a progress record.</param>
/// <param name="line">Writes a line.</param>
internal sealed class WaitOutput(bool drawsProgress, TimeProvider time, Action<ProgressRecord> progress, Action<string> line)
{
    private static readonly TimeSpan SignOfLife = TimeSpan.FromMinutes(1);

    private readonly object _lock = new();
    private readonly Dictionary<string, (int Activity, string Shown)> _shown = new(StringComparer.Ordinal);
    private readonly long _startedAt = time.GetTimestamp();
    private long _lastLine = time.GetTimestamp();

    /// <summary>
    /// Whether a progress bar is visible. In the log of a CI step each update of a bar would add a line, or none is drawn: then lines are
    /// written.
    /// </summary>
    /// <param name="host">The host of the session.</param>
    /// <param name="preference">The value of $ProgressPreference.</param>
    public static bool DrawsProgress(PSHost host, object? preference) =>
        !IsSet("CI")
        && !IsSet("TF_BUILD")
        && !Console.IsOutputRedirected
        && !IsNonInteractive(Environment.GetCommandLineArgs())
        && host.Name is "ConsoleHost" or "Visual Studio Code Host"
        && preference?.ToString() is not ("SilentlyContinue" or "Ignore");

    /// <summary>Whether pwsh was started with -NonInteractive, or an abbreviation of it.</summary>
    internal static bool IsNonInteractive(IEnumerable<string> arguments) =>
        arguments
            .Skip(1)
            .Select(argument => argument.StartsWith("--", StringComparison.Ordinal) ? argument[1..] : argument)
            // What follows belongs to the script.
            .TakeWhile(argument => !IsAbbreviation(argument, "command", 1) && !IsAbbreviation(argument, "file", 1))
            .Any(argument => IsAbbreviation(argument, "noninteractive", 4));

    public void Show(RolloutState state)
    {
        lock (_lock)
        {
            var key = state.Resource.Key;
            (var activity, var before) = _shown.TryGetValue(key, out var known) ? known : (_shown.Count + 1, "");
            var text = DisplayText.Line(state.ToString());
            _shown[key] = (activity, text);
            if (drawsProgress)
                progress(Record(activity, state));
            else if (text != before)
                WriteLine(text);
            else if (time.GetElapsedTime(_lastLine) >= SignOfLife)
                WriteLine($"Still waiting after {DurationText.OfSeconds((long)time.GetElapsedTime(_startedAt).TotalSeconds)}: {text}");
        }
    }

    /// <summary>Removes the progress bar of a resource.</summary>
    public void Complete(string key)
    {
        lock (_lock)
        {
            if (drawsProgress && _shown.TryGetValue(key, out var known))
                progress(new ProgressRecord(known.Activity, key, "Completed") { RecordType = ProgressRecordType.Completed });
        }
    }

    /// <summary>The minimal view of PowerShell draws activity and status on one line, and not the current operation.</summary>
    internal static ProgressRecord Record(int activity, RolloutState state)
    {
        var pods = state.Workloads.Count == 1 ? state.Workloads[0].Counts : state.Counts;
        string?[] parts = [state.Reason?.Word, state.Phase, pods.Length == 0 ? null : pods];
        var record = new ProgressRecord(activity, state.Resource.Key, string.Join(", ", parts.OfType<string>()))
        {
            CurrentOperation = state.Reason?.Message,
        };
        if (state.PercentComplete is { } percent)
            record.PercentComplete = percent;
        return record;
    }

    private void WriteLine(string text)
    {
        _lastLine = time.GetTimestamp();
        line($"{time.GetLocalNow().ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {text}");
    }

    private static bool IsSet(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 };

    /// <summary>Whether an argument is an abbreviation of a parameter, at least as long as given.</summary>
    private static bool IsAbbreviation(string argument, string parameter, int atLeast) =>
        argument.Length > atLeast && argument[0] is '-' or '/' && parameter.StartsWith(argument[1..], StringComparison.OrdinalIgnoreCase);
}
