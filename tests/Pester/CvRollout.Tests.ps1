#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $sandbox = Start-CvSandbox
    Install-CvController -CrdOnly
    $repository = "$($sandbox.Registry)/nearmap/cvm-example"
    $manifest = (Get-Content -Raw (Join-Path $PSScriptRoot '../../examples/cvm-example/myapp.yaml')).Replace('${ECR_ENDPOINT}', $sandbox.Registry)
    $null = Add-CvSandboxImage -Repository $repository -Tag '6e4ae1c', 'demo'
    $null = $manifest | Import-ContainerVersion -IncludeWorkload
    foreach ($version in '9f8e7d6', 'abcdef0') {
        $null = Add-CvSandboxImage -Repository $repository -Tag $version, 'demo'
        $null = Start-CvReconcile -Wait -Timeout 1m
    }
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Get-CvRolloutHistory' {
    It 'returns the newest first, and stops when the pipeline stops' {
        (Get-CvRolloutHistory).ToVersion | Should -Be 'abcdef0', '9f8e7d6'
        (Get-CvRolloutHistory | Select-Object -First 1).ToVersion | Should -Be 'abcdef0'
    }

    It 'accepts a date as text' {
        Get-CvRolloutHistory -Since (Get-Date).AddHours(-1) | Should -HaveCount 2
        Get-CvRolloutHistory -Since (Get-Date).AddHours(1) | Should -BeNullOrEmpty
    }

    It 'filters by workload and version' {
        (Get-CvRolloutHistory -Workload my* -Version 9f*).ToVersion | Should -Be '9f8e7d6'
        Get-CvRolloutHistory -Workload other | Should -BeNullOrEmpty
        (Get-CvRolloutHistory myappcv).FromVersion | Should -Be '9f8e7d6', '6e4ae1c'
    }

    It 'is shown as a table' {
        Get-CvRolloutHistory | Out-String -Width 200 | Should -Match 'Deployment/myapp +6e4ae1c +9f8e7d6 +Succeeded +controller'
    }
}

Describe 'Get-CvRollout and Wait-CvRollout' {
    It 'shows each workload' {
        $rollout = Get-CvRollout myappcv
        $rollout.Phase | Should -Be 'Succeeded'
        $rollout.Updated, $rollout.Ready, $rollout.Available, $rollout.Desired | Should -Be 2, 2, 2, 2
    }

    It 'waits no longer than -Timeout, and then throws a terminating error' {
        Wait-CvRollout myappcv -Version 'abcdef0' -Timeout 10 -PassThru | Should -Not -BeNullOrEmpty
        { Wait-CvRollout myappcv -Version '1234567' -Timeout 0.5 } | Should -Throw -ErrorId 'OperationTimedOut,*'
    }
}

Describe 'Invoke-CvRollback, Suspend- and Resume-ContainerVersion' {
    It 'rolls back to a record of the history, and follows the tag again after Resume' {
        Get-CvRolloutHistory | Select-Object -Last 1 | Invoke-CvRollback -Reason 'too slow'
        $null = Start-CvReconcile -Wait -Timeout 1m
        (Get-CvWorkload).Version | Should -Be '9f8e7d6'
        (Get-ContainerVersion).Message | Should -Match 'too slow'

        Resume-ContainerVersion myappcv
        $null = Start-CvReconcile -Wait -Timeout 1m
        (Get-CvWorkload).Version | Should -Be 'abcdef0'
    }

    It 'suspends and resumes all ContainerVersions of a namespace' {
        Get-ContainerVersion | Suspend-ContainerVersion -Reason 'freeze'
        (Start-CvReconcile).Outcome | Should -Be 'Held'
        (Get-ContainerVersion | Resume-ContainerVersion -PassThru).Suspended | Should -BeFalse
    }

    It 'rolls back to the previous or a named version, and changes nothing with -WhatIf' {
        Invoke-CvRollback myappcv -WhatIf | Should -BeNullOrEmpty
        (Get-ContainerVersion).PinVersion | Should -BeNullOrEmpty
        (Invoke-CvRollback myappcv -PassThru).PinVersion | Should -Be '9f8e7d6'
        Invoke-CvRollback my* -ToVersion 'abcdef0' | Should -BeNullOrEmpty
        (Get-ContainerVersion).PinVersion, (Get-ContainerVersion).HeldBy | Should -Be 'abcdef0', ([Environment]::UserName)
        (Resume-ContainerVersion myappcv -PassThru).PinVersion | Should -BeNullOrEmpty
    }

    It 'shows who holds it and why, before the controller reconciles it' {
        $held = Suspend-ContainerVersion myappcv -Reason 'freeze' -PassThru
        $held.Suspended, $held.HeldBy, $held.HoldReason | Should -Be $true, ([Environment]::UserName), 'freeze'
        Get-ContainerVersion | Out-String -Width 120 | Should -Match 'suspended +\d+s'
        Suspend-ContainerVersion myappcv -WhatIf
        Resume-ContainerVersion myappcv -WhatIf
        (Get-ContainerVersion).Suspended | Should -BeTrue
        Resume-ContainerVersion myappcv
        Get-ContainerVersion | Out-String -Width 120 | Should -Not -Match 'suspended +\d+s'
    }

    It '<_> names a missing ContainerVersion' -ForEach 'Suspend-ContainerVersion', 'Resume-ContainerVersion', 'Invoke-CvRollback', 'Get-CvRollout', 'Get-CvRolloutHistory' {
        & $_ nope -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Match '^ContainerVersionNotFound,'
        $failure[0].TargetObject | Should -Be 'default/nope'
        & $_ nope* -ErrorAction Stop | Should -BeNullOrEmpty
    }

    It 'does not roll back to a missing target: <Id>' -ForEach @{ To = @{ ToVersion = 'fffffff' }; Id = 'RegistryVersionNotFound' }, @{ To = @{ ToRecord = 'nope' }; Id = 'RolloutRecordNotFound' } {
        Invoke-CvRollback myappcv @To -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be "$Id,CvManager.PowerShell.InvokeCvRollbackCommand"
        $failure[0].CategoryInfo.Category | Should -Be 'ObjectNotFound'
        (Get-ContainerVersion).PinVersion | Should -BeNullOrEmpty
    }
}

Describe 'Start-CvReconcile' {
    It 'follows the version that was pushed last' {
        foreach ($version in '1.4.0', '2.0.0', '1.5.2') {
            $null = Add-CvSandboxImage -Repository $repository -Tag $version
        }
        Set-ContainerVersion myappcv -Newest -VersionSyntax '\d+\.\d+\.\d+' -Verify @()
        (Start-CvReconcile -Wait -Timeout 1m).Version | Should -Be '1.5.2'
        Set-ContainerVersion myappcv -SemVer '>=1'
        (Start-CvReconcile -Wait -Timeout 1m).Version | Should -Be '2.0.0'
    }

    It 'runs gates, and recommends an action after a failed one' {
        $null = Add-CvSandboxImage -Repository "$($sandbox.Registry)/team/tests" -Tag 'demo' -Broken
        $null = Add-CvSandboxImage -Repository $repository -Tag '3.0.0'
        Set-ContainerVersion myappcv -Verify @{ Image = 'team/tests'; Tag = 'demo'; Timeout = '1s' } -RolloutTimeout 20
        $outcome = Start-CvReconcile -Wait -Timeout 1m -ErrorVariable failure -ErrorAction SilentlyContinue
        $outcome.Outcome | Should -Be 'Failed'
        "$($failure[0])" | Should -Match 'gate team/tests:demo'
        (Get-CvWorkload).Version | Should -Be '2.0.0'

        Start-CvReconcile -ErrorVariable failure -ErrorAction SilentlyContinue | Out-Null
        $failure[0].FullyQualifiedErrorId | Should -Be 'Quarantined,CvManager.PowerShell.StartCvReconcileCommand'
        $failure[0].ErrorDetails.RecommendedAction | Should -Match 'Resume-ContainerVersion myappcv -Namespace default'
        Set-ContainerVersion myappcv -Verify @()
        Resume-ContainerVersion myappcv
        (Start-CvReconcile -Wait -Timeout 1m).Version | Should -Be '3.0.0'
    }
}

Describe 'Completion' {
    It 'offers <Expected> for: <Line>' -ForEach @(
        @{ Line = 'Get-ContainerVersion my'; Expected = 'myappcv' }
        @{ Line = 'Get-CvRollout -Name '; Expected = 'myappcv' }
        @{ Line = 'Get-CvWorkload '; Expected = 'myapp' }
        @{ Line = 'Get-CvRolloutHistory -Workload '; Expected = 'myapp' }
        @{ Line = 'Invoke-CvRollback myappcv -ToVersion 9'; Expected = '9f8e7d6' }
        @{ Line = 'Invoke-CvRollback nobody -ToVersion 9'; Expected = $null }
        @{ Line = 'Wait-CvRollout myappcv -Namespace kube-p'; Expected = 'kube-public' }
        @{ Line = 'Add-CvRegistryTag $repository -Version ab'; Expected = 'abcdef0' }
        @{ Line = 'New-ContainerVersion x $repository de'; Expected = 'demo' }
        @{ Line = 'Set-ContainerVersion myappcv -Strategy S'; Expected = 'ServiceBlueGreen' }
    ) {
        $line = $Line.Replace('$repository', $repository)
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be $Expected
    }

    It 'offers the ids of rollback targets with a description' {
        $line = 'Invoke-CvRollback myappcv -ToRecord '
        $offered = (TabExpansion2 $line $line.Length).CompletionMatches
        $offered.CompletionText | Should -Contain (Get-CvRolloutHistory -Version '9f8e7d6' | Select-Object -Last 1).Id
        $offered.ToolTip | Should -Match '\bDeployment/myapp\b'
    }
}

Describe 'An untrusted history' {
    BeforeAll {
        # All quotes that PowerShell accepts, and escape sequences of terminals.
        $strange = @(foreach ($quote in [char[]](0x27, 0x2018, 0x2019, 0x201a, 0x201b, 0x22, 0x201c, 0x201d, 0x201e)) { "x$quote;Set-Variable hacked 1;$quote" }) +
            '$(Set-Variable hacked 1)', '-Force', "y`e[31mred", "z`nSet-Variable hacked 1"
        $records = foreach ($value in $strange) {
            @{
                id = $value; cv = 'strange'; kind = 'Deployment'; name = 'strange'; container = 'main'; toVersion = $value; outcome = 'Succeeded'
                started = '2026-01-01T00:00:00Z'; finished = '2026-01-01T00:00:00Z'; reason = "`e]0;title`a`e[2J`e[1;31mSHOWN"; who = "root`e[8m"
            }
        }
        $configMap = @{
            apiVersion = 'v1'; kind = 'ConfigMap'; data = @{ records = ConvertTo-Json @($records) }
            metadata = @{ name = 'strange.history'; labels = @{ 'app.kubernetes.io/managed-by' = 'cvmanager'; 'app.kubernetes.io/component' = 'history' } }
        }
        $token = [regex]::Match((Get-Content -Raw $sandbox.KubeConfig), 'token: "(.+)"').Groups[1].Value
        $null = Invoke-RestMethod -Method Post "$($sandbox.Server)/api/v1/namespaces/kube-public/configmaps" -SkipCertificateCheck `
            -Headers @{ Authorization = "Bearer $token" } -ContentType 'application/json; charset=utf-8' -Body (ConvertTo-Json $configMap -Depth 5)
    }

    It 'is completed for -<_> as one string each' -ForEach 'ToVersion', 'ToRecord' {
        $line = "Invoke-CvRollback strange -Namespace kube-public -$_ "
        $offered = [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches
        $values = foreach ($match in $offered) {
            $errors = $null
            $read = [System.Management.Automation.Language.Parser]::ParseInput($line + $match.CompletionText, [ref]$null, [ref]$errors)
            $errors | Should -BeNullOrEmpty
            $read.EndBlock.Statements | Should -HaveCount 1
            $read.EndBlock.Statements[0].PipelineElements | Should -HaveCount 1
            $arguments = $read.EndBlock.Statements[0].PipelineElements[0].CommandElements
            $arguments | Should -HaveCount 6
            $arguments[5] | Should -BeOfType System.Management.Automation.Language.StringConstantExpressionAst
            $arguments[5].Value
        }
        $values | Sort-Object -CaseSensitive -Culture '' | Should -Be ($strange | Sort-Object -CaseSensitive -Culture '')
        "$($offered.CompletionText)$($offered.ListItemText)$($offered.ToolTip)" | Should -Not -Match '[\x00-\x1f\x7f]'
    }

    It 'is shown by <_> without its control characters' -ForEach 'Format-Table', 'Format-List', 'Format-Table *' {
        $rendering = $PSStyle.OutputRendering
        try {
            # As at a prompt: with plain text rendering, all escape sequences would be removed.
            $PSStyle.OutputRendering = 'Ansi'
            $shown = & ([scriptblock]::Create("Get-CvRolloutHistory strange -Namespace kube-public | $_ | Out-String -Width 4000"))
        }
        finally {
            $PSStyle.OutputRendering = $rendering
        }
        $shown | Should -Match 'SHOWN'
        $shown | Should -Not -Match '\e\[2J|\e\[8m|\e\[31m|\e\[1;31m|\e\]|\a'
    }
}
