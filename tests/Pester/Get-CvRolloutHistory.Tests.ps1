#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version '9f8e7d6', 'abcdef0'
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Get-CvRolloutHistory' {
    It 'returns the newest first, and stops when the pipeline stops' {
        (Get-CvRolloutHistory).ToVersion | Should -Be 'abcdef0', '9f8e7d6'
        (Get-CvRolloutHistory | Select-Object -First 1).ToVersion | Should -Be 'abcdef0'
    }

    It 'accepts a date as text' {
        Get-CvRolloutHistory -Since (Get-Date).AddHours(-1) | Should -HaveCount 2
        Get-CvRolloutHistory -Since (Get-Date).AddHours(1) | Should -BeNullOrEmpty
        Get-CvRolloutHistory -Since 1d -Timeout 2d | Should -HaveCount 2
        Get-CvRolloutHistory -Since 90m | Should -HaveCount 2
        Get-CvRolloutHistory -Since 0s | Should -BeNullOrEmpty
        { Get-CvRolloutHistory -Since soon } | Should -Throw -ErrorId 'ParameterArgumentTransformationError,*'
        Get-CvRolloutHistory -Since 2020-01-31 | Should -HaveCount 2
    }

    It 'filters by workload and version' {
        (Get-CvRolloutHistory -Workload my* -Version 9f*).ToVersion | Should -Be '9f8e7d6'
        Get-CvRolloutHistory -Workload other | Should -BeNullOrEmpty
        (Get-CvRolloutHistory myappcv).FromVersion | Should -Be '9f8e7d6', '6e4ae1c'
    }

    It 'is shown as a table' {
        Get-CvRolloutHistory | Out-String -Width 200 | Should -Match 'Succeeded +6e4ae1c +9f8e7d6 +Deployment/myapp'
    }

    It 'names a missing ContainerVersion' {
        Get-CvRolloutHistory nope -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.GetCvRolloutHistoryCommand'
        $failure[0].TargetObject | Should -Be 'default/nope'
        Get-CvRolloutHistory nope* -ErrorAction Stop | Should -BeNullOrEmpty
    }
}
