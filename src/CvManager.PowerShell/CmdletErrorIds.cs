namespace CvManager.PowerShell;

/// <summary>
/// The error ids of the cmdlets; see <see cref="ErrorIds"/> for those of the engine. Scripts depend on them: never change them.
/// </summary>
internal static class CmdletErrorIds
{
    public const string ConfirmationRequired = nameof(ConfirmationRequired);
    public const string FileAccessFailed = nameof(FileAccessFailed);
    public const string LabelKeyMissing = nameof(LabelKeyMissing);
    public const string ManifestEmpty = nameof(ManifestEmpty);
    public const string ManifestNotFound = nameof(ManifestNotFound);
    public const string ManifestNotWritten = nameof(ManifestNotWritten);
    public const string ManifestUnreadable = nameof(ManifestUnreadable);
    public const string ModuleDamaged = nameof(ModuleDamaged);
    public const string NamespaceMismatch = nameof(NamespaceMismatch);
    public const string NetworkFailed = nameof(NetworkFailed);
    public const string NothingToSet = nameof(NothingToSet);
    public const string NothingToTag = nameof(NothingToTag);
    public const string NothingToWaitFor = nameof(NothingToWaitFor);
    public const string OperationTimedOut = nameof(OperationTimedOut);
    public const string ParameterNotApplicable = nameof(ParameterNotApplicable);
    public const string PathInvalid = nameof(PathInvalid);
    public const string RegistryBudgetNotFound = nameof(RegistryBudgetNotFound);
    public const string SpecificationInvalid = nameof(SpecificationInvalid);
    public const string SpecificationMissing = nameof(SpecificationMissing);
    public const string SystemResourcesExhausted = nameof(SystemResourcesExhausted);
    public const string TimeRangeEmpty = nameof(TimeRangeEmpty);
    public const string WildcardInvalid = nameof(WildcardInvalid);
    public const string WorkloadNotFound = nameof(WorkloadNotFound);
}
