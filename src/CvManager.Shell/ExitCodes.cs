namespace CvManager.Shell;

/// <summary>As pwsh has them.</summary>
internal static class ExitCodes
{
    public const int Success = 0;
    public const int Failure = 1;

    /// <summary>The arguments make no sense.</summary>
    public const int Usage = 64;

    /// <summary>Added to the number of the signal that ended it.</summary>
    public const int Signal = 128;
}
