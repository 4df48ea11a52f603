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
        @{ Line = 'Set-ContainerVersion myappcv -Tag de'; Expected = 'demo' }
        @{ Line = 'Set-ContainerVersion myappcv -Tag nothing'; Expected = $null }
        @{ Line = 'Set-ContainerVersion myappcv -Container '; Expected = 'myapp' }
        @{ Line = 'New-ContainerVersion '; Expected = 'myapp' }
        @{ Line = 'New-ContainerVersion myapp $repository demo '; Expected = 'myapp' }
        @{ Line = 'New-ContainerVersion myapp '; Expected = '$repository' }
        @{ Line = 'Set-ContainerVersion myappcv -ImageRepo '; Expected = '$repository' }
        @{ Line = 'Add-CvRegistryTag '; Expected = '$repository' }
        @{ Line = 'Get-CvRegistryTag -Repository '; Expected = '$repository' }
        @{ Line = 'Get-CvRegistryTag $repository -Version '; Expected = '6e4ae1c', '9f8e7d6', 'abcdef0' }
        @{ Line = 'Remove-CvRegistryTag $repository demo, ab'; Expected = 'abcdef0' }
        @{ Line = 'Wait-CvRollout myappcv -Version ab'; Expected = 'abcdef0' }
        @{ Line = 'Wait-CvRollout nobody -Version '; Expected = $null }
        @{ Line = 'Get-CvRolloutHistory -Version '; Expected = 'abcdef0', '9f8e7d6' }
        @{ Line = 'Get-CvRolloutHistory nobody -Version '; Expected = $null }
        @{ Line = 'Set-ContainerVersion myappcv -HistoryName '; Expected = 'myapp' }
        @{ Line = 'Set-ContainerVersion myappcv -ImagePullSecret '; Expected = $null }
        @{ Line = 'Set-ContainerVersion myappcv -ConfigName my'; Expected = 'myapp.history' }
        @{ Line = 'Set-ContainerVersion myappcv -ConfigName myapp.history -ConfigKey r'; Expected = 'records' }
        @{ Line = 'Set-ContainerVersion myappcv -ServiceName kube'; Expected = 'kubernetes' }
        @{ Line = 'Set-ContainerVersion myappcv -ServiceName kubernetes -LabelName '; Expected = $null }
        @{ Line = 'Start-CvReconcile -Watch -LeaseNamespace kube-p'; Expected = 'kube-public' }
        @{ Line = 'Start-CvReconcile -Watch -LeaseName '; Expected = $null }
        @{ Line = 'Suspend-ContainerVersion myappcv -Reason '; Expected = $null }
        @{ Line = 'Add-CvSandboxImage '; Expected = '$repository' }
    ) {
        $line = $Line.Replace('$repository', $repository)
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText |
            Should -Be ($Expected | ForEach-Object { "$_".Replace('$repository', $repository) } | Where-Object Length)
    }

    It 'offers the ids of rollback targets with a description' {
        $line = 'Invoke-CvRollback myappcv -ToRecord '
        $offered = (TabExpansion2 $line $line.Length).CompletionMatches
        $offered.CompletionText | Should -Contain (Get-CvRolloutHistory -Version '9f8e7d6' | Select-Object -Last 1).Id
        $offered.ToolTip | Should -Match '\bDeployment/myapp\b'
    }
}
