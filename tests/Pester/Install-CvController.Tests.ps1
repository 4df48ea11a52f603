#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
}

Describe 'Install-CvController' {
    BeforeEach {
        $null = Start-CvSandbox
    }

    AfterEach {
        Stop-CvSandbox
    }

    It 'installs the custom resource definition, once' {
        { Get-ContainerVersion -ErrorAction Stop } | Should -Throw -ErrorId 'CrdNotInstalled,CvManager.PowerShell.GetContainerVersionCommand'
        (Install-CvController -CrdOnly -PassThru).Outcome | Should -Be 'Created'
        (Install-CvController -CrdOnly -PassThru).Outcome | Should -Be 'Unchanged'
        Install-CvController -CrdOnly | Should -BeNullOrEmpty
        Get-ContainerVersion -ErrorAction Stop | Should -BeNullOrEmpty
    }

    It 'installs the controller, once' {
        Install-CvController | Should -BeNullOrEmpty
        $outcomes = Install-CvController -PassThru
        $outcomes.Outcome | Sort-Object -Unique | Should -Be 'Unchanged'
        $outcomes.Kind | Should -Contain 'Deployment'
        $outcomes | Where-Object Kind -EQ 'Deployment' | ForEach-Object Namespace | Should -Be 'cvmanager'
    }

    It 'changes an installation' {
        Install-CvController -Environment @{ HTTPS_PROXY = 'http://proxy.example.com:3128' }
        Install-CvController -Namespace default -NoSecretAccess -PassThru | Where-Object Outcome -EQ 'Removed' | ForEach-Object Kind |
            Sort-Object -Unique | Should -Be 'ClusterRole', 'ClusterRoleBinding'
    }

    It 'refuses a second controller, and names the first' {
        Install-CvController
        { Install-CvController -ControllerNamespace other } |
            Should -Throw -ErrorId 'ControllerAlreadyInstalled,CvManager.PowerShell.InstallCvControllerCommand' -ExpectedMessage '*cvmanager*'
    }

    It 'rejects a namespace that is not a name' {
        { Install-CvController -Namespace 'a; Remove-Item /' -AsYaml } |
            Should -Throw -ErrorId 'InstallationOptionInvalid,CvManager.PowerShell.InstallCvControllerCommand'
    }

    It 'rejects options of the controller with -CrdOnly' {
        { Install-CvController -CrdOnly -Replicas 3 } |
            Should -Throw -ErrorId 'ParameterNotApplicable,CvManager.PowerShell.InstallCvControllerCommand'
    }

    It 'writes the manifests of a controller of some namespaces' {
        $yaml = Install-CvController -AsYaml -Namespace shop, crm -FollowTag stable
        "$yaml" | Should -Match 'kind: RoleBinding'
        "$yaml" | Should -Not -Match 'kind: ClusterRole'
    }

    It 'installs nothing with -WhatIf' {
        Install-CvController -WhatIf
        Install-CvController -CrdOnly -WhatIf
        { Get-ContainerVersion -ErrorAction Stop } | Should -Throw -ErrorId 'CrdNotInstalled,*'
    }

    It 'writes the manifest without a cluster' {
        Stop-CvSandbox
        "$(Install-CvController -CrdOnly -AsYaml -ErrorAction Stop)" | Should -Match 'kind: CustomResourceDefinition'
        $null = Start-CvSandbox
    }
}
