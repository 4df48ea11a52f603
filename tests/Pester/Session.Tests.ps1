#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# What PowerShell offers to every cmdlet: jobs, parallel runspaces, strict mode, common parameters, default values, module auto-loading.
BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version '9f8e7d6'
    $null = New-ContainerVersion other r.example/other demo app
    $kubeConfig = $sandbox.KubeConfig
    $modules = Join-Path $PSScriptRoot 'Import-Modules.ps1'
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Jobs and runspaces' {
    It 'return objects that further cmdlets accept: <Name>' -ForEach @(
        @{ Name = 'Start-Job' }
        @{ Name = 'Start-ThreadJob' }
    ) {
        $job = & $Name {
            & $using:modules
            Get-ContainerVersion -KubeConfig $using:kubeConfig
        }
        try {
            $received = $job | Wait-Job -Timeout 120 | Receive-Job -ErrorAction Stop
        }
        finally {
            $job | Remove-Job -Force
        }
        $received.Name | Should -Be 'myappcv', 'other'
        ($received | Get-CvRolloutHistory).ToVersion | Should -Be '9f8e7d6'
        ($received | Where-Object Name -EQ 'other' | Suspend-ContainerVersion -PassThru).Suspended | Should -BeTrue
        Resume-ContainerVersion other
    }

    It 'keep the error ids and recommended actions of errors in a job' {
        $job = Start-ThreadJob {
            & $using:modules
            Get-ContainerVersion nope -KubeConfig $using:kubeConfig
        }
        try {
            $null = $job | Wait-Job -Timeout 60 | Receive-Job -ErrorVariable failure -ErrorAction SilentlyContinue
        }
        finally {
            $job | Remove-Job -Force
        }
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.GetContainerVersionCommand'
        $failure[0].ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
    }

    It 'stop a cmdlet that waits' {
        $job = Start-ThreadJob {
            & $using:modules
            Connect-CvCluster -KubeConfig $using:kubeConfig
            'started'
            Start-CvReconcile -Watch -NoLeaderElection
        }
        try {
            $deadline = [datetime]::UtcNow.AddMinutes(1)
            while (-not $job.Output.Count -and [datetime]::UtcNow -lt $deadline) {
                $null = Wait-Job $job -Timeout 1
            }
            Stop-Job $job
            (Wait-Job $job -Timeout 30).State | Should -Be 'Stopped'
        }
        finally {
            $job | Remove-Job -Force
        }
    }

    It 'use the module at the same time' {
        $results = 1..8 | ForEach-Object -ThrottleLimit 4 -Parallel {
            & $using:modules
            (Set-ContainerVersion other -PollInterval "$($_ + 10)s" -KubeConfig $using:kubeConfig -PassThru -ErrorAction Stop).Name
            (Get-CvRegistryTag $using:repository demo -ErrorAction Stop).Version
        }
        $results | Where-Object { $_ -eq 'other' } | Should -HaveCount 8
        $results | Where-Object { $_ -eq '9f8e7d6' } | Should -HaveCount 8
    }
}

Describe 'Common parameters' {
    It '-ErrorVariable collects every error, and -OutVariable every object' {
        $null = 'nope', 'myappcv', 'neither' | Get-ContainerVersion -OutVariable found -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure.TargetObject | Should -Be 'default/nope', 'default/neither'
        $found.Name | Should -Be 'myappcv'
        $null = Get-ContainerVersion -OutVariable +found
        $found.Name | Should -Be 'myappcv', 'myappcv', 'other'
    }

    It '-ErrorAction Stop ends the pipeline at the first error' {
        $seen = [System.Collections.Generic.List[string]]::new()
        { 'myappcv', 'nope', 'other' | Get-ContainerVersion -ErrorAction Stop | ForEach-Object { $seen.Add($_.Name) } } |
            Should -Throw -ErrorId 'ContainerVersionNotFound,*'
        $seen | Should -Be 'myappcv'
    }

    It '-PipelineVariable has the object that the next cmdlet processes' {
        $pairs = Get-ContainerVersion -PipelineVariable cv | Get-CvWorkload -PipelineVariable workload | ForEach-Object { "$($cv.Name) $($workload.Name)" }
        $pairs | Should -Be 'myappcv myapp'
    }

    It '-WarningVariable collects warnings' {
        $null = $manifest | Import-ContainerVersion -WarningVariable skipped -WarningAction SilentlyContinue
        $skipped | Should -HaveCount 1
    }

    It 'Select-Object -First ends a cmdlet that does not end by itself' {
        $first = Start-CvReconcile -Watch -NoLeaderElection | Select-Object -First 1
        $first.Name | Should -BeIn 'myappcv', 'other'
    }
}

Describe 'Default values and splatting' {
    AfterEach {
        $PSDefaultParameterValues.Clear()
    }

    It 'use $PSDefaultParameterValues' {
        $global:PSDefaultParameterValues['*-*ContainerVersion:Namespace'] = 'kube-public'
        (New-ContainerVersion there r.example/there demo app).Namespace | Should -Be 'kube-public'
        (Get-ContainerVersion).Name | Should -Be 'there'
        Remove-ContainerVersion there -Confirm:$false
        Get-ContainerVersion | Should -BeNullOrEmpty
    }

    It 'use splatting of names, switches and positions' {
        $named = @{ Name = 'my*'; AllNamespaces = $true; KubeConfig = $kubeConfig }
        (Get-ContainerVersion @named).Name | Should -Be 'myappcv'
        $positional = 'splatted', 'r.example/splatted', 'demo', 'app'
        (New-ContainerVersion @positional -WhatIf:$false).ImageRepo | Should -Be 'r.example/splatted'
        Remove-ContainerVersion splatted -Confirm:$false
    }
}

Describe 'Strict mode' {
    It 'is satisfied by a whole script, and by every property and view of every object' {
        $script = Join-Path $TestDrive 'strict.ps1'
        Set-Content $script @'
param($Modules, $Example)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
& $Modules
$sandbox = Start-CvSandbox
$objects = & {
    $sandbox
    Get-CvContext
    Install-CvController -CrdOnly -PassThru
    $repository = "$($sandbox.Registry)/nearmap/cvm-example"
    Add-CvSandboxImage $repository 6e4ae1c, demo
    $manifest = (Get-Content -Raw $Example).Replace('${ECR_ENDPOINT}', $sandbox.Registry)
    $manifest | Test-ContainerVersion
    $manifest | Import-ContainerVersion -IncludeWorkload
    New-ContainerVersion other r.example/other demo app -Verify 'team/tests:demo'
    Remove-ContainerVersion other -PassThru -Confirm:$false
    Add-CvSandboxImage $repository 9f8e7d6, demo
    Start-CvReconcile -Wait -Timeout 1m
    Wait-CvRollout myappcv -Timeout 1m -PassThru
    Get-CvWorkload
    Get-CvRollout
    Get-CvRolloutHistory
    Get-CvRegistryTag $repository
    Add-CvRegistryTag $repository -Version 6e4ae1c -Tag demo -PassThru
    Get-CvRegistryBudget
    Test-ContainerVersion -Name myappcv
    Invoke-CvRollback myappcv -ToVersion 6e4ae1c -PassThru
    Start-CvReconcile -Wait -Timeout 1m
    Resume-ContainerVersion myappcv -PassThru
    Suspend-ContainerVersion myappcv -PassThru
    Set-ContainerVersion myappcv -PollInterval 1m -PassThru
}
foreach ($object in $objects) {
    foreach ($property in $object.PSObject.Properties) {
        $null = "$($property.Value)"
    }
}
foreach ($view in { $input | Format-Table }, { $input | Format-List }, { $input | Format-List * }, { $input | Format-Table * }, { $input | ConvertTo-Json -Depth 5 -WarningAction Ignore }, { $input | ConvertTo-Csv }) {
    $null = $objects | & $view | Out-String
}
Stop-CvSandbox
($objects | ForEach-Object { $_.PSTypeNames[0] } | Sort-Object -Unique).Count
'@
        $count = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -File $script $modules (Join-Path $PSScriptRoot '../../examples/cvm-example/myapp.yaml')
        $LASTEXITCODE | Should -Be 0 -Because "$count"
        [int] $count[-1] | Should -BeGreaterThan 10
    }
}

Describe 'Serialized objects' {
    It 'select their ContainerVersion: <_>' -ForEach 'Get-ContainerVersion myappcv', 'Get-CvWorkload', 'Get-CvRollout', 'Get-CvRolloutHistory' {
        $path = Join-Path $TestDrive 'objects.xml'
        & ([scriptblock]::Create($_)) | Export-Clixml $path
        $former = Import-Clixml $path
        ($former | Get-ContainerVersion).Name | Should -Be 'myappcv'
        ($former | Get-CvRolloutHistory).ToVersion | Should -Contain '9f8e7d6'
    }
}

Describe 'Auto-loading' {
    It 'imports the module when the first cmdlet is called by name: <_>' -ForEach 'Get-CvContext', 'Get-CvRegistryBudget' {
        $before = $env:PSModulePath
        try {
            $env:PSModulePath = (Join-Path $PSScriptRoot '../../module') + [IO.Path]::PathSeparator + $before
            $loaded = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -Command "@(Get-Module CvManager).Count; `$null = $_ -ErrorAction Ignore; (Get-Module CvManager*).Name"
        }
        finally {
            $env:PSModulePath = $before
        }
        $LASTEXITCODE | Should -Be 0
        $loaded | Should -Be '0', 'CvManager'
    }
}
