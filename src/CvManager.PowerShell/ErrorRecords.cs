using System.Management.Automation;

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
                    ErrorDetails = new ErrorDetails(DisplayText.Of(known.Message)) { RecommendedAction = DisplayText.Of(known.Remedy) },
                };
            // Exceptions of PowerShell (a missing path, a prompt in a non-interactive session) have their own error record.
            case IContainsErrorRecord { ErrorRecord: { } own }:
                return new ErrorRecord(own, exception);
            case OperationCanceledException:
                return new ErrorRecord(exception, CmdletErrorIds.OperationTimedOut, ErrorCategory.OperationTimeout, target)
                {
                    ErrorDetails = new ErrorDetails("The operation timed out waiting for a response.")
                    {
                        RecommendedAction = "Check that the API server and the registry can be reached, and try again.",
                    },
                };
            default:
                return new ErrorRecord(exception, ErrorIds.UnexpectedError, ErrorCategory.NotSpecified, target)
                {
                    ErrorDetails = new ErrorDetails(DisplayText.Of(exception.Message))
                    {
                        RecommendedAction = "This is a bug in CvManager. Report it, and include the output of $Error[0].Exception.",
                    },
                };
        }
    }

    /// <summary>PowerShell shows a target that is text.</summary>
    private static object? Escaped(object? target) => target is string text ? DisplayText.Line(text) : target;

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
