#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version '9f8e7d6'
    $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
    $listener.Start()
    $port = $listener.LocalEndpoint.Port
    $listener.Dispose()
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

    It 'folds its lines in the log of a CI service, and annotates an error' {
        $null = Add-CvSandboxImage -Repository $repository -Tag '5.0.1' -Broken
        { Start-CvReconcile -Wait -Timeout 3 -CIFormat GitHub -InformationVariable script:lines 6> $null } | Should -Throw -ErrorId 'RolloutWaitTimedOut,*'
        "$($lines[0])", "$($lines[-2])" | Should -Be '::group::Reconcile namespace default', '::endgroup::'
        "$($lines[-1])" | Should -Match '^::error title=RolloutWaitTimedOut::'
        { Start-CvReconcile -Watch -CIFormat GitHub } | Should -Throw -ErrorId 'ParameterNotApplicable,*'
    }

    It 'serves pages for probes and metrics with -Port' {
        $pages = Start-CvReconcile -Watch -LogFormat Json -Port $port -Timeout 60 | Where-Object { $_ -match '"event":4201,' } | ForEach-Object {
            foreach ($page in 'alive', 'healthz', 'readyz', 'version', 'none') {
                $response = Invoke-WebRequest "http://localhost:$port/$page" -SkipHttpErrorCheck
                "$($response.StatusCode) $($response.Content)"
            }
            (Invoke-WebRequest "http://localhost:$port/metrics").Content -split "`n" -match '^cvmanager_leader '
        } | Select-Object -First 6
        $version = (Get-Module CvManager).Version
        $pages | Should -Be '200 alive', '200 ok', '200 ok', "200 {`"version`":`"$version`"}", '404 Not Found', 'cvmanager_leader 1'
        { Invoke-WebRequest "http://localhost:$port/alive" } | Should -Throw
    }

    It 'names a port that is in use' {
        $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, $port)
        $listener.Start()
        try {
            { Start-CvReconcile -Watch -Port $port -Timeout 60 } |
                Should -Throw -ErrorId 'PortInUse,CvManager.PowerShell.StartCvReconcileCommand'
        }
        finally {
            $listener.Dispose()
        }
    }

    It 'serves the REST API with -Port, with a login or to everyone' {
        $json = Start-CvReconcile -Watch -LogFormat Json -Port $port -Timeout 60 | Where-Object { $_ -match '"event":4201,' } | ForEach-Object {
            $uri = "http://localhost:$port/v1/cv/workloads"
            (Invoke-WebRequest $uri -SkipHttpErrorCheck).StatusCode
            (Invoke-WebRequest $uri -SkipHttpErrorCheck -Headers @{ Authorization = 'Bearer wrong' }).StatusCode
        } | Select-Object -First 2
        $json | Should -Be 401, 401
        $json = Start-CvReconcile -Watch -LogFormat Json -Port $port -AnonymousRead -Timeout 60 | Where-Object { $_ -match '"event":4201,' } | ForEach-Object {
            (Invoke-WebRequest "http://localhost:$port/v1/cv/workloads").Content
        } | Select-Object -First 1
        ($json | ConvertFrom-Json).Name | Should -Be (Get-CvWorkload).Name
    }

    It 'takes -AnonymousRead with -Port only' {
        { Start-CvReconcile -Watch -AnonymousRead } | Should -Throw -ErrorId 'ParameterNotApplicable,CvManager.PowerShell.StartCvReconcileCommand'
    }

    It 'takes -Port with -Watch only' {
        { Start-CvReconcile -Port $port } | Should -Throw -ErrorId 'ParameterNotApplicable,CvManager.PowerShell.StartCvReconcileCommand'
    }

    It 'logs its requests with -LogLevel Debug' {
        $urls = Start-CvReconcile -Watch -NoLeaderElection -LogFormat Json -LogLevel Debug -Timeout 30 | ForEach-Object {
            ($_ | ConvertFrom-Json | Where-Object eventName -EQ 'RequestSent').url
        } | Where-Object { $_ -like "$($sandbox.Server)*" } | Select-Object -First 1
        $urls | Should -HaveCount 1
    }
}
