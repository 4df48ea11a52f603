#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $config = Join-Path $TestDrive 'config'
    Set-Content $config @'
apiVersion: v1
kind: Config
current-context: prod
clusters:
- {name: east, cluster: {server: "https://east.example:6443"}}
users:
- {name: deployer, user: {token: s3cret}}
contexts:
- {name: prod, context: {cluster: east, user: deployer, namespace: shop}}
- {name: qa, context: {cluster: gone, user: deployer}}
'@
}

Describe 'Get-CvContext' {
    It 'lists contexts without credentials' {
        $contexts = Get-CvContext -KubeConfig $config
        $contexts.Name | Should -Be 'prod', 'qa'
        $contexts.IsCurrent | Should -Be $true, $false
        $contexts.Namespace | Should -Be 'shop', 'default'
        $contexts.Server | Should -Be 'https://east.example:6443', ''
        $contexts | ConvertTo-Json | Should -Not -Match 's3cret'
    }

    It 'reads the files of KUBECONFIG' {
        $before = $env:KUBECONFIG
        try {
            $env:KUBECONFIG = $config
            (Get-CvContext | Where-Object IsCurrent).Namespace | Should -Be 'shop'
        }
        finally {
            $env:KUBECONFIG = $before
        }
    }

    It 'accepts wildcards and paths of PowerShell drives' {
        (Get-CvContext q* -KubeConfig TestDrive:/config).Name | Should -Be 'qa'
        Get-CvContext x* -KubeConfig $config | Should -BeNullOrEmpty
    }

    It 'names a missing context' {
        { Get-CvContext nope -KubeConfig $config -ErrorAction Stop } |
            Should -Throw -ErrorId 'KubeContextNotFound,CvManager.PowerShell.GetCvContextCommand'
        ('prod', 'nope' | Get-CvContext -KubeConfig $config -ErrorVariable failure -ErrorAction SilentlyContinue).Name | Should -Be 'prod'
        $failure.TargetObject | Should -Be 'nope'
    }

    It 'completes names' {
        $line = "Get-CvContext -KubeConfig $config -Name p"
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be 'prod'
    }
}
