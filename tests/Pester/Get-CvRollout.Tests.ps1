#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version '9f8e7d6'
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Get-CvRollout' {
    It 'shows each workload' {
        $rollout = Get-CvRollout myappcv
        $rollout.Phase | Should -Be 'Succeeded'
        $rollout.Updated, $rollout.Ready, $rollout.Available, $rollout.Desired | Should -Be 2, 2, 2, 2
    }

    It 'names a missing ContainerVersion' {
        Get-CvRollout nope -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.GetCvRolloutCommand'
        $failure[0].TargetObject | Should -Be 'default/nope'
        Get-CvRollout nope* -ErrorAction Stop | Should -BeNullOrEmpty
    }
}
