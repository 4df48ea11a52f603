#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $null = Start-CvSandbox
    Install-CvController -CrdOnly
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Remove-ContainerVersion' {
    BeforeEach {
        foreach ($name in 'one', 'two', 'three') {
            $null = New-ContainerVersion $name r.example/app demo app -ErrorAction Ignore
        }
    }

    It 'removes the named ones, and returns them with -PassThru' {
        Remove-ContainerVersion one -Confirm:$false | Should -BeNullOrEmpty
        (Remove-ContainerVersion t* -Confirm:$false -PassThru).Name | Should -Be 'three', 'two'
        Get-ContainerVersion | Should -BeNullOrEmpty
    }

    It 'removes nothing with -WhatIf' {
        Get-ContainerVersion | Remove-ContainerVersion -WhatIf
        Get-ContainerVersion | Should -HaveCount 3
    }

    It 'names a missing one, and removes the others' {
        'nope', 'one' | Remove-ContainerVersion -Confirm:$false -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure | Should -HaveCount 1
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.RemoveContainerVersionCommand'
        $failure[0].TargetObject | Should -Be 'default/nope'
        (Get-ContainerVersion).Name | Should -Be 'three', 'two'
    }

    It 'asks, also for *, and removes nothing if standard input ends' {
        $kubeConfig = (Get-CvContext | Where-Object IsCurrent).KubeConfig
        $script = Join-Path $TestDrive 'remove.ps1'
        Set-Content $script "
            & '$PSScriptRoot/Import-Modules.ps1'
            try { Remove-ContainerVersion * -KubeConfig '$kubeConfig' } catch { `$_.FullyQualifiedErrorId }"
        # Without input, ReadLine in the host returns null.
        $output = @() | & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -File $script
        $output[-1] | Should -BeLike '*ConfirmationRequired,CvManager.PowerShell.RemoveContainerVersionCommand'
        Get-ContainerVersion | Should -HaveCount 3
    }

    It 'removes nothing with -Confirm in a non-interactive session' {
        $kubeConfig = (Get-CvContext | Where-Object IsCurrent).KubeConfig
        # Its host cannot prompt.
        $shell = [powershell]::Create()
        try {
            $null = $shell.AddScript("Import-Module '$((Get-Module CvManager).Path -replace 'psm1$', 'psd1')'; Remove-ContainerVersion two -Confirm -KubeConfig '$kubeConfig'")
            { $shell.Invoke(); throw $shell.Streams.Error[0] } | Should -Throw '*prompt*'
        }
        finally {
            $shell.Dispose()
        }
        (Get-ContainerVersion two).Name | Should -Be 'two'
    }
}
