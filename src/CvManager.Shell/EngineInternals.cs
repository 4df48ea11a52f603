using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;

namespace CvManager.Shell;

/// <summary>Two things that pwsh does and that PowerShell's engine has no public way for. The engine's version is pinned.</summary>
internal static class EngineInternals
{
    private const BindingFlags NotPublic = BindingFlags.Instance | BindingFlags.NonPublic;

    /// <summary>Lets <c>exit 3</c> in the next script file be the end of the session; otherwise it ends the file alone.</summary>
    public static void HandOnExit(Runspace runspace)
    {
        var context = typeof(Runspace).GetProperty("ExecutionContext", NotPublic)!.GetValue(runspace)!;
        context.GetType().GetProperty("ScriptCommandProcessorShouldRethrowExit", NotPublic)!.SetValue(context, true);
    }

    /// <summary>An error record that Out-Default shows as an error, with the place where it happened.</summary>
    public static PSObject AsShownError(ErrorRecord error)
    {
        var wrapped = new PSObject(error);
        var stream = typeof(PSObject).GetProperty("WriteStream", NotPublic)!;
        stream.SetValue(wrapped, Enum.Parse(stream.PropertyType, "Error"));
        return wrapped;
    }
}
