namespace CvManager.Simulation;

/// <summary>The client on whose behalf the current code runs; flows with every await.</summary>
internal static class Actor
{
    private static readonly AsyncLocal<string?> Name = new();

    /// <summary>Empty for the cluster's own components.</summary>
    public static string Current
    {
        get => Name.Value ?? "";
        set => Name.Value = value;
    }
}
