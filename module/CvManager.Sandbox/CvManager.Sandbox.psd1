@{
    RootModule = 'CvManager.Sandbox.psm1'
    # Both versions are stamped by the build from Directory.Build.props.
    ModuleVersion = '0.1.0'
    RequiredModules = @(@{ ModuleName = 'CvManager'; GUID = 'ae064b59-b4bc-426b-94d6-70944e6d7a8d'; RequiredVersion = '0.1.0' })
    GUID = '8758f4b4-b4f6-46c6-9541-c305a20f163c'
    Author = 'CvManager contributors'
    CompanyName = 'CvManager contributors'
    Copyright = 'Copyright (c) CvManager contributors. MIT license.'
    Description = 'A Kubernetes cluster and a container registry in one process, for trying out CvManager and for tests. Not a production cluster.'
    PowerShellVersion = '7.4'
    CompatiblePSEditions = @('Core')
    FormatsToProcess = @('CvManager.Sandbox.Format.ps1xml')
    FunctionsToExport = @()
    # Listed explicitly, so that PowerShell finds them without loading the module. Ordered by noun.
    CmdletsToExport = @(
        'Start-CvSandbox'
        'Stop-CvSandbox'
        'Add-CvSandboxImage'
    )
    VariablesToExport = @()
    AliasesToExport = @()
    PrivateData = @{
        PSData = @{
            Tags = @('Kubernetes', 'Containers', 'Registry', 'Sandbox', 'Testing', 'PSEdition_Core', 'Linux', 'Windows', 'MacOS')
            ProjectUri = 'https://github.com/cvmanager/cvmanager'
            LicenseUri = 'https://github.com/cvmanager/cvmanager/blob/main/LICENSE'
            IconUri = 'https://raw.githubusercontent.com/cvmanager/cvmanager/main/docs/icon/icon.png'
        }
    }
}
