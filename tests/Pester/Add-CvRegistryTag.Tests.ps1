#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Registry.ps1
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

    It 'takes <_> as it is written, without quotes' -ForEach '1.10', '1e5', '007', '0x10', '1kb' {
        $image = Add-CvSandboxImage -Repository $repository -Tag "$_"
        Invoke-Expression "Add-CvRegistryTag $repository -Version $_ -Tag demo"
        (Get-CvRegistryTag $repository demo).Digest | Should -Be $image.Digest
        Invoke-Expression "Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag $_"
        (Get-CvRegistryTag $repository "$_").Digest | Should -Be $first.Digest
    }

    It 'rejects <_> in a list, where PowerShell does not keep its text' -ForEach '1.10', '1e5', '007', '0x10' {
        [scriptblock]::Create("Add-CvRegistryTag $repository -Version 5d6e7f8 -Tag demo, $_ -ErrorAction Stop") |
            Should -Throw -ErrorId 'ParameterArgumentTransformationError,CvManager.PowerShell.AddCvRegistryTagCommand'
        (Get-CvRegistryTag $repository demo).Digest | Should -Be $first.Digest
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

    It 'annotates an error in the log of <Service>, without -CIFormat' -ForEach @(
        @{ Service = 'GitHub Actions'; Variable = 'GITHUB_ACTIONS'; Value = 'true'; Expected = '^::error title=RegistryVersionNotFound::[^\n]*fffffff' }
        @{ Service = 'Azure DevOps'; Variable = 'TF_BUILD'; Value = 'True'; Expected = '^##vso\[task\.logissue type=error;code=RegistryVersionNotFound;\][^\n]*fffffff' }
    ) {
        Set-Item "env:$Variable" $Value
        try {
            try { Add-CvRegistryTag $repository -Version fffffff -Tag demo -InformationVariable told 6>$null } catch { $failure = $_ }
            $failure.FullyQualifiedErrorId | Should -Match '^RegistryVersionNotFound,'
            $told | Should -HaveCount 1
            "$told" | Should -Match $Expected
            try { Add-CvRegistryTag $repository -Version fffffff -Tag demo -CIFormat None -InformationVariable none 6>$null } catch { $failure = $_ }
            $none | Should -BeNullOrEmpty
        }
        finally {
            Remove-Item "env:$Variable"
        }
    }

    # How a step runs its script: PowerShell itself, the runner of GitHub Actions (shell: pwsh), and the task of Azure DevOps (pwsh).
    It 'ends a CI step with exit code 1 before the next line promotes the former version: <Kind>' -ForEach @(
        @{ Kind = '-File'; Options = @('-File'); First = ''; Last = '' }
        @{ Kind = '-Command'; Options = @('-Command'); First = ''; Last = '' }
        @{
            Kind = 'GitHub Actions'; Options = '-command', '.'
            First = '$ErrorActionPreference = "stop"'; Last = 'if ((Test-Path -LiteralPath variable:\LASTEXITCODE)) { exit $LASTEXITCODE }'
        }
        @{
            Kind = 'Azure DevOps'; Options = '-NoLogo', '-NonInteractive', '-Command', '.'
            First = '$ErrorActionPreference = "stop"'; Last = 'if (!(Test-Path -LiteralPath variable:\LASTEXITCODE)) { } else { exit $LASTEXITCODE }'
        }
    ) {
        $script = "
            $First
            & '$PSScriptRoot/Import-Modules.ps1'
            Add-CvRegistryTag $repository -Version fffffff -Tag demo
            Get-CvRegistryTag $repository demo | Add-CvRegistryTag -Tag promoted
            $Last"
        $file = Join-Path $TestDrive 'step.ps1'
        Set-Content $file $script
        $output = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile @Options $(if ($Kind -eq '-Command') { $script } else { $file }) 2>&1
        $LASTEXITCODE | Should -Be 1 -Because ($output -join "`n")
        $output -join "`n" | Should -Match fffffff
        (Get-CvRegistryTag $repository).Tag | Should -Not -Contain 'promoted'
    }

    It 'ends a script if there is nothing to promote' {
        { Get-CvRegistryTag $repository nope -ErrorAction SilentlyContinue | Add-CvRegistryTag -Tag prod } | Should -Throw -ErrorId 'NothingToTag,CvManager.PowerShell.AddCvRegistryTagCommand'
        $file = Join-Path $TestDrive 'promote.ps1'
        Set-Content $file "& '$PSScriptRoot/Import-Modules.ps1'; Get-CvRegistryTag $repository nope | Add-CvRegistryTag -Tag prod; 'promoted'"
        $output = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -File $file 2>&1
        $LASTEXITCODE | Should -Be 1
        $output | Should -Not -Contain 'promoted'
    }
}
