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
        (Get-CvContext | Where-Object IsCurrent).Server | Should -Be $sandbox.Server
    }

    It 'reports an error with a recommended action' {
        $failure = { Connect-CvCluster nope -KubeConfig $sandbox.KubeConfig } |
            Should -Throw -ErrorId 'KubeContextNotFound,CvManager.PowerShell.ConnectCvClusterCommand' -PassThru
        $failure.CategoryInfo.Category | Should -Be 'ObjectNotFound'
        $failure.ErrorDetails.RecommendedAction | Should -Match 'Get-CvContext'
    }

    It 'ends the script on an error, which would otherwise use the former cluster' {
        $script = Join-Path $TestDrive 'connect.ps1'
        Set-Content $script "& '$PSScriptRoot/Import-Modules.ps1'; Connect-CvCluster nope -KubeConfig '$($sandbox.KubeConfig)'; 'reached'"
        & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -File $script 2>$null | Should -Not -Contain 'reached'
        $LASTEXITCODE | Should -Be 1
    }

    It 'goes to a cluster of the default kubeconfig and back to the sandbox' {
        $before = $env:KUBECONFIG
        $other = Start-CvSandbox -KubeConfig (Join-Path $TestDrive 'prod.kubeconfig')
        try {
            $env:KUBECONFIG = Join-Path $TestDrive 'default.kubeconfig'
            (Get-Content -Raw $other.KubeConfig).Replace('cvm-sandbox-2', 'prod') | Set-Content $env:KUBECONFIG
            (Connect-CvCluster prod -PassThru).Server | Should -Be $other.Server
            (Get-CvContext).Name | Sort-Object | Should -Be 'cvm-sandbox', 'cvm-sandbox-2', 'prod'
            (Get-CvContext | Where-Object IsCurrent).Name | Should -Be 'prod'
            (Get-CvContext prod).KubeConfig | Should -Be $env:KUBECONFIG
            foreach ($command in 'Connect-CvCluster ', 'Get-ContainerVersion -Context ') {
                (TabExpansion2 $command $command.Length).CompletionMatches.CompletionText | Should -Be 'cvm-sandbox', 'cvm-sandbox-2', 'prod'
            }
            (Connect-CvCluster cvm-sandbox -PassThru).Server | Should -Be $sandbox.Server
            (Get-CvContext prod | Connect-CvCluster -PassThru).Server | Should -Be $other.Server
        }
        finally {
            $env:KUBECONFIG = $before
            Stop-CvSandbox $other
            Connect-CvCluster -KubeConfig $sandbox.KubeConfig
        }
    }

    It 'accepts a duration such as 5m' {
        { Connect-CvCluster -KubeConfig $sandbox.KubeConfig -Timeout 1m30s -ErrorAction Stop } | Should -Not -Throw
        { Connect-CvCluster -KubeConfig $sandbox.KubeConfig -Timeout soon } | Should -Throw '*5m, 1h30m*'
    }
}
