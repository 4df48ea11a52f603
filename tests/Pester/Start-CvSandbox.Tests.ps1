#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
}

Describe 'Start-CvSandbox' {
    AfterEach {
        Stop-CvSandbox -ErrorAction Ignore
    }

    It 'connects the session, and removes everything when it stops' {
        $sandbox = Start-CvSandbox
        (Get-CvContext | Where-Object IsCurrent).Server | Should -Be $sandbox.Server
        Test-Path $sandbox.KubeConfig | Should -BeTrue
        if (-not $IsWindows) {
            (Get-Item $sandbox.KubeConfig).UnixFileMode | Should -Be ([IO.UnixFileMode]'UserRead, UserWrite')
        }
        $sandbox | Stop-CvSandbox | Should -BeNullOrEmpty
        Test-Path $sandbox.KubeConfig | Should -BeFalse
        { Connect-CvCluster -KubeConfig $sandbox.KubeConfig -ErrorAction Stop } |
            Should -Throw -ErrorId 'KubeConfigNotFound,CvManager.PowerShell.ConnectCvClusterCommand'
        { Stop-CvSandbox $sandbox -ErrorAction Stop } | Should -Throw -ErrorId 'SandboxNotRunning,CvManager.Sandbox.PowerShell.StopCvSandboxCommand'
        { Add-CvSandboxImage a b -ErrorAction Stop } | Should -Throw -ErrorId 'SandboxNotRunning,CvManager.Sandbox.PowerShell.AddCvSandboxImageCommand'
    }

    It 'leaves nothing behind when the process ends' {
        $existed, $path = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -Command "
            & '$PSScriptRoot/Import-Modules.ps1'
            `$sandbox = Start-CvSandbox
            Test-Path `$sandbox.KubeConfig
            `$sandbox.KubeConfig"
        $LASTEXITCODE | Should -Be 0
        $existed | Should -Be 'True'
        $path | Should -Match '\.kubeconfig$'
        Test-Path $path | Should -BeFalse
    }

    It 'serves HTTP to other programs' {
        $sandbox = Start-CvSandbox -NoConnect
        (Invoke-WebRequest "http://$($sandbox.Registry)/v2/").StatusCode | Should -Be 200
        (Invoke-WebRequest "$($sandbox.Server)/version" -SkipHttpErrorCheck -SkipCertificateCheck).StatusCode | Should -BeIn 200, 401
    }

    It 'starts and stops nothing with -WhatIf' {
        Start-CvSandbox -WhatIf | Should -BeNullOrEmpty
        $sandbox = Start-CvSandbox
        Stop-CvSandbox -WhatIf
        Add-CvSandboxImage a b -WhatIf | Should -BeNullOrEmpty
        Test-Path $sandbox.KubeConfig | Should -BeTrue
    }
}
