#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Resume-ContainerVersion' {
    BeforeEach {
        Suspend-ContainerVersion myappcv -Reason 'freeze'
    }

    It 'writes no output, and returns the resource with -PassThru' {
        Resume-ContainerVersion myappcv | Should -BeNullOrEmpty
        $resumed = Resume-ContainerVersion my* -PassThru
        $resumed.Suspended, $resumed.HoldReason | Should -Be $false, $null
    }

    It 'lets the controller roll out what it missed' {
        $null = Add-CvSandboxImage $repository '9f8e7d6', 'demo'
        (Start-CvReconcile).Outcome | Should -Be 'Held'
        Get-ContainerVersion | Resume-ContainerVersion
        (Start-CvReconcile -Wait -Timeout 1m).Version | Should -Be '9f8e7d6'
    }

    It 'changes nothing with -WhatIf' {
        Resume-ContainerVersion myappcv -WhatIf
        (Get-ContainerVersion).Suspended | Should -BeTrue
    }

    It 'names a missing ContainerVersion' {
        Resume-ContainerVersion nope -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.ResumeContainerVersionCommand'
        $failure[0].TargetObject | Should -Be 'default/nope'
        Resume-ContainerVersion nope* -ErrorAction Stop | Should -BeNullOrEmpty
    }
}
