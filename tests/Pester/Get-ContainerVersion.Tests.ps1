#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $null = Start-CvSandbox
    Install-CvController -CrdOnly
    $null = New-ContainerVersion web r.example/team/web demo app -Selector @{ cvapp = 'web' }
    $null = New-ContainerVersion worker r.example/team/worker prod app
    $null = New-ContainerVersion web r.example/team/web prod app -Namespace kube-public
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Get-ContainerVersion' {
    It 'returns those of the namespace of the context, by name' {
        (Get-ContainerVersion).Name | Should -Be 'web', 'worker'
        (Get-ContainerVersion -Namespace kube-public).Tag | Should -Be 'prod'
        (Get-ContainerVersion -AllNamespaces).Namespace | Should -Be 'default', 'default', 'kube-public'
    }

    It 'accepts names, wildcards, and names from the pipeline' {
        (Get-ContainerVersion web).Tag | Should -Be 'demo'
        (Get-ContainerVersion wo*, we*).Name | Should -Be 'web', 'worker'
        ('worker', 'web' | Get-ContainerVersion).Name | Sort-Object | Should -Be 'web', 'worker'
        (Get-ContainerVersion web -AllNamespaces).Namespace | Should -Be 'default', 'kube-public'
        Get-ContainerVersion none* -ErrorAction Stop | Should -BeNullOrEmpty
    }

    It 'stops when the pipeline stops' {
        Get-ContainerVersion -AllNamespaces | Select-Object -First 1 | Should -HaveCount 1
    }

    It 'names a missing one, and returns the others' {
        (Get-ContainerVersion nope, web -ErrorVariable failure -ErrorAction SilentlyContinue).Name | Should -Be 'web'
        $failure | Should -HaveCount 1
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.GetContainerVersionCommand'
        $failure[0].TargetObject | Should -Be 'default/nope'
    }

    It 'reports an error: <Id>' -ForEach @(
        @{ Arguments = @{ LabelSelector = '=,=' }; Id = 'ResourceInvalid' }
        @{ Arguments = @{ KubeConfig = 'TestDrive:/none' }; Id = 'KubeConfigNotFound' }
        @{ Arguments = @{ KubeConfig = "a`0b" }; Id = 'PathInvalid' }
        @{ Arguments = @{ Name = '[a' }; Id = 'WildcardInvalid' }
        @{ Arguments = @{ Context = 'none' }; Id = 'KubeContextNotFound' }
    ) {
        { Get-ContainerVersion @Arguments -ErrorAction Stop } | Should -Throw -ErrorId "$Id,CvManager.PowerShell.GetContainerVersionCommand"
    }

    It 'shows its requests with -Debug, and only then' {
        $lines = Get-ContainerVersion web -Debug 5>&1 | Where-Object { $_ -is [Management.Automation.DebugRecord] }
        $lines -match '^GET https?://\S+/containerversions\S*: 200 in \d+ ms$' | Should -Not -BeNullOrEmpty
        Get-ContainerVersion web 5>&1 | Where-Object { $_ -is [Management.Automation.DebugRecord] } | Should -BeNullOrEmpty
    }
}
