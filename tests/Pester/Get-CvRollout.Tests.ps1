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

    It 'warns if no controller has reconciled the last change' {
        Get-CvRollout -WarningVariable warnings | Should -HaveCount 1
        $warnings | Should -BeNullOrEmpty
        Set-ContainerVersion myappcv -PollInterval 60
        Get-CvRollout -WarningVariable warnings -WarningAction SilentlyContinue | Should -HaveCount 1
        $warnings | Should -HaveCount 1
        "$warnings" | Should -Match 'default/myappcv'
    }

    It 'names a missing ContainerVersion' {
        Get-CvRollout nope -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.GetCvRolloutCommand'
        $failure[0].TargetObject | Should -Be 'default/nope'
        Get-CvRollout nope* -ErrorAction Stop | Should -BeNullOrEmpty
    }
}
