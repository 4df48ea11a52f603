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

    It 'says that it does not install the controller, without a prompt' {
        { Install-CvController } | Should -Throw -ErrorId 'CrdOnlyRequired,CvManager.PowerShell.InstallCvControllerCommand'
    }

    It 'installs nothing with -WhatIf' {
        Install-CvController -CrdOnly -WhatIf
        { Get-ContainerVersion -ErrorAction Stop } | Should -Throw -ErrorId 'CrdNotInstalled,*'
    }

    It 'writes the manifest without a cluster' {
        Stop-CvSandbox
        "$(Install-CvController -CrdOnly -AsYaml -ErrorAction Stop)" | Should -Match 'kind: CustomResourceDefinition'
        $null = Start-CvSandbox
    }
}
