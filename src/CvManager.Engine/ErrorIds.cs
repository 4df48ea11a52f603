namespace CvManager;

/// <summary>
/// The ids of all errors of the engine (<see cref="CvException.ErrorId"/>), the first part of a FullyQualifiedErrorId. Stable: scripts test
/// for them. An error that corresponds to a condition has the reason of that condition as its id: <see cref="Resources.ConditionReasons"/>.
/// </summary>
public static class ErrorIds
{
    // Cluster.
    public const string ClusterAdmissionDenied = nameof(ClusterAdmissionDenied);
    public const string ClusterResponseInvalid = nameof(ClusterResponseInvalid);
    public const string ClusterResponseTooLarge = nameof(ClusterResponseTooLarge);
    public const string ClusterCertificateInvalid = nameof(ClusterCertificateInvalid);
    public const string ClusterFailed = nameof(ClusterFailed);
    public const string ClusterForbidden = nameof(ClusterForbidden);
    public const string ClusterLimitRangeViolated = nameof(ClusterLimitRangeViolated);
    public const string ClusterPodSecurityDenied = nameof(ClusterPodSecurityDenied);
    public const string ClusterPolicyDenied = nameof(ClusterPolicyDenied);
    public const string ClusterQuotaExceeded = nameof(ClusterQuotaExceeded);
    public const string ClusterRateLimited = nameof(ClusterRateLimited);
    public const string ClusterRefused = nameof(ClusterRefused);
    public const string ClusterTimeout = nameof(ClusterTimeout);
    public const string ClusterTlsFailed = nameof(ClusterTlsFailed);
    public const string ClusterUnauthorized = nameof(ClusterUnauthorized);
    public const string ClusterUnreachable = nameof(ClusterUnreachable);
    public const string ClusterWebhookFailed = nameof(ClusterWebhookFailed);
    public const string CrdNotEstablished = nameof(CrdNotEstablished);
    public const string CrdNotInstalled = nameof(CrdNotInstalled);
    public const string NamespaceTerminating = nameof(NamespaceTerminating);
    public const string ObjectUnreadable = nameof(ObjectUnreadable);
    public const string PodDisruptionBudgetViolated = nameof(PodDisruptionBudgetViolated);
    public const string ResourceAlreadyExists = nameof(ResourceAlreadyExists);
    public const string ResourceConflict = nameof(ResourceConflict);
    public const string ResourceExpired = nameof(ResourceExpired);
    public const string ResourceInvalid = nameof(ResourceInvalid);
    public const string ResourceNotFound = nameof(ResourceNotFound);
    public const string WatchFailed = nameof(WatchFailed);

    // Kubeconfigs and credentials.
    public const string KubeConfigInvalid = nameof(KubeConfigInvalid);
    public const string KubeConfigNotFound = nameof(KubeConfigNotFound);
    public const string KubeConfigNotSupported = nameof(KubeConfigNotSupported);
    public const string KubeConfigTooLarge = nameof(KubeConfigTooLarge);
    public const string KubeConfigUnreadable = nameof(KubeConfigUnreadable);
    public const string KubeContextNotFound = nameof(KubeContextNotFound);
    public const string ProxyInvalid = nameof(ProxyInvalid);
    public const string ServiceAccountInvalid = nameof(ServiceAccountInvalid);
    public const string ServiceAccountTokenNotFound = nameof(ServiceAccountTokenNotFound);

    // Registries.
    public const string ImageReferenceInvalid = nameof(ImageReferenceInvalid);
    public const string ImageRepositoryInvalid = nameof(ImageRepositoryInvalid);
    public const string RegistryAddressRefused = nameof(RegistryAddressRefused);
    public const string RegistryResponseIncomplete = nameof(RegistryResponseIncomplete);
    public const string RegistryCertificatesInvalid = nameof(RegistryCertificatesInvalid);
    public const string RegistryCredentialInvalid = nameof(RegistryCredentialInvalid);
    public const string RegistryForbidden = nameof(RegistryForbidden);
    public const string RegistryImageIncomplete = nameof(RegistryImageIncomplete);
    public const string RegistryImageNotFound = nameof(RegistryImageNotFound);
    public const string RegistryLastTag = nameof(RegistryLastTag);
    public const string RegistryListUnsupported = nameof(RegistryListUnsupported);
    public const string RegistryLoginChanged = nameof(RegistryLoginChanged);
    public const string RegistryReadFailed = nameof(RegistryReadFailed);
    public const string RegistryManifestOutdated = nameof(RegistryManifestOutdated);
    public const string RegistryManifestUnreadable = nameof(RegistryManifestUnreadable);
    public const string RegistryNotAnImage = nameof(RegistryNotAnImage);
    public const string RegistryRateLimited = nameof(RegistryRateLimited);
    public const string RegistryRefused = nameof(RegistryRefused);
    public const string RegistryRepositoryNotFound = nameof(RegistryRepositoryNotFound);
    public const string RegistryResponseInvalid = nameof(RegistryResponseInvalid);
    public const string RegistryResponseTooLarge = nameof(RegistryResponseTooLarge);
    public const string RegistrySsoLoginRequired = nameof(RegistrySsoLoginRequired);
    public const string RegistryTagImmutable = nameof(RegistryTagImmutable);
    public const string RegistryTagInvalid = nameof(RegistryTagInvalid);
    public const string RegistryTagNotFound = nameof(RegistryTagNotFound);
    public const string RegistryTagRemovalUnsupported = nameof(RegistryTagRemovalUnsupported);
    public const string RegistryTimeout = nameof(RegistryTimeout);
    public const string RegistryUnauthorized = nameof(RegistryUnauthorized);
    public const string RegistryUnreachable = nameof(RegistryUnreachable);
    public const string RegistryVersionNotFound = nameof(RegistryVersionNotFound);

    // Versions.
    public const string VersionLookupFailed = nameof(VersionLookupFailed);
    public const string VersionLookupSlow = nameof(VersionLookupSlow);
    public const string VersionNotFound = nameof(VersionNotFound);
    public const string VersionPolicyInvalid = nameof(VersionPolicyInvalid);
    public const string VersionPolicyTooBroad = nameof(VersionPolicyTooBroad);
    public const string VersionPolicyUndecided = nameof(VersionPolicyUndecided);
    public const string VersionQuarantined = nameof(VersionQuarantined);
    public const string VersionSyntaxInvalid = nameof(VersionSyntaxInvalid);
    public const string VersionSyntaxTimeout = nameof(VersionSyntaxTimeout);
    public const string VersionSyntaxTooBroad = nameof(VersionSyntaxTooBroad);

    // ContainerVersions and manifests.
    public const string ContainerVersionInvalid = nameof(ContainerVersionInvalid);
    public const string ContainerVersionNotFound = nameof(ContainerVersionNotFound);
    public const string ManifestInvalid = nameof(ManifestInvalid);
    public const string ManifestTooLarge = nameof(ManifestTooLarge);

    // Rollouts and their records.
    public const string ConfigMapNotOwned = nameof(ConfigMapNotOwned);
    public const string HistoryFull = nameof(HistoryFull);
    public const string HistoryNotOwned = nameof(HistoryNotOwned);
    public const string RollbackTargetNotFound = nameof(RollbackTargetNotFound);
    public const string RolloutHeld = nameof(RolloutHeld);
    public const string RolloutNotPossible = nameof(RolloutNotPossible);
    public const string RolloutRecordNotFound = nameof(RolloutRecordNotFound);
    public const string RolloutRecordNotSuccessful = nameof(RolloutRecordNotSuccessful);
    public const string RolloutWaitTimedOut = nameof(RolloutWaitTimedOut);

    // Installation of the controller.
    public const string ClusterVersionNotSupported = nameof(ClusterVersionNotSupported);
    public const string ControllerAlreadyInstalled = nameof(ControllerAlreadyInstalled);
    public const string ControllerManagedByHelm = nameof(ControllerManagedByHelm);
    public const string InstallationForbidden = nameof(InstallationForbidden);
    public const string InstallationIncomplete = nameof(InstallationIncomplete);
    public const string InstallationOptionInvalid = nameof(InstallationOptionInvalid);

    // Controller.
    public const string ControllerNotInstalled = nameof(ControllerNotInstalled);
    public const string ControllerNotReady = nameof(ControllerNotReady);
    public const string ControllerTaskEnded = nameof(ControllerTaskEnded);
    public const string ControllerTaskFailed = nameof(ControllerTaskFailed);
    public const string LeaseInvalid = nameof(LeaseInvalid);
    public const string PortInUse = nameof(PortInUse);
    public const string PortNotAvailable = nameof(PortNotAvailable);
    public const string TooManyNamespaces = nameof(TooManyNamespaces);
    public const string UnexpectedError = nameof(UnexpectedError);
    public const string ViewerRateLimited = nameof(ViewerRateLimited);
}
