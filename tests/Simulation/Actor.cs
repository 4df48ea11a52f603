namespace CvManager.Simulation;

/// <summary>Who is behind what happens: goes along with every await.</summary>
internal static class Actor
{
    private static readonly AsyncLocal<string?> Name = new();

    /// <summary>Empty for the cluster's own parts.</summary>
    public static string Current
    {
        get => Name.Value ?? "";
        set => Name.Value = value;
    }
}
