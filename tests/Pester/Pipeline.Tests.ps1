#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# Two workloads of one ContainerVersion with other names, in another namespace than that of the context.
BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $sandbox = Start-CvSandbox
    Install-CvController -CrdOnly
    $repository = "$($sandbox.Registry)/nearmap/cvm-example"
    $null = Add-CvSandboxImage -Repository $repository -Tag '6e4ae1c', 'demo'
    $example = (Get-Content -Raw (Join-Path $PSScriptRoot '../../examples/cvm-example/myapp.yaml')).Replace('${ECR_ENDPOINT}', $sandbox.Registry)
    $documents = $example -split '(?m)^---\s*$'
    $workload = $documents | Where-Object { $_ -match 'kind: Deployment' }
    $null = $documents | Where-Object { $_ -match 'kind: ContainerVersion' } | Import-ContainerVersion -Namespace kube-public
    $null = $workload -replace '(?m)^  name: myapp', '  name: web' | Import-ContainerVersion -Namespace kube-public -IncludeWorkload
    $null = $workload -replace '(?m)^  name: myapp', '  name: worker' | Import-ContainerVersion -Namespace kube-public -IncludeWorkload
    foreach ($version in '9f8e7d6', 'abcdef0') {
        $null = Add-CvSandboxImage -Repository $repository -Tag $version, 'demo'
        $null = Start-CvReconcile -Namespace kube-public -Wait -Timeout 1m
    }
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Workloads in a pipeline select their ContainerVersion' {
    BeforeAll {
        $workloads = Get-CvWorkload -AllNamespaces
    }

    It 'has two workloads' {
        $workloads.Name | Should -Be 'web', 'worker'
        $workloads.CV | Should -Be 'myappcv', 'myappcv'
    }

    It 'returns the ContainerVersion once' {
        ($workloads | Get-ContainerVersion).Name | Should -Be 'myappcv'
        ($workloads | Get-CvRollout).Workload | Should -Be 'web', 'worker'
    }

    It 'shows the history of each workload' {
        ($workloads | Where-Object Name -EQ 'web' | Get-CvRolloutHistory).Workload | Should -Be 'web', 'web'
        $workloads | Get-CvRolloutHistory | Should -HaveCount 4
        Get-ContainerVersion -AllNamespaces | Get-CvRolloutHistory | Should -HaveCount 4
    }

    It 'accepts objects created from workloads: <_>' -ForEach 'Select-Object Name, CV, Namespace', 'ConvertTo-Json | ConvertFrom-Json' {
        $former = & ([scriptblock]::Create("`$args[0] | $_")) $workloads
        ($former | Get-ContainerVersion).Name | Should -Be 'myappcv'
    }

    It 'rolls back only one version' {
        ($workloads | Invoke-CvRollback -PassThru).PinVersion | Should -Be '9f8e7d6'
        ($workloads | Resume-ContainerVersion -PassThru).PinVersion | Should -BeNullOrEmpty
    }

    It 'suspends, resumes and changes it' {
        ($workloads | Suspend-ContainerVersion -PassThru).Suspended | Should -BeTrue
        ($workloads | Resume-ContainerVersion -PassThru).Suspended | Should -BeFalse
        ($workloads | Set-ContainerVersion -PollInterval 1m -PassThru).PollInterval | Should -Be '1m'
        ($workloads | Start-CvReconcile).Name | Should -Be 'myappcv'
        ($workloads | Wait-CvRollout -Timeout 20 -PassThru).Name | Should -Be 'myappcv'
    }
}

Describe 'Objects that refer to a ContainerVersion select its workloads' {
    It 'finds the workloads for <_>' -ForEach 'Get-ContainerVersion', 'Get-CvRollout', 'Get-CvRolloutHistory', 'Start-CvReconcile' {
        (& $_ -AllNamespaces | Get-CvWorkload).Name | Should -Be 'web', 'worker'
    }

    It 'tests the ContainerVersion for <_>' -ForEach 'Get-ContainerVersion', 'Get-CvRollout', 'Start-CvReconcile' {
        $tested = & $_ -AllNamespaces | Select-Object -First 1 | Test-ContainerVersion
        $tested.Name, $tested.Namespace, $tested.Source, $tested.Valid | Should -Be 'myappcv', 'kube-public', 'cluster', $true
        & $_ -AllNamespaces | Test-ContainerVersion -Quiet | Should -BeTrue
    }

    It 'accepts names and workloads' {
        (Get-CvWorkload w* -Namespace kube-public | Get-CvWorkload).Name | Should -Be 'web', 'worker'
        ('web' | Get-CvWorkload -Namespace kube-public).Name | Should -Be 'web'
        ([pscustomobject]@{ Name = 'worker'; Namespace = 'kube-public' } | Get-CvWorkload).Name | Should -Be 'worker'
        Get-CvWorkload 'nobody' -Namespace kube-public -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'WorkloadNotFound,CvManager.PowerShell.GetCvWorkloadCommand'
    }
}

Describe 'Objects from a file, a job or JSON are as good as live ones' {
    BeforeDiscovery {
        $through = @{
            'a file' = { $args[0] | Export-Clixml TestDrive:/objects.xml; Import-Clixml TestDrive:/objects.xml }
            'a job'  = { $objects = $args[0]; Start-ThreadJob { [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($using:objects)) } | Receive-Job -Wait -AutoRemoveJob }
            'JSON'   = { $args[0] | ConvertTo-Json -Depth 8 | ConvertFrom-Json }
        }
        $consumers = @{
            'Get-ContainerVersion'  = 'myappcv'
            'Get-CvWorkload'        = 'web'
            'Get-CvRollout'         = 'myappcv'
            'Get-CvRolloutHistory'  = 'myappcv'
            'Test-ContainerVersion' = 'myappcv'
            'Start-CvReconcile'     = 'myappcv'
        }
        $cases = foreach ($producer in 'Get-ContainerVersion', 'Get-CvWorkload', 'Get-CvRollout', 'Get-CvRolloutHistory', 'Start-CvReconcile') {
            foreach ($consumer in $consumers.Keys | Where-Object { -not ($_ -eq 'Test-ContainerVersion' -and $producer -eq 'Get-CvWorkload') }) {
                foreach ($way in $through.Keys) {
                    @{ Producer = $producer; Consumer = $consumer; Way = $way; Through = $through[$way]; Name = $consumers[$consumer] }
                }
            }
        }
    }

    It '<Producer> through <Way> to <Consumer>' -ForEach $cases {
        $objects = & $Producer -AllNamespaces | Select-Object -First 1
        $former = & $Through $objects
        $former.PSObject.BaseObject | Should -BeOfType System.Management.Automation.PSCustomObject
        $output = $former | & $Consumer -ErrorAction Stop
        $output.Name | Select-Object -First 1 | Should -BeExactly ($Producer -eq 'Get-CvWorkload' -and $Consumer -eq 'Get-CvWorkload' ? $objects.Name : $Name)
        $output.Namespace | Select-Object -First 1 | Should -Be 'kube-public'
    }
}

Describe 'Objects as arguments' {
    It 'are rejected, and not used as names in another namespace' {
        $null = New-ContainerVersion myappcv r.example/other demo app
        { Suspend-ContainerVersion (Get-ContainerVersion myappcv -Namespace kube-public) } |
            Should -Throw -ErrorId 'ParameterArgumentTransformationError,CvManager.PowerShell.SuspendContainerVersionCommand'
        (Get-ContainerVersion -AllNamespaces).Suspended | Should -Be $false, $false
        Remove-ContainerVersion myappcv -Confirm:$false
    }

    It 'are short as text' {
        "$(Get-ContainerVersion -AllNamespaces)" | Should -Be 'kube-public/myappcv'
        "$(Get-CvWorkload web -Namespace kube-public)" | Should -Be 'kube-public/Deployment/web'
        "$(Get-CvRegistryTag $repository demo)" | Should -Be "$repository`:demo"
    }
}

Describe 'Records and rollouts in a pipeline' {
    It 'rolls back to the version of a record, and from the version of a rollout' {
        $oldest = Get-CvRolloutHistory -Namespace kube-public -Version '9f8e7d6' | Select-Object -First 1
        ($oldest | Invoke-CvRollback -PassThru).PinVersion | Should -Be '9f8e7d6'
        Resume-ContainerVersion myappcv -Namespace kube-public
        # The rollout has the id of a record, but the target is the previous version.
        (Get-CvRollout -Namespace kube-public | Invoke-CvRollback -PassThru).PinVersion | Should -Be '9f8e7d6'
        Resume-ContainerVersion myappcv -Namespace kube-public
    }

    It 'removes ContainerVersions of workloads, once each, and leaves the workloads' {
        Get-CvWorkload -AllNamespaces | Remove-ContainerVersion -WhatIf
        Get-ContainerVersion -AllNamespaces | Should -HaveCount 1
        Get-CvWorkload -AllNamespaces | Remove-ContainerVersion -Confirm:$false -ErrorAction Stop
        Get-ContainerVersion -AllNamespaces | Should -BeNullOrEmpty
        Get-CvRolloutHistory -Namespace kube-public | Should -HaveCount 4
    }
}
