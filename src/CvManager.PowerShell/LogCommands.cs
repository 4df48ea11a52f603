using System.Globalization;

namespace CvManager.PowerShell;

/// <summary>
/// Lines that a CI service takes from the log of a step as commands: annotations and groups. All text in a command is escaped, so that it can
/// neither end the command nor add a property to it. Thread-safe.
/// </summary>
/// <remarks>
/// GitHub: "Workflow commands for GitHub Actions"; the escaping is that of ActionCommand in actions/runner, and of toolkit/packages/core. Azure DevOps: "Logging
/// commands"; the escaping is that of taskcommand.ts in azure-pipelines-task-lib.
/// </remarks>
internal abstract class LogCommands
{
    public static LogCommands GitHub { get; } = new GitHubCommands();

    public static LogCommands AzureDevOps { get; } = new AzureDevOpsCommands();

    /// <summary>Marks the end of a group.</summary>
    public abstract string EndGroup { get; }

    /// <summary>Returns the commands of a service; null for none.</summary>
    /// <param name="format">The value of -CIFormat.</param>
    /// <param name="variable">Returns the value of an environment variable, or null.</param>
    public static LogCommands? Of(CIFormat format, Func<string, string?> variable) =>
        format switch
        {
            CIFormat.GitHub => GitHub,
            CIFormat.AzureDevOps => AzureDevOps,
            CIFormat.Auto when IsTrue(variable("GITHUB_ACTIONS")) => GitHub,
            CIFormat.Auto when IsTrue(variable("TF_BUILD")) => AzureDevOps,
            _ => null,
        };

    /// <param name="code">The id of the error, or the reason.</param>
    /// <param name="text">The text, of any number of lines.</param>
    /// <param name="place">The place in a file of the repository; null if it is not about a file.</param>
    public abstract string Error(string code, string text, SourcePlace? place = null);

    public abstract string Warning(string text);

    /// <summary>Begins a group, which the log shows folded under its title. Groups cannot be nested.</summary>
    public abstract string BeginGroup(string title);

    private static bool IsTrue(string? value) => string.Equals(value, "true", StringComparison.OrdinalIgnoreCase);

    private static string? Number(long? number) => number?.ToString(CultureInfo.InvariantCulture);

    /// <summary>Text for a command, without control characters.</summary>
    private static string Shown(string text) => DisplayText.Message(text);

    private sealed class GitHubCommands : LogCommands
    {
        public override string EndGroup => "::endgroup::";

        public override string Error(string code, string text, SourcePlace? place = null) =>
            Command(
                "error",
                text,
                ("title", code),
                ("file", place?.File),
                ("line", Number(place?.Position?.Line)),
                ("col", Number(place?.Position?.Column))
            );

        public override string Warning(string text) => Command("warning", text);

        public override string BeginGroup(string title) => Command("group", title);

        private static string Command(string name, string text, params (string Name, string? Value)[] properties)
        {
            var set = string.Join(
                ',',
                properties.Where(property => property.Value is not null).Select(property => $"{property.Name}={Property(property.Value!)}")
            );
            return $"::{name}{(set.Length > 0 ? " " : "")}{set}::{Data(Shown(text))}";
        }

        private static string Data(string text) =>
            text.Replace("%", "%25", StringComparison.Ordinal)
                .Replace("\r", "%0D", StringComparison.Ordinal)
                .Replace("\n", "%0A", StringComparison.Ordinal);

        private static string Property(string text) =>
            Data(Shown(text)).Replace(":", "%3A", StringComparison.Ordinal).Replace(",", "%2C", StringComparison.Ordinal);
    }

    private sealed class AzureDevOpsCommands : LogCommands
    {
        public override string EndGroup => "##[endgroup]";

        public override string Error(string code, string text, SourcePlace? place = null) =>
            Issue(
                "error",
                text,
                ("code", code),
                ("sourcepath", place?.File),
                ("linenumber", Number(place?.Position?.Line)),
                ("columnnumber", Number(place?.Position?.Column))
            );

        public override string Warning(string text) => Issue("warning", text);

        /// <summary>Not a command but a format of the line, so that nothing in it is unescaped.</summary>
        public override string BeginGroup(string title) => $"##[group]{DisplayText.Line(Shown(title))}";

        private static string Issue(string type, string text, params (string Name, string? Value)[] properties)
        {
            var set = string.Concat(
                properties.Where(property => property.Value is not null).Select(property => $"{property.Name}={Property(property.Value!)};")
            );
            return $"##vso[task.logissue type={type};{set}]{Data(Shown(text))}";
        }

        private static string Data(string text) =>
            text.Replace("%", "%AZP25", StringComparison.Ordinal)
                .Replace("\r", "%0D", StringComparison.Ordinal)
                .Replace("\n", "%0A", StringComparison.Ordinal);

        private static string Property(string text) =>
            Data(Shown(text)).Replace("]", "%5D", StringComparison.Ordinal).Replace(";", "%3B", StringComparison.Ordinal);
    }
}

/// <summary>A place in a file, which a CI service shows the annotation at.</summary>
/// <param name="File">The absolute path; the services make it relative to the repository.</param>
/// <param name="Position">Null if it is not known.</param>
internal sealed record SourcePlace(string File, TextPosition? Position);
