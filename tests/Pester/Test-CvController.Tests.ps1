#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $null = Start-CvSandbox
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Test-CvController' {
    It 'says that no controller is installed' {
        $status = Test-CvController -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ControllerNotInstalled,CvManager.PowerShell.TestCvControllerCommand'
        $status.Namespace, $status.IsReady, $status.Leader | Should -Be 'cvmanager', $false, $null
    }

    It 'returns only false with -Quiet' {
        Test-CvController -Quiet -ControllerNamespace elsewhere -ErrorAction Stop | Should -BeExactly $false
    }
}
