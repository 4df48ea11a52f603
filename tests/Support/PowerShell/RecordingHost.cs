using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;
using System.Text;

namespace CvManager.Support.PowerShell;

/// <summary>A host that records its output as text, and answers prompts as configured.</summary>
public sealed class RecordingHost : PSHost
{
    private readonly RecordingUI _ui = new();

    /// <summary>The output so far; messages have prefixes (<c>WARNING: </c>).</summary>
    public string Text => _ui.Text;

    /// <summary>The label of the choice for prompts (<c>-Confirm</c>), such as <c>&amp;Yes</c>. If it is not set, a prompt fails.</summary>
    public Func<string, string>? Answer
    {
        get => _ui.Answer;
        set => _ui.Answer = value;
    }

    public override CultureInfo CurrentCulture => CultureInfo.InvariantCulture;

    public override CultureInfo CurrentUICulture => CultureInfo.InvariantCulture;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override string Name => "Recording";

    public override PSHostUserInterface UI => _ui;

    public override Version Version { get; } = new(1, 0);

    public void Clear() => _ui.Clear();

    public override void EnterNestedPrompt() => throw new PSNotSupportedException();

    public override void ExitNestedPrompt() => throw new PSNotSupportedException();

    public override void NotifyBeginApplication() { }

    public override void NotifyEndApplication() { }

    public override void SetShouldExit(int exitCode) { }

    private sealed class RecordingUI : PSHostUserInterface
    {
        private readonly StringBuilder _text = new();
        private readonly Lock _lock = new();

        public Func<string, string>? Answer { get; set; }

        public string Text
        {
            get
            {
                lock (_lock)
                    return _text.ToString();
            }
        }

        public override PSHostRawUserInterface RawUI { get; } = new WideScreen();

        public void Clear()
        {
            lock (_lock)
                _text.Clear();
        }

        public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) =>
            throw new PSNotSupportedException();

        public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
        {
            WriteLine($"{caption}\n{message}");
            var label = Answer?.Invoke(message) ?? throw new PSNotSupportedException();
            return choices.Select((choice, index) => (choice, index)).Single(c => c.choice.Label == label).index;
        }

        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
            throw new PSNotSupportedException();

        public override PSCredential PromptForCredential(
            string caption,
            string message,
            string userName,
            string targetName,
            PSCredentialTypes allowedCredentialTypes,
            PSCredentialUIOptions options
        ) => throw new PSNotSupportedException();

        public override string ReadLine() => throw new PSNotSupportedException();

        public override SecureString ReadLineAsSecureString() => throw new PSNotSupportedException();

        public override void Write(string value)
        {
            lock (_lock)
                _text.Append(value);
        }

        public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Write(value);

        public override void WriteLine(string value) => Write(value + "\n");

        public override void WriteErrorLine(string value) => WriteLine(value);

        public override void WriteDebugLine(string message) => WriteLine("DEBUG: " + message);

        public override void WriteVerboseLine(string message) => WriteLine("VERBOSE: " + message);

        public override void WriteWarningLine(string message) => WriteLine("WARNING: " + message);

        public override void WriteProgress(long sourceId, ProgressRecord record) { }
    }

    /// <summary>Wide enough that tables are not truncated.</summary>
    private sealed class WideScreen : PSHostRawUserInterface
    {
        public override ConsoleColor BackgroundColor { get; set; }

        public override Size BufferSize { get; set; } = new(240, 100);

        public override Coordinates CursorPosition { get; set; }

        public override int CursorSize { get; set; }

        public override ConsoleColor ForegroundColor { get; set; }

        public override bool KeyAvailable => false;

        public override Size MaxPhysicalWindowSize => BufferSize;

        public override Size MaxWindowSize => BufferSize;

        public override Coordinates WindowPosition { get; set; }

        public override Size WindowSize { get; set; } = new(240, 100);

        public override string WindowTitle { get; set; } = "";

        public override void FlushInputBuffer() { }

        public override BufferCell[,] GetBufferContents(Rectangle rectangle) => throw new PSNotSupportedException();

        public override KeyInfo ReadKey(ReadKeyOptions options) => throw new PSNotSupportedException();

        public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) =>
            throw new PSNotSupportedException();

        public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) => throw new PSNotSupportedException();

        public override void SetBufferContents(Rectangle rectangle, BufferCell fill) => throw new PSNotSupportedException();
    }
}
