#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version '9f8e7d6'
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Start-CvReconcile' {
    It 'follows the version that was pushed last' {
        foreach ($version in '1.4.0', '2.0.0', '1.5.2') {
            $null = Add-CvSandboxImage -Repository $repository -Tag $version
        }
        Set-ContainerVersion myappcv -Newest -VersionSyntax '\d+\.\d+\.\d+' -Verify @()
        (Start-CvReconcile -Wait -Timeout 1m).Version | Should -Be '1.5.2'
        Set-ContainerVersion myappcv -SemVer '>=1'
        (Start-CvReconcile -Wait -Timeout 1m).Version | Should -Be '2.0.0'
    }

    It 'runs gates, and recommends an action after a failed one' {
        $null = Add-CvSandboxImage -Repository "$($sandbox.Registry)/team/tests" -Tag 'demo' -Broken
        $null = Add-CvSandboxImage -Repository $repository -Tag '3.0.0'
        Set-ContainerVersion myappcv -Verify @{ Image = 'team/tests'; Tag = 'demo'; Timeout = '1s' } -RolloutTimeout 20
        $outcome = Start-CvReconcile -Wait -Timeout 1m -ErrorVariable failure -ErrorAction SilentlyContinue
        $outcome.Outcome | Should -Be 'Failed'
        "$($failure[0])" | Should -Match 'gate team/tests:demo'
        (Get-CvWorkload).Version | Should -Be '2.0.0'

        Start-CvReconcile -ErrorVariable failure -ErrorAction SilentlyContinue | Out-Null
        $failure[0].FullyQualifiedErrorId | Should -Be 'Quarantined,CvManager.PowerShell.StartCvReconcileCommand'
        $failure[0].ErrorDetails.RecommendedAction | Should -Match 'Resume-ContainerVersion myappcv -Namespace default'
        Set-ContainerVersion myappcv -Verify @()
        Resume-ContainerVersion myappcv
        (Start-CvReconcile -Wait -Timeout 1m).Version | Should -Be '3.0.0'
    }

    It 'says at a prompt what it watches and who leads, and returns each change at once' {
        $null = Add-CvSandboxImage -Repository $repository -Tag '4.0.0'
        $first = Start-CvReconcile -Watch -InformationVariable lines 6> $null | Select-Object -First 1
        $first.Name, $first.Version | Should -Be 'myappcv', '4.0.0'
        $first.Time | Should -BeGreaterThan (Get-Date).AddMinutes(-1)
        $lines | Should -HaveCount 3
        "$($lines[0])" | Should -Match "namespace default of $([regex]::Escape($sandbox.Server))"
        (Start-CvReconcile -Wait -Timeout 1m).Version | Should -Be '4.0.0'
    }

    It 'shows in a log what it waits for, and at the time limit the last state' {
        $null = Add-CvSandboxImage -Repository $repository -Tag '5.0.0' -Broken
        $failure = { Start-CvReconcile -Wait -Timeout 3 -InformationVariable script:lines 6> $null } |
            Should -Throw -ErrorId 'RolloutWaitTimedOut,CvManager.PowerShell.StartCvReconcileCommand' -PassThru
        "$failure" | Should -Match 'Deployment/myapp.*updated'
        "$($lines[0])" | Should -Match '^\d\d:\d\d:\d\d default/myappcv: Progressing 5.0.0'
        $lines.Count | Should -BeLessThan 10
    }

    It 'logs its requests with -LogLevel Debug' {
        $urls = Start-CvReconcile -Watch -NoLeaderElection -LogFormat Json -LogLevel Debug -Timeout 30 | ForEach-Object {
            ($_ | ConvertFrom-Json | Where-Object eventName -EQ 'RequestSent').url
        } | Where-Object { $_ -like "$($sandbox.Server)*" } | Select-Object -First 1
        $urls | Should -HaveCount 1
    }
}
