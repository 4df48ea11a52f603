using System.Management.Automation;
using System.Net.Sockets;
using System.Security;

namespace CvManager.PowerShell;

/// <summary>Converts exceptions to error records. PowerShell appends the type of the cmdlet to the id: <c>ErrorId,type</c>.</summary>
internal static class ErrorRecords
{
    /// <param name="exception">A <see cref="CvException"/>, an exception of PowerShell, or an unexpected exception.</param>
    /// <param name="target">The target object, used if the exception has none.</param>
    public static ErrorRecord From(Exception exception, object? target = null)
    {
        switch (exception)
        {
            case CvException known:
                return new ErrorRecord(known, known.ErrorId, Category(known.Kind), Escaped(known.Target ?? target))
                {
                    ErrorDetails = new ErrorDetails(DisplayText.Message(known.Message))
                    {
                        RecommendedAction = DisplayText.Message(known.Remedy),
                    },
                };
            // Exceptions of PowerShell (a missing path, a prompt in a non-interactive session) have their own error record.
            case IContainsErrorRecord { ErrorRecord: { } own }:
                return new ErrorRecord(own, exception);
            case AggregateException { InnerExceptions: [var only] }:
                return From(only, target);
            case TypeInitializationException { InnerException: { } cause }:
                return From(cause, target);
            case OperationCanceledException:
                return Record(
                    CmdletErrorIds.OperationTimedOut,
                    ErrorCategory.OperationTimeout,
                    "The operation timed out waiting for a response.",
                    "Check that the API server and the registry can be reached, and try again."
                );
            case FileNotFoundException { FileName: { } assembly } when assembly.Contains("Version=", StringComparison.Ordinal):
            case FileLoadException or BadImageFormatException or TypeLoadException or MissingMemberException or DllNotFoundException:
                return Record(
                    CmdletErrorIds.ModuleDamaged,
                    ErrorCategory.NotInstalled,
                    $"A file of the module is missing or belongs to another version: {exception.Message}",
                    "Install the module again, and start a new PowerShell session."
                );
            case HttpRequestException or SocketException:
                return Record(
                    CmdletErrorIds.NetworkFailed,
                    ErrorCategory.ConnectionError,
                    $"The network failed: {exception.Message}",
                    "Check that the API server and the registry can be reached, and try again."
                );
            case IOException or UnauthorizedAccessException or SecurityException:
                return Record(
                    CmdletErrorIds.FileAccessFailed,
                    ErrorCategory.ResourceUnavailable,
                    $"A file could not be read or written: {exception.Message}",
                    "Check the path, its permissions and the free disk space."
                );
            case OutOfMemoryException or InsufficientExecutionStackException:
                return Record(
                    CmdletErrorIds.SystemResourcesExhausted,
                    ErrorCategory.ResourceUnavailable,
                    $"The system does not have enough resources: {exception.Message}",
                    "Free memory, or process fewer objects at a time."
                );
            default:
                return Record(
                    ErrorIds.UnexpectedError,
                    ErrorCategory.NotSpecified,
                    exception.Message,
                    "This is a bug in CvManager. Report it, and include the output of $Error[0].Exception."
                );
        }

        ErrorRecord Record(string id, ErrorCategory category, string message, string remedy) =>
            new(exception, id, category, Escaped(target))
            {
                ErrorDetails = new ErrorDetails(DisplayText.Message(message)) { RecommendedAction = remedy },
            };
    }

    /// <summary>PowerShell shows a target that is text.</summary>
    private static object? Escaped(object? target) => target is string text ? DisplayText.Message(DisplayText.Line(text)) : target;

    private static ErrorCategory Category(CvErrorKind kind) =>
        kind switch
        {
            CvErrorKind.NotFound => ErrorCategory.ObjectNotFound,
            CvErrorKind.Unauthenticated => ErrorCategory.AuthenticationError,
            CvErrorKind.Forbidden => ErrorCategory.PermissionDenied,
            CvErrorKind.Conflict => ErrorCategory.ResourceExists,
            CvErrorKind.Invalid => ErrorCategory.InvalidData,
            CvErrorKind.LimitExceeded => ErrorCategory.LimitsExceeded,
            CvErrorKind.Timeout => ErrorCategory.OperationTimeout,
            CvErrorKind.Unavailable => ErrorCategory.ConnectionError,
            CvErrorKind.NotSupported => ErrorCategory.NotImplemented,
            CvErrorKind.Failed => ErrorCategory.InvalidResult,
            _ => ErrorCategory.NotSpecified,
        };
}
