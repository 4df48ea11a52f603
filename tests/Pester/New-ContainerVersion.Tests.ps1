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
        Get-ContainerVersion -AllNamespaces | Remove-ContainerVersion -Confirm:$false
    }

    It 'returns the created resource with defaults' {
        $created = New-ContainerVersion myapp r.example/team/myapp demo app
        $created | Should -BeOfType ([type]'CvManager.PowerShell.ContainerVersionInfo')
        $created.Namespace, $created.Name, $created.ImageRepo, $created.Tag, $created.Container | Should -Be 'default', 'myapp', 'r.example/team/myapp', 'demo', 'app'
        $created.Selector['cvapp'] | Should -Be 'myapp'
        $created.Strategy, $created.PollInterval, $created.RolloutTimeout, $created.Rollback | Should -Be 'Rolling', '5m', '15m', $true
    }

    It 'creates one for each row of a table' {
        $table = "Name,ImageRepo,Tag,Container,Namespace`nweb,r.example/web,demo,app,default`nworker,r.example/worker,prod,app,kube-public" | ConvertFrom-Csv
        $created = $table | New-ContainerVersion -PollInterval 1m
        $created.Name | Should -Be 'web', 'worker'
        $created.Namespace | Should -Be 'default', 'kube-public'
        $created.PollInterval | Should -Be '1m', '1m'
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
        "$($created.VerifyBeforeCutOver) $($created.VerifyBeforeCutOver.Timeout)" | Should -Be 'team/smoke:prod 1m30s'
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
