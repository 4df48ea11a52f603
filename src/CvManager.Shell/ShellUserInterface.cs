using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Internal;
using System.Security;

namespace CvManager.Shell;

/// <summary>
/// Output and messages to standard output and errors to standard error, as pwsh does; colours and progress only on a terminal; questions
/// only where somebody can answer. Thread-safe.
/// </summary>
internal sealed class ShellUserInterface(bool nonInteractive) : PSHostUserInterface
{
    private readonly Lock _lock = new();
    private readonly ShellRawUserInterface _rawUI = new();
    private bool _progressShown;

    public override PSHostRawUserInterface RawUI => _rawUI;

    public override bool SupportsVirtualTerminal { get; } =
        !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") != "dumb";

    public override void Write(string value)
    {
        lock (_lock)
        {
            ClearProgress();
            Console.Out.Write(Decorated(SupportsVirtualTerminal) ? value : Plain(value));
        }
    }

    public override void WriteLine(string value) => Write(value + Environment.NewLine);

    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value)
    {
        Write(PSStyle.MapForegroundColorToEscapeSequence(foregroundColor) + PSStyle.MapBackgroundColorToEscapeSequence(backgroundColor) + value + PSStyle.Instance.Reset);
    }

    public override void WriteErrorLine(string value)
    {
        lock (_lock)
        {
            ClearProgress();
            Console.Error.WriteLine(Decorated(SupportsVirtualTerminal && !Console.IsErrorRedirected) ? value : Plain(value));
        }
    }

    public override void WriteWarningLine(string message) => WriteMessage(PSStyle.Instance.Formatting.Warning, "WARNING: " + message);

    public override void WriteVerboseLine(string message) => WriteMessage(PSStyle.Instance.Formatting.Verbose, "VERBOSE: " + message);

    public override void WriteDebugLine(string message) => WriteMessage(PSStyle.Instance.Formatting.Debug, "DEBUG: " + message);

    public override void WriteProgress(long sourceId, ProgressRecord record)
    {
        if (!SupportsVirtualTerminal)
            return;
        var percent = record.PercentComplete is >= 0 and <= 100 ? string.Create(CultureInfo.InvariantCulture, $" {record.PercentComplete} %") : "";
        var text = $"{record.Activity}: {record.StatusDescription}{percent}".ReplaceLineEndings(" ");
        var width = _rawUI.WindowSize.Width - 1;
        lock (_lock)
        {
            ClearProgress();
            if (record.RecordType == ProgressRecordType.Completed)
                return;
            Console.Out.Write(text.Length > width ? text[..width] : text);
            _progressShown = true;
        }
    }

    public void EndProgress()
    {
        lock (_lock)
            ClearProgress();
    }

    public override string ReadLine()
    {
        DemandAnswers("a line of input");
        return Console.ReadLine() ?? throw NobodyAnswers("a line of input");
    }

    public override SecureString ReadLineAsSecureString()
    {
        DemandAnswers("a secret");
        var secret = new SecureString();
        for (var key = Console.ReadKey(intercept: true); key.Key != ConsoleKey.Enter; key = Console.ReadKey(intercept: true))
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                if (secret.Length > 0)
                    secret.RemoveAt(secret.Length - 1);
            }
            else if (!char.IsControl(key.KeyChar))
            {
                secret.AppendChar(key.KeyChar);
            }
        }
        WriteLine("");
        secret.MakeReadOnly();
        return secret;
    }

    /// <summary>Asks for mandatory parameters that were not given.</summary>
    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions)
    {
        DemandAnswers(string.Join(", ", descriptions.Select(field => field.Name)));
        WriteCaption(caption, message);
        var answers = new Dictionary<string, PSObject>();
        foreach (var field in descriptions)
        {
            Write(field.Name + ": ");
            answers[field.Name] = field.ParameterTypeName == nameof(SecureString)
                ? PSObject.AsPSObject(ReadLineAsSecureString())
                : PSObject.AsPSObject(ReadLine());
        }
        return answers;
    }

    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        DemandAnswers(string.IsNullOrEmpty(message) ? caption : message);
        WriteCaption(caption, message);
        var keys = choices.Select(HotKey).ToList();
        var names = choices.Select(choice => choice.Label.Replace("&", "", StringComparison.Ordinal)).ToList();
        var labels = names.Select((name, i) => $"[{keys[i]}] {name}");
        var preset = defaultChoice >= 0 ? $" (default is \"{keys[defaultChoice]}\")" : "";
        while (true)
        {
            Write($"{string.Join("  ", labels)}{preset}: ");
            var answer = ReadLine().Trim();
            if (answer.Length == 0 && defaultChoice >= 0)
                return defaultChoice;
            var chosen = names.FindIndex(name => answer.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (chosen < 0)
                chosen = keys.FindIndex(key => answer.Equals(key, StringComparison.OrdinalIgnoreCase));
            if (chosen >= 0)
                return chosen;
        }
    }

    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
        PromptForCredential(caption, message, userName, targetName, PSCredentialTypes.Default, PSCredentialUIOptions.Default);

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options)
    {
        DemandAnswers("a credential");
        WriteCaption(caption, message);
        if (string.IsNullOrEmpty(userName))
        {
            Write("User: ");
            userName = ReadLine();
        }
        Write($"Password for user {userName}: ");
        return new PSCredential(userName, ReadLineAsSecureString());
    }

    private static string HotKey(ChoiceDescription choice)
    {
        var mark = choice.Label.IndexOf('&', StringComparison.Ordinal);
        return mark >= 0 && mark < choice.Label.Length - 1 ? choice.Label.Substring(mark + 1, 1).ToUpperInvariant() : choice.Label;
    }

    private static HostException NobodyAnswers(string question) => new(
        $"There is nobody to answer: '{question}'. Give a parameter for it (-Confirm:$false where a confirmation is asked for), or run cvm on a terminal.",
        null,
        "NonInteractive",
        ErrorCategory.InvalidOperation);

    // Standard input that is no terminal may well stay open for ever, in CI for instance: asking there would hang.
    private void DemandAnswers(string question)
    {
        if (nonInteractive || Console.IsInputRedirected)
            throw NobodyAnswers(question);
    }

    private void WriteCaption(string caption, string message)
    {
        foreach (var text in (string[])[caption, message])
        {
            if (!string.IsNullOrEmpty(text))
                WriteLine(text);
        }
    }

    private void WriteMessage(string style, string text) => WriteLine(style + text + PSStyle.Instance.Reset);

    /// <summary>PowerShell's formatting decorates always, and leaves it to the host to show that or not.</summary>
    private static bool Decorated(bool terminal) => PSStyle.Instance.OutputRendering switch
    {
        OutputRendering.Ansi => true,
        OutputRendering.PlainText => false,
        _ => terminal,
    };

    private static string Plain(string value) => new StringDecorated(value).ToString(OutputRendering.PlainText);

    private void ClearProgress()
    {
        if (!_progressShown)
            return;
        Console.Out.Write("\r\e[2K");
        _progressShown = false;
    }
}
