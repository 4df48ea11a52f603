namespace CvManager.Support;

/// <summary>The root folder of the repository that the tests were built from.</summary>
internal static class RepositoryRoot
{
    public static string Path { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string folder) =>
        File.Exists(System.IO.Path.Combine(folder, "CvManager.sln"))
            ? folder
            : Find(
                Directory.GetParent(folder)?.FullName
                    ?? throw new DirectoryNotFoundException("No folder above the tests holds CvManager.sln.")
            );
}
