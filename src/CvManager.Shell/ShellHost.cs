using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Reflection;

namespace CvManager.Shell;

/// <summary>cvm, as PowerShell's engine sees it (<c>$Host</c>).</summary>
internal sealed class ShellHost(bool nonInteractive) : PSHost
{
    private readonly ShellUserInterface _ui = new(nonInteractive);

    /// <summary>What the script said with <c>exit</c>.</summary>
    public int? ExitCode { get; private set; }

    public override string Name => "cvm";

    public override Version Version { get; } = Version.Parse(typeof(ShellHost).Assembly.GetCustomAttribute<AssemblyFileVersionAttribute>()!.Version);

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override CultureInfo CurrentCulture { get; } = CultureInfo.CurrentCulture;

    public override CultureInfo CurrentUICulture { get; } = CultureInfo.CurrentUICulture;

    public override PSHostUserInterface UI => _ui;

    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

    public void EndProgress() => _ui.EndProgress();

    public override void EnterNestedPrompt() => throw new PSNotSupportedException("cvm has no nested prompt.");

    public override void ExitNestedPrompt() => throw new PSNotSupportedException("cvm has no nested prompt.");

    public override void NotifyBeginApplication()
    {
    }

    public override void NotifyEndApplication()
    {
    }
}
