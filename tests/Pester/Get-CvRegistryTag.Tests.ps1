#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Registry.ps1
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Get-CvRegistryTag' {
    BeforeEach {
        $first = Add-CvSandboxImage -Repository $repository -Tag '1a2b3c4', 'demo', 'qa'
        $second = Add-CvSandboxImage -Repository $repository -Tag '5d6e7f8'
    }

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
        Remove-ContainerVersion myapp -Confirm:$false
    }

    It 'takes a time limit that is longer than a timer can be' {
        (Get-CvRegistryTag $repository demo -Timeout 60d).Version | Should -Be '1a2b3c4'
    }

    It 'lists several repositories, and goes on after one that does not exist' {
        $null = Add-CvSandboxImage -Repository "$registry/team/other" -Tag '7a8b9c0', 'demo'
        $tags = Get-CvRegistryTag $repository, "$registry/no/where", "$registry/team/other" demo -ErrorVariable failure -ErrorAction SilentlyContinue
        $tags.Repository | Should -Be $repository, "$registry/team/other"
        $failure | Should -HaveCount 1
    }

    It 'shows a version number as the version of itself and of the tags beside it: <_>' -ForEach '1.4.2', 'v1.4.2-rc.1', '1.4.2.7', '2026.11.25', '1.4.2_build.7' {
        $null = Add-CvSandboxImage -Repository "$registry/team/numbers" -Tag $_, 'latest', '1.4', '1'
        (Get-CvRegistryTag "$registry/team/numbers" latest, $_, '1.4', '1').Version | Should -Be $_, $_, $_, $_
        (Get-CvRegistryTag "$registry/team/numbers" | Where-Object Tag -EQ latest).Version | Should -Be $_
    }

    It 'stops at its time limit' {
        $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $listener.Start()
        try {
            { Get-CvRegistryTag "$($listener.LocalEndpoint)/team/app" demo -Timeout 0.5 } | Should -Throw -ErrorId 'OperationTimedOut,*'
        }
        finally {
            $listener.Stop()
        }
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

    It 'shows its requests with -Debug, and the source of the login with -Verbose' {
        $lines = Get-CvRegistryTag $repository demo -Debug 5>&1 | Where-Object { $_ -is [Management.Automation.DebugRecord] }
        $lines -match "^HEAD http://$([regex]::Escape($registry))/v2/team/myapp/manifests/demo: 200 in \d+ ms$" | Should -HaveCount 1
        $lines = Get-CvRegistryTag $repository demo -Verbose 4>&1 | Where-Object { $_ -is [Management.Automation.VerboseRecord] }
        "$lines" | Should -Match ([regex]::Escape($registry) + '.*anonymous')
    }
}
