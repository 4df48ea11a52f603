#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $sandbox = Start-CvSandbox -NoConnect
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Connect-CvCluster' {
    It 'writes no output, and returns the context with -PassThru' {
        Connect-CvCluster -KubeConfig $sandbox.KubeConfig | Should -BeNullOrEmpty
        ($sandbox | Connect-CvCluster -PassThru).Server | Should -Be $sandbox.Server
    }

    It 'connects only the current runspace' {
        Connect-CvCluster -KubeConfig $sandbox.KubeConfig
        $other, $servers = 1 | ForEach-Object -Parallel {
            & $using:PSScriptRoot/Import-Modules.ps1
            (Get-Command Get-CvContext).Source
            (Get-CvContext -ErrorAction Ignore).Server
        }
        $other | Should -Be 'CvManager'
        $servers | Should -Not -Contain $sandbox.Server
        (Get-CvContext).Server | Should -Be $sandbox.Server
    }

    It 'reports an error with a recommended action' {
        Connect-CvCluster nope -KubeConfig $sandbox.KubeConfig -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'KubeContextNotFound,CvManager.PowerShell.ConnectCvClusterCommand'
        $failure[0].CategoryInfo.Category | Should -Be 'ObjectNotFound'
        $failure[0].ErrorDetails.RecommendedAction | Should -Match 'Get-CvContext'
    }

    It 'accepts a duration such as 5m' {
        { Connect-CvCluster -KubeConfig $sandbox.KubeConfig -Timeout 1m30s -ErrorAction Stop } | Should -Not -Throw
        { Connect-CvCluster -KubeConfig $sandbox.KubeConfig -Timeout soon } | Should -Throw '*5m, 1h30m*'
    }
}
