#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Registry.ps1
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Get-CvRegistryBudget' {
    BeforeEach {
        $first = Add-CvSandboxImage -Repository $repository -Tag '1a2b3c4', 'demo', 'qa'
        $second = Add-CvSandboxImage -Repository $repository -Tag '5d6e7f8'
    }

    It 'counts requests to the registry' {
        $before = (Get-CvRegistryBudget $registry).Spent
        $null = Get-CvRegistryTag $repository demo
        $budget = Get-CvRegistryBudget $registry
        $budget.Registry | Should -Be $registry
        $budget.Spent | Should -BeGreaterThan $before
        $budget.Refused, $budget.Waiting | Should -Be 0, 0
        (Get-CvRegistryBudget 127.*).Spent | Should -Contain $budget.Spent
    }

    It 'names a registry without requests' {
        Get-CvRegistryBudget 'never.example' -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'RegistryBudgetNotFound,CvManager.PowerShell.GetCvRegistryBudgetCommand'
        Get-CvRegistryBudget 'never*' -ErrorAction Stop | Should -BeNullOrEmpty
    }
}
