#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version '9f8e7d6', 'abcdef0'
}

AfterAll {
    Stop-CvSandbox
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
