@{
    RootModule = 'CvManager.psm1'
    # Stamped by the build from Directory.Build.props.
    ModuleVersion = '0.1.0'
    GUID = 'ae064b59-b4bc-426b-94d6-70944e6d7a8d'
    Author = 'CvManager contributors'
    CompanyName = 'CvManager contributors'
    Copyright = 'Copyright (c) CvManager contributors. MIT license.'
    Description = 'Continuous delivery for Kubernetes by moving tags: follows the tag of a container image in its registry, finds the version that it points at, and rolls it out to the workloads that a ContainerVersion resource selects.'
    PowerShellVersion = '7.4'
    CompatiblePSEditions = @('Core')
    FormatsToProcess = @('CvManager.Format.ps1xml')
    FunctionsToExport = @()
    # Listed explicitly, so that PowerShell finds them without loading the module. Ordered by noun.
    CmdletsToExport = @(
        'Export-ContainerVersion'
        'Get-ContainerVersion'
        'Import-ContainerVersion'
        'New-ContainerVersion'
        'Remove-ContainerVersion'
        'Resume-ContainerVersion'
        'Set-ContainerVersion'
        'Suspend-ContainerVersion'
        'Test-ContainerVersion'
        'Connect-CvCluster'
        'Get-CvContext'
        'Install-CvController'
        'Test-CvController'
        'Uninstall-CvController'
        'Start-CvReconcile'
        'Get-CvRegistryBudget'
        'Add-CvRegistryTag'
        'Get-CvRegistryTag'
        'Remove-CvRegistryTag'
        'Invoke-CvRollback'
        'Get-CvRollout'
        'Wait-CvRollout'
        'Get-CvRolloutHistory'
        'Measure-CvDelivery'
        'Get-CvWorkload'
    )
    VariablesToExport = @()
    AliasesToExport = @()
    PrivateData = @{
        PSData = @{
            Tags = @('Kubernetes', 'ContinuousDelivery', 'Containers', 'Deployment', 'Registry', 'ECR', 'DevOps', 'PSEdition_Core', 'Linux', 'Windows', 'MacOS')
            ProjectUri = 'https://github.com/cvmanager/cvmanager'
            LicenseUri = 'https://github.com/cvmanager/cvmanager/blob/main/LICENSE'
            IconUri = 'https://raw.githubusercontent.com/cvmanager/cvmanager/main/docs/icon/icon.png'
        }
    }
}
