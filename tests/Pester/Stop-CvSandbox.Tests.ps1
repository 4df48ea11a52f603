#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
}

Describe 'Stop-CvSandbox' {
    AfterEach {
        Stop-CvSandbox -ErrorAction Ignore
    }

    It 'stops the sandboxes from the pipeline, and keeps the others' {
        $first = Start-CvSandbox
        $second = Start-CvSandbox -NoConnect
        $first | Stop-CvSandbox | Should -BeNullOrEmpty
        Test-Path $first.KubeConfig | Should -BeFalse
        Test-Path $second.KubeConfig | Should -BeTrue
    }

    It 'stops all sandboxes by default' {
        $sandboxes = 1..2 | ForEach-Object { Start-CvSandbox }
        Stop-CvSandbox
        Test-Path $sandboxes.KubeConfig | Should -Not -Contain $true
    }

    It 'stops nothing with -WhatIf' {
        $sandbox = Start-CvSandbox
        Stop-CvSandbox -WhatIf
        Test-Path $sandbox.KubeConfig | Should -BeTrue
    }

    It 'reports a sandbox that does not run' {
        $sandbox = Start-CvSandbox
        Stop-CvSandbox
        { Stop-CvSandbox $sandbox -ErrorAction Stop } | Should -Throw -ErrorId 'SandboxNotRunning,CvManager.Sandbox.PowerShell.StopCvSandboxCommand'
    }
}
