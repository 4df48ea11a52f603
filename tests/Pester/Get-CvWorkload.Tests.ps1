#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version '9f8e7d6'
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Get-CvWorkload' {
    It 'shows the version that is set, and the one that the tag points at' {
        $workload = Get-CvWorkload
        $workload.Kind, $workload.Name, $workload.CV, $workload.Container | Should -Be 'Deployment', 'myapp', 'myappcv', 'myapp'
        $workload.Version, $workload.LatestVersion | Should -Be '9f8e7d6', '9f8e7d6'
    }

    It 'filters by name and ContainerVersion, and finds nothing elsewhere' {
        (Get-CvWorkload my* -CV myapp*).Name | Should -Be 'myapp'
        Get-CvWorkload -CV other* | Should -BeNullOrEmpty
        Get-CvWorkload -Namespace kube-public | Should -BeNullOrEmpty
    }

    It 'names a missing workload, and goes on' {
        (Get-CvWorkload nobody, myapp -ErrorVariable failure -ErrorAction SilentlyContinue).Name | Should -Be 'myapp'
        $failure[0].FullyQualifiedErrorId | Should -Be 'WorkloadNotFound,CvManager.PowerShell.GetCvWorkloadCommand'
    }
}
