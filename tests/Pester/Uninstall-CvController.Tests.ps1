#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
}

Describe 'Uninstall-CvController' {
    BeforeAll {
        $null = Start-CvSandbox
    }

    AfterAll {
        Stop-CvSandbox
    }

    It 'reports that no controller is installed' {
        { Uninstall-CvController -Confirm:$false } |
            Should -Throw -ErrorId 'ControllerNotInstalled,CvManager.PowerShell.UninstallCvControllerCommand'
    }

    It 'removes the controller, and leaves ContainerVersions' {
        Install-CvController -Replicas 0
        New-ContainerVersion app -ImageRepo r.example/team/app -Tag demo -Container app -Selector @{ cvapp = 'app' }

        Uninstall-CvController -WhatIf
        $removed = Uninstall-CvController -Confirm:$false -PassThru

        $removed[0].Kind | Should -Be 'Deployment'
        $removed.Outcome | Sort-Object -Unique | Should -Be 'Removed'
        (Get-ContainerVersion).Name | Should -Be 'app'
    }

    It 'removes the definition, too, with -IncludeCrd' {
        Install-CvController -Replicas 0
        Uninstall-CvController -IncludeCrd -Confirm:$false
        { Get-ContainerVersion -ErrorAction Stop } | Should -Throw -ErrorId 'CrdNotInstalled,*'
    }

}
