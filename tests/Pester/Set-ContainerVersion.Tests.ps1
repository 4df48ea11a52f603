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

Describe 'Set-ContainerVersion' {
    BeforeEach {
        $null = New-ContainerVersion web r.example/web demo app -Verify 'team/tests:prod' -ServiceName web -LabelName colour
        $null = New-ContainerVersion worker r.example/worker demo app -Namespace kube-public
    }

    AfterEach {
        Get-ContainerVersion -AllNamespaces | Remove-ContainerVersion -Confirm:$false
    }

    It 'changes the named fields only, and writes no output' {
        Set-ContainerVersion web -Tag prod -ScaleDown:$false | Should -BeNullOrEmpty
        $cv = Get-ContainerVersion web
        $cv.Tag, $cv.ServiceName, "$($cv.Verify)" | Should -Be 'prod', 'web', 'team/tests:prod'
        $selector = (Set-ContainerVersion web -Selector @{ cvapp = 'other' } -PassThru).Selector
        "$($selector.Keys) $($selector.Values)" | Should -Be 'cvapp other'
    }

    It 'accepts ContainerVersions of all namespaces from the pipeline' {
        $changed = Get-ContainerVersion -AllNamespaces | Set-ContainerVersion -RolloutTimeout 10m -PassThru
        $changed.Name | Should -Be 'web', 'worker'
        $changed.RolloutTimeout | Should -Be '10m', '10m'
    }

    It 'accepts wildcards' {
        (Set-ContainerVersion w* -Tag qa -PassThru).Name | Should -Be 'web'
        Set-ContainerVersion nothing* -Tag qa -PassThru -ErrorAction Stop | Should -BeNullOrEmpty
    }

    It 'changes from a tag to a policy, and back' {
        $changed = Set-ContainerVersion web -SemVer '^1.0' -PassThru
        $changed.Follows, $changed.SemVer, $changed.Tag | Should -Be 'semver:^1.0', '^1.0', $null
        (Set-ContainerVersion web -Tag demo -PassThru).Tag | Should -Be 'demo'
    }

    It 'removes gates and the strategy' {
        $cv = Set-ContainerVersion web -Verify @() -Strategy Rolling -PassThru
        $cv.Verify | Should -BeNullOrEmpty
        $cv.Strategy, $cv.ServiceName | Should -Be 'Rolling', $null
    }

    It 'changes nothing with -WhatIf' {
        Set-ContainerVersion web -Tag prod -WhatIf
        (Get-ContainerVersion web).Tag | Should -Be 'demo'
    }

    It 'reports an error: <Script>' -ForEach @(
        @{ Script = 'Set-ContainerVersion web'; Id = 'NothingToSet' }
        @{ Script = 'Set-ContainerVersion nope -Tag x'; Id = 'ContainerVersionNotFound' }
        @{ Script = 'Set-ContainerVersion web -Tag "no tag"'; Id = 'ContainerVersionInvalid' }
        @{ Script = 'Set-ContainerVersion web -Strategy Rolling -ServiceName web'; Id = 'ParameterNotApplicable' }
        @{ Script = 'Set-ContainerVersion web -Tag demo -Newest'; Id = 'AmbiguousParameterSet' }
    ) {
        { & ([scriptblock]::Create("$Script -ErrorAction Stop")) } | Should -Throw -ErrorId "$Id,CvManager.PowerShell.SetContainerVersionCommand"
        (Get-ContainerVersion web).Tag | Should -Be 'demo'
    }
}
