#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Registry.ps1
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Remove-CvRegistryTag' {
    BeforeEach {
        $first = Add-CvSandboxImage -Repository $repository -Tag '1a2b3c4', 'demo', 'qa'
        $second = Add-CvSandboxImage -Repository $repository -Tag '5d6e7f8'
    }

    It 'removes only the tag, not the image' {
        Remove-CvRegistryTag $repository demo -Confirm:$false | Should -BeNullOrEmpty
        (Get-CvRegistryTag $repository -Version '1a2b3c4').Tag | Should -Not -Contain 'demo'
        (Get-CvRegistryTag $repository '1a2b3c4').Digest | Should -Be $first.Digest
    }

    It 'accepts tags from the pipeline' {
        Get-CvRegistryTag $repository d*, q* | Remove-CvRegistryTag -Confirm:$false
        (Get-CvRegistryTag $repository).Tag | Should -Not -Contain 'demo' -Because 'it was in the pipeline'
        (Get-CvRegistryTag $repository).Tag | Should -Not -Contain 'qa'
    }

    It 'removes nothing with -WhatIf' {
        Remove-CvRegistryTag $repository demo -WhatIf
        (Get-CvRegistryTag $repository demo).Version | Should -Be '1a2b3c4'
    }

    It 'asks, and removes nothing if the session cannot ask' {
        $removal = {
            param($modules, $repository)
            & $modules
            try { Remove-CvRegistryTag $repository demo } catch { $_.FullyQualifiedErrorId }
        }
        $job = Start-ThreadJob $removal -ArgumentList "$PSScriptRoot/Import-Modules.ps1", $repository
        $job | Receive-Job -Wait -AutoRemoveJob | Should -Be 'ConfirmationRequired,CvManager.PowerShell.RemoveCvRegistryTagCommand'
        $output = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -NonInteractive -Command "
            & '$PSScriptRoot/Import-Modules.ps1'
            try { Remove-CvRegistryTag $repository demo } catch { `$_.FullyQualifiedErrorId; `$_.ErrorDetails.RecommendedAction }"
        $output[0] | Should -Be 'ConfirmationRequired,CvManager.PowerShell.RemoveCvRegistryTagCommand'
        $output[1] | Should -Match '-Confirm:\$false'
        (Get-CvRegistryTag $repository demo).Version | Should -Be '1a2b3c4'
    }

    It 'ends the script at a missing tag' {
        { Remove-CvRegistryTag $repository nope, qa -Confirm:$false -ErrorAction SilentlyContinue } |
            Should -Throw -ErrorId 'RegistryTagNotFound,CvManager.PowerShell.RemoveCvRegistryTagCommand'
        (Get-CvRegistryTag $repository).Tag | Should -Contain 'qa'
    }
}
