#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version '9f8e7d6', 'abcdef0'
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Invoke-CvRollback' {
    It 'rolls back to a record of the history, and follows the tag again after Resume' {
        Get-CvRolloutHistory | Select-Object -Last 1 | Invoke-CvRollback -Reason 'too slow'
        $null = Start-CvReconcile -Wait -Timeout 1m
        (Get-CvWorkload).Version | Should -Be '9f8e7d6'
        (Get-ContainerVersion).Message | Should -Match 'too slow'

        Resume-ContainerVersion myappcv
        $null = Start-CvReconcile -Wait -Timeout 1m
        (Get-CvWorkload).Version | Should -Be 'abcdef0'
    }

    It 'rolls back to the previous or a named version, and changes nothing with -WhatIf' {
        Invoke-CvRollback myappcv -WhatIf | Should -BeNullOrEmpty
        (Get-ContainerVersion).PinVersion | Should -BeNullOrEmpty
        (Invoke-CvRollback myappcv -PassThru).PinVersion | Should -Be '9f8e7d6'
        Invoke-CvRollback my* -ToVersion 'abcdef0' | Should -BeNullOrEmpty
        (Get-ContainerVersion).PinVersion, (Get-ContainerVersion).HeldBy | Should -Be 'abcdef0', ([Environment]::UserName)
        (Resume-ContainerVersion myappcv -PassThru).PinVersion | Should -BeNullOrEmpty
    }

    It 'waits with -Wait, and ends the script with the last state after -Timeout' {
        { Invoke-CvRollback myappcv -Wait -Timeout 2 } | Should -Throw -ErrorId 'RolloutWaitTimedOut,CvManager.PowerShell.InvokeCvRollbackCommand'
        "$($Error[0])" | Should -Match '9f8e7d6'
        $Error[0].ErrorDetails.RecommendedAction | Should -Match 'Start-CvReconcile'
        (Get-ContainerVersion).PinVersion | Should -Be '9f8e7d6'

        $module, $kubeConfig = "$PSScriptRoot/../../module/CvManager/CvManager.psd1", $sandbox.KubeConfig
        $controller = Start-ThreadJob {
            Import-Module $using:module
            Start-CvReconcile -Watch -NoLeaderElection -KubeConfig $using:kubeConfig
        }
        try {
            (Invoke-CvRollback myappcv -ToVersion '6e4ae1c' -Wait -Timeout 30 -PassThru 6> $null).Version | Should -Be '6e4ae1c'
            # One that fails keeps the others from nothing, but ends the script.
            $waited = try { Invoke-CvRollback nope, myappcv -ToVersion '6e4ae1c' -Wait -Timeout 30 -PassThru 6> $null } catch { $failure = $_ }
            $failure.FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.InvokeCvRollbackCommand'
            Resume-ContainerVersion myappcv
            (Wait-CvRollout myappcv -Version 'abcdef0' -Timeout 30 -PassThru 6> $null).Version | Should -Be 'abcdef0'
        }
        finally {
            Remove-Job $controller -Force
        }
    }

    It 'does not roll back to a missing target: <Id>' -ForEach @{ To = @{ ToVersion = 'fffffff' }; Id = 'RegistryVersionNotFound' }, @{ To = @{ ToRecord = 'nope' }; Id = 'RolloutRecordNotFound' } {
        Invoke-CvRollback myappcv @To -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be "$Id,CvManager.PowerShell.InvokeCvRollbackCommand"
        $failure[0].CategoryInfo.Category | Should -Be 'ObjectNotFound'
        (Get-ContainerVersion).PinVersion | Should -BeNullOrEmpty
    }

    It 'names a missing ContainerVersion' {
        Invoke-CvRollback nope -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.InvokeCvRollbackCommand'
        $failure[0].TargetObject | Should -Be 'default/nope'
        Invoke-CvRollback nope* -ErrorAction Stop | Should -BeNullOrEmpty
    }
}
