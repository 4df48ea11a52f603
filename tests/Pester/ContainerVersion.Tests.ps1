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

Describe 'New-ContainerVersion' {
    AfterEach {
        Get-ContainerVersion -AllNamespaces | Remove-ContainerVersion
    }

    It 'returns the created resource with defaults' {
        $created = New-ContainerVersion myapp r.example/team/myapp demo app
        $created | Should -BeOfType ([type]'CvManager.PowerShell.ContainerVersionInfo')
        $created.Namespace, $created.Name, $created.ImageRepo, $created.Tag, $created.Container | Should -Be 'default', 'myapp', 'r.example/team/myapp', 'demo', 'app'
        $created.Selector['cvapp'] | Should -Be 'myapp'
        $created.Strategy, $created.PollInterval, $created.RolloutTimeout, $created.Rollback | Should -Be 'Rolling', '00:05:00', '00:15:00', $true
    }

    It 'creates one for each row of a table' {
        $table = "Name,ImageRepo,Tag,Container,Namespace`nweb,r.example/web,demo,app,default`nworker,r.example/worker,prod,app,kube-public" | ConvertFrom-Csv
        $created = $table | New-ContainerVersion -PollInterval 1m
        $created.Name | Should -Be 'web', 'worker'
        $created.Namespace | Should -Be 'default', 'kube-public'
        $created.PollInterval.TotalSeconds | Should -Be 60, 60
    }

    It 'follows a version policy' {
        (New-ContainerVersion a r.example/app -Container app -SemVer '>=1.2 <2').Tag | Should -Be 'semver:>=1.2 <2'
        (New-ContainerVersion b r.example/app -Container app -VersionPattern '^main-([0-9]+)$').Tag | Should -Be 'regex/numeric:^main-([0-9]+)$'
        (New-ContainerVersion c r.example/app -Container app -Newest -VersionSyntax 'v.+').Tag | Should -Be 'newest:v.+'
    }

    It 'has gates, and a Service to cut over' {
        $created = New-ContainerVersion myapp r.example/app prod app -Verify 'team/tests:prod' -ServiceName web -VerificationServiceName web-test -LabelName colour `
            -VerifyBeforeCutOver @{ Image = 'team/smoke'; Tag = 'prod'; Timeout = '90s' } -VerifyAfterCutOver 'team/load:prod' -ScaleDownDelay 2m
        "$($created.Verify)", $created.Strategy, $created.ServiceName | Should -Be 'team/tests:prod', 'ServiceBlueGreen', 'web'
        "$($created.VerifyBeforeCutOver) $($created.VerifyBeforeCutOver.Timeout)" | Should -Be 'team/smoke:prod 00:01:30'
        # The gates of one ContainerVersion can be used for another.
        "$((New-ContainerVersion other r.example/app prod app -Verify $created.Verify).Verify)" | Should -Be 'team/tests:prod'
    }

    It 'names parameter, field and remedy of an invalid value, and writes nothing' {
        New-ContainerVersion myapp r.example/app demo app -PollInterval 1 -ServiceName web -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionInvalid,CvManager.PowerShell.NewContainerVersionCommand'
        $failure[0].CategoryInfo.Category | Should -Be 'InvalidData'
        "$($failure[0])" | Should -Match '-PollInterval \(spec\.pollIntervalSeconds\).*-LabelName \(spec\.strategy\.blueGreen\.labelNames\)'
        $failure[0].ErrorDetails.RecommendedAction | Should -Match '-PollInterval'
        { New-ContainerVersion myapp r.example/app demo app -Verify 'team/tests' } | Should -Throw -ErrorId 'ParameterArgumentTransformationError,*'
        Get-ContainerVersion | Should -BeNullOrEmpty
    }

    It 'writes nothing with -WhatIf, and does not change an existing one' {
        New-ContainerVersion myapp r.example/app demo app -WhatIf | Should -BeNullOrEmpty
        Get-ContainerVersion | Should -BeNullOrEmpty
        $null = New-ContainerVersion myapp r.example/app demo app
        { New-ContainerVersion myapp r.example/other prod app -ErrorAction Stop } | Should -Throw -ErrorId 'ResourceAlreadyExists,CvManager.PowerShell.NewContainerVersionCommand'
        (Get-ContainerVersion myapp).Tag | Should -Be 'demo'
    }
}

Describe 'Set-ContainerVersion' {
    BeforeEach {
        $null = New-ContainerVersion web r.example/web demo app -Verify 'team/tests:prod' -ServiceName web -LabelName colour
        $null = New-ContainerVersion worker r.example/worker demo app -Namespace kube-public
    }

    AfterEach {
        Get-ContainerVersion -AllNamespaces | Remove-ContainerVersion
    }

    It 'changes the named fields only, and writes no output' {
        Set-ContainerVersion web -Tag prod -ScaleDown $false | Should -BeNullOrEmpty
        $cv = Get-ContainerVersion web
        $cv.Tag, $cv.ServiceName, "$($cv.Verify)" | Should -Be 'prod', 'web', 'team/tests:prod'
        $selector = (Set-ContainerVersion web -Selector @{ cvapp = 'other' } -PassThru).Selector
        "$($selector.Keys) $($selector.Values)" | Should -Be 'cvapp other'
    }

    It 'accepts ContainerVersions of all namespaces from the pipeline' {
        $changed = Get-ContainerVersion -AllNamespaces | Set-ContainerVersion -RolloutTimeout 10m -PassThru
        $changed.Name | Should -Be 'web', 'worker'
        $changed.RolloutTimeout.TotalMinutes | Should -Be 10, 10
    }

    It 'accepts wildcards' {
        (Set-ContainerVersion w* -Tag qa -PassThru).Name | Should -Be 'web'
        Set-ContainerVersion nothing* -Tag qa -PassThru -ErrorAction Stop | Should -BeNullOrEmpty
    }

    It 'changes from a tag to a policy, and back' {
        (Set-ContainerVersion web -SemVer '^1.0' -PassThru).Tag | Should -Be 'semver:^1.0'
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

Describe 'Remove-ContainerVersion' {
    BeforeEach {
        foreach ($name in 'one', 'two', 'three') {
            $null = New-ContainerVersion $name r.example/app demo app -ErrorAction Ignore
        }
    }

    It 'removes the named ones, and returns them with -PassThru' {
        Remove-ContainerVersion one | Should -BeNullOrEmpty
        (Remove-ContainerVersion t* -PassThru).Name | Should -Be 'three', 'two'
        Get-ContainerVersion | Should -BeNullOrEmpty
    }

    It 'removes nothing with -WhatIf' {
        Get-ContainerVersion | Remove-ContainerVersion -WhatIf
        Get-ContainerVersion | Should -HaveCount 3
    }

    It 'names a missing one, and removes the others' {
        'nope', 'one' | Remove-ContainerVersion -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure | Should -HaveCount 1
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.RemoveContainerVersionCommand'
        $failure[0].TargetObject | Should -Be 'default/nope'
        (Get-ContainerVersion).Name | Should -Be 'three', 'two'
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
