using Xunit;

namespace CvManager.Support;

/// <summary>What an operation throws.</summary>
internal static class Thrown
{
    /// <summary>The error id; null if nothing is thrown, and the whole text of an exception without an id.</summary>
    public static async Task<string?> ErrorIdAsync(Func<Task> action) =>
        await Record.ExceptionAsync(action) switch
        {
            null => null,
            CvException e => e.ErrorId,
            Exception other => other.ToString(),
        };
}
