using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>Makes error records of exceptions. PowerShell completes the id to <c>ErrorId,type of the cmdlet</c>.</summary>
internal static class ErrorRecords
{
    /// <param name="exception">A <see cref="CvException"/>; anything else is unexpected.</param>
    /// <param name="target">What it is about, where the exception does not say.</param>
    public static ErrorRecord From(Exception exception, object? target = null)
    {
        switch (exception)
        {
            case CvException known:
                return new ErrorRecord(known, known.ErrorId, Category(known.Kind), Shown(known.Target ?? target))
                {
                    ErrorDetails = new ErrorDetails(DisplayText.Of(known.Message)) { RecommendedAction = DisplayText.Of(known.Remedy) },
                };
            // PowerShell's own (a path that does not exist, a prompt where there is nobody to answer) say best themselves what they are.
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

    /// <summary>A name is part of what is shown of an error.</summary>
    private static object? Shown(object? target) => target is string text ? DisplayText.Line(text) : target;

    private static ErrorCategory Category(CvErrorKind kind) => kind switch
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
