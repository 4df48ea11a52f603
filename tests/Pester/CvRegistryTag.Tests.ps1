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

Describe 'Registry tags' {
    BeforeEach {
        $first = Add-CvSandboxImage -Repository $repository -Tag '1a2b3c4', 'demo', 'qa'
        $second = Add-CvSandboxImage -Repository $repository -Tag '5d6e7f8'
    }

    Context 'Get-CvRegistryTag' {
        It 'shows the version that a tag points at' {
            $tag = Get-CvRegistryTag $repository demo
            $tag.Repository, $tag.Tag, $tag.Version, $tag.Digest | Should -Be $repository, 'demo', '1a2b3c4', $first.Digest
        }

        It 'lists all tags, accepts wildcards, and finds all tags of a version' {
            (Get-CvRegistryTag $repository).Tag | Sort-Object | Should -Be '1a2b3c4', '5d6e7f8', 'demo', 'qa'
            (Get-CvRegistryTag $repository d*, q*).Tag | Sort-Object | Should -Be 'demo', 'qa'
            (Get-CvRegistryTag $repository -Version '1a2b3c4').Tag | Sort-Object | Should -Be '1a2b3c4', 'demo', 'qa'
            Get-CvRegistryTag $repository 'nothing*' -ErrorAction Stop | Should -BeNullOrEmpty
        }

        It 'accepts repositories and ContainerVersions from the pipeline' {
            ($repository | Get-CvRegistryTag -Tag demo).Version | Should -Be '1a2b3c4'
            Install-CvController -CrdOnly
            $null = New-ContainerVersion myapp $repository demo app
            (Get-ContainerVersion | Get-CvRegistryTag -Tag qa).Version | Should -Be '1a2b3c4'
            Remove-ContainerVersion myapp
        }

        It 'stops when the pipeline stops' {
            Get-CvRegistryTag $repository | Select-Object -First 1 | Should -HaveCount 1
        }

        It 'continues after a missing tag' {
            (Get-CvRegistryTag $repository nope, demo -ErrorVariable failure -ErrorAction SilentlyContinue).Tag | Should -Be 'demo'
            $failure[0].FullyQualifiedErrorId | Should -Be 'RegistryTagNotFound,CvManager.PowerShell.GetCvRegistryTagCommand'
            $failure[0].CategoryInfo.Category | Should -Be 'ObjectNotFound'
        }

        It 'reports an error: <Script>' -ForEach @(
            @{ Script = 'Get-CvRegistryTag $repository nope'; Id = 'RegistryTagNotFound' }
            @{ Script = 'Get-CvRegistryTag "$registry/no/where"'; Id = 'RegistryRepositoryNotFound' }
            @{ Script = 'Get-CvRegistryTag "$repository`:demo"'; Id = 'ImageRepositoryInvalid' }
            @{ Script = 'Get-CvRegistryTag $repository -VersionSyntax "("'; Id = 'VersionSyntaxInvalid' }
            @{ Script = 'Get-CvRegistryTag $repository demo -VersionSyntax "v[0-9]+"'; Id = 'VersionNotFound' }
            @{ Script = 'Get-CvRegistryTag 127.0.0.1:9/app demo'; Id = 'RegistryUnreachable' }
        ) {
            Invoke-Expression "$Script -ErrorVariable failure -ErrorAction SilentlyContinue"
            $failure[0].FullyQualifiedErrorId | Should -Be "$Id,CvManager.PowerShell.GetCvRegistryTagCommand"
            $failure[0].ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        }
    }

    Context 'Add-CvRegistryTag' {
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

    Context 'Remove-CvRegistryTag' {
        It 'removes only the tag, not the image' {
            Remove-CvRegistryTag $repository demo | Should -BeNullOrEmpty
            (Get-CvRegistryTag $repository -Version '1a2b3c4').Tag | Should -Not -Contain 'demo'
            (Get-CvRegistryTag $repository '1a2b3c4').Digest | Should -Be $first.Digest
        }

        It 'accepts tags from the pipeline' {
            Get-CvRegistryTag $repository d*, q* | Remove-CvRegistryTag
            (Get-CvRegistryTag $repository).Tag | Should -Not -Contain 'demo' -Because 'it was in the pipeline'
            (Get-CvRegistryTag $repository).Tag | Should -Not -Contain 'qa'
        }

        It 'removes nothing with -WhatIf' {
            Remove-CvRegistryTag $repository demo -WhatIf
            (Get-CvRegistryTag $repository demo).Version | Should -Be '1a2b3c4'
        }

        It 'continues after a missing tag' {
            Remove-CvRegistryTag $repository nope, qa -ErrorVariable failure -ErrorAction SilentlyContinue
            $failure[0].FullyQualifiedErrorId | Should -Be 'RegistryTagNotFound,CvManager.PowerShell.RemoveCvRegistryTagCommand'
            (Get-CvRegistryTag $repository).Tag | Should -Not -Contain 'qa'
        }
    }

    Context 'Get-CvRegistryBudget' {
        It 'counts requests to the registry' {
            $before = (Get-CvRegistryBudget $registry).Spent
            $null = Get-CvRegistryTag $repository demo
            $budget = Get-CvRegistryBudget $registry
            $budget.Registry | Should -Be $registry
            $budget.Spent | Should -BeGreaterThan $before
            $budget.Refused, $budget.Waiting | Should -Be 0, 0
            (Get-CvRegistryBudget 127.*).Spent | Should -Contain $budget.Spent
        }

        It 'names a registry without requests' {
            Get-CvRegistryBudget 'never.example' -ErrorVariable failure -ErrorAction SilentlyContinue
            $failure[0].FullyQualifiedErrorId | Should -Be 'RegistryBudgetNotFound,CvManager.PowerShell.GetCvRegistryBudgetCommand'
            Get-CvRegistryBudget 'never*' -ErrorAction Stop | Should -BeNullOrEmpty
        }
    }
}
