#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $registry = (Start-CvSandbox).Registry
    $repository = "$registry/team/myapp"
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Add-CvRegistryTag' {
    BeforeEach {
        $first = Add-CvSandboxImage -Repository $repository -Tag '1a2b3c4', 'demo', 'qa'
        $second = Add-CvSandboxImage -Repository $repository -Tag '5d6e7f8'
    }

    It 'moves tags to a version, creates missing ones, and writes no output' {
        Add-CvRegistryTag $repository -Version '5d6e7f8' -Tag demo, prod | Should -BeNullOrEmpty
        (Get-CvRegistryTag $repository demo, prod).Digest | Should -Be $second.Digest, $second.Digest
        (Get-CvRegistryTag $repository qa).Digest | Should -Be $first.Digest
    }

    It 'promotes the version of another environment' {
        $promoted = Get-CvRegistryTag $repository qa | Add-CvRegistryTag -Tag prod -PassThru
        $promoted.Tag, $promoted.Version, $promoted.Digest | Should -Be 'prod', '1a2b3c4', $first.Digest
    }

    It 'reports moved and unchanged tags with -Verbose' {
        "$(Add-CvRegistryTag $repository -Version '5d6e7f8' -Tag demo -Verbose 4>&1)" | Should -Match "demo .*$($first.Digest).* 5d6e7f8"
        "$(Add-CvRegistryTag $repository -Version '5d6e7f8' -Tag demo -Verbose 4>&1)" | Should -Not -Match $first.Digest
    }

    It 'moves nothing with -WhatIf' {
        Add-CvRegistryTag $repository -Version '5d6e7f8' -Tag demo -WhatIf
        (Get-CvRegistryTag $repository demo).Version | Should -Be '1a2b3c4'
    }

    It 'rejects an invalid tag' {
        { Add-CvRegistryTag $repository -Version '5d6e7f8' -Tag 'no tag' -ErrorAction Stop } |
            Should -Throw -ErrorId 'RegistryTagInvalid,CvManager.PowerShell.AddCvRegistryTagCommand'
    }

    It 'reports a missing version as an error, and moves nothing' {
        { Add-CvRegistryTag $repository -Version 'fffffff' -Tag demo -ErrorAction Stop } |
            Should -Throw -ErrorId 'RegistryVersionNotFound,CvManager.PowerShell.AddCvRegistryTagCommand'
        (Get-CvRegistryTag $repository demo).Version | Should -Be '1a2b3c4'
    }
}
