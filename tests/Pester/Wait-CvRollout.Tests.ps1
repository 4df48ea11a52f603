#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version 'abcdef0'
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Wait-CvRollout' {
    It 'waits no longer than -Timeout, and then throws a terminating error' {
        Wait-CvRollout myappcv -Version 'abcdef0' -Timeout 10 -PassThru | Should -Not -BeNullOrEmpty
        { Wait-CvRollout myappcv -Version '1234567' -Timeout 0.5 } | Should -Throw -ErrorId 'OperationTimedOut,*'
    }
}
