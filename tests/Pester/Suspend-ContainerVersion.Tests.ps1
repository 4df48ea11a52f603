#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Suspend-ContainerVersion' {
    It 'suspends and resumes all ContainerVersions of a namespace' {
        Get-ContainerVersion | Suspend-ContainerVersion -Reason 'freeze'
        (Start-CvReconcile).Outcome | Should -Be 'Held'
        (Get-ContainerVersion | Resume-ContainerVersion -PassThru).Suspended | Should -BeFalse
    }

    It 'shows who holds it and why, before the controller reconciles it' {
        $held = Suspend-ContainerVersion myappcv -Reason 'freeze' -PassThru
        $held.Suspended, $held.HeldBy, $held.HoldReason | Should -Be $true, ([Environment]::UserName), 'freeze'
        Get-ContainerVersion | Out-String -Width 120 | Should -Match 'Suspended +myappcv'
        Suspend-ContainerVersion myappcv -WhatIf
        Resume-ContainerVersion myappcv -WhatIf
        (Get-ContainerVersion).Suspended | Should -BeTrue
        Resume-ContainerVersion myappcv
        Get-ContainerVersion | Out-String -Width 120 | Should -Not -Match 'Suspended'
    }

    It 'names a missing ContainerVersion' {
        Suspend-ContainerVersion nope -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.SuspendContainerVersionCommand'
        $failure[0].TargetObject | Should -Be 'default/nope'
        Suspend-ContainerVersion nope* -ErrorAction Stop | Should -BeNullOrEmpty
    }
}
