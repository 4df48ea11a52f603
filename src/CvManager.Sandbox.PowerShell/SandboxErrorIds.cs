namespace CvManager.Sandbox.PowerShell;

/// <summary>The error ids of the sandbox's cmdlets. Scripts depend on them: never change them.</summary>
internal static class SandboxErrorIds
{
    public const string SandboxImageInvalid = nameof(SandboxImageInvalid);
    public const string SandboxKubeConfigNotWritten = nameof(SandboxKubeConfigNotWritten);
    public const string SandboxNotRunning = nameof(SandboxNotRunning);
    public const string SandboxPortTaken = nameof(SandboxPortTaken);
}
