namespace CvManager.PowerShell;

/// <summary>The addresses of the project, for <c>HelpUri</c>: <c>Get-Help -Online</c> opens the page of a cmdlet.</summary>
public static class ProjectUri
{
    public const string Project = "https://github.com/cvmanager/cvmanager";

    /// <summary>The folder of the pages; append <c>Verb-Noun.md</c>. The build of the help checks it.</summary>
    public const string Docs = Project + "/blob/main/docs/";
}
