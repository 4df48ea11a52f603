#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Test-ContainerVersion' {
    It 'finds no problem in a valid manifest, without a cluster' {
        $tested = $manifest | Test-ContainerVersion -KubeConfig (Join-Path $TestDrive 'none')
        $tested.Name, $tested.Valid | Should -Be 'myappcv', $true
        $tested.Problems | Should -BeNullOrEmpty
        $manifest | Test-ContainerVersion -Quiet | Should -BeTrue
    }

    It 'names the fields of all problems' {
        $path = Join-Path $TestDrive 'invalid.yaml'
        Set-Content $path ($manifest -replace 'tag: demo', 'tag: no tag' -replace 'pollIntervalSeconds: 300', 'pollIntervalSeconds: 1')
        $tested = Test-ContainerVersion $path
        $tested.Valid | Should -BeFalse
        $tested.Problems.Field | Sort-Object | Should -Be 'spec.pollIntervalSeconds', 'spec.tag'
        Test-ContainerVersion $path -Quiet | Should -BeFalse
    }

    It 'says what a reconcile would do' {
        $null = Add-CvSandboxImage $repository '9f8e7d6', 'demo'
        $tested = Test-ContainerVersion -Name my*
        $tested.Valid, $tested.Source | Should -Be $true, 'cluster'
        "$($tested.Plan)" | Should -Match '9f8e7d6'
        (Get-CvWorkload).Version | Should -Be '6e4ae1c'
    }

    It 'tests the ContainerVersion of workloads once' {
        $workload = Get-CvWorkload
        $tested = @($workload; $workload | Select-Object Namespace, CV) | Test-ContainerVersion
        $tested.Name, $tested.Source | Should -Be $workload.CV, 'cluster'
        ($workload | ConvertTo-Json | ConvertFrom-Json | Test-ContainerVersion).Name | Should -Be $workload.CV
    }

    It 'reports input that it cannot read as an error' {
        'a: [' | Test-ContainerVersion -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ManifestInvalid,CvManager.PowerShell.TestContainerVersionCommand'
        Test-ContainerVersion (Join-Path $TestDrive 'none.yaml') -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'PathNotFound,CvManager.PowerShell.TestContainerVersionCommand'
    }
}
