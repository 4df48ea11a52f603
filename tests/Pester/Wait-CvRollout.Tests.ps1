#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version 'abcdef0'
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Wait-CvRollout' {
    It 'ends when the version is there, and returns nothing without -PassThru' {
        Wait-CvRollout myappcv -Version 'abcdef0' -Timeout 10 | Should -BeNullOrEmpty
        (Wait-CvRollout myappcv -Version 'abcdef0' -Timeout 10 -PassThru).Version | Should -Be 'abcdef0'
    }

    It 'throws after -Timeout, with the state last seen' {
        { Wait-CvRollout myappcv -Version 'fedcba9' -Timeout 0.5 } | Should -Throw -ErrorId 'RolloutWaitTimedOut,CvManager.PowerShell.WaitCvRolloutCommand'
        $Error[0].CategoryInfo.Category | Should -Be 'OperationTimeout'
        $Error[0].TargetObject | Should -Be 'default/myappcv'
        "$($Error[0])" | Should -Match 'abcdef0'
        "$($Error[0])" | Should -Match 'Deployment/myapp.*2/2 updated, 2/2 ready'
        $Error[0].ErrorDetails.RecommendedAction | Should -Match 'Get-CvRegistryTag'
    }

    It 'refuses a version that no tag can have' {
        { Wait-CvRollout myappcv -Version 'demo' -Timeout 10 } | Should -Throw -ErrorId 'RolloutNotPossible,*'
    }

    It 'ends the script if a name does not exist' {
        { Wait-CvRollout myappcv, nope -Timeout 10 -ErrorAction SilentlyContinue } | Should -Throw -ErrorId 'ContainerVersionNotFound,*'
    }

    It 'ends the script if nothing is selected: <Wait>' -ForEach @(
        @{ Wait = { Wait-CvRollout nope* -ErrorAction SilentlyContinue } }
        @{ Wait = { Wait-CvRollout * -LabelSelector team=nobody } }
        @{ Wait = { Get-ContainerVersion nope* | Wait-CvRollout } }
        @{ Wait = { Invoke-CvRollback nope* -Wait } }
    ) {
        $Wait | Should -Throw -ErrorId 'NothingToWaitFor,*'
        Wait-CvRollout my*, nope* -Timeout 10
    }

    It 'writes lines to the information stream, as Write-Host does' {
        $line = Wait-CvRollout myappcv -Timeout 10 6>&1
        $line | Should -BeOfType System.Management.Automation.InformationRecord
        $line.Tags | Should -Be 'PSHOST'
        "$line" | Should -Match '^\d\d:\d\d:\d\d default/myappcv: Success abcdef0; Deployment/myapp 2/2 updated, 2/2 ready$'
        Wait-CvRollout myappcv -Timeout 10 -InformationVariable kept 6> $null
        "$kept" | Should -Match 'default/myappcv'
        foreach ($action in 'Ignore', 'SilentlyContinue', 'Continue') {
            @(Wait-CvRollout myappcv -Timeout 10 -InformationAction $action 6>&1) | Should -HaveCount @(Write-Host 'x' -InformationAction $action 6>&1).Count
        }
    }

    It 'folds its lines in the log of a CI service, and annotates the error after them' {
        try { Wait-CvRollout myappcv -Version 'fedcba9' -Timeout 1 -CIFormat GitHub -InformationVariable told 6>$null } catch { $failure = $_ }
        $failure.FullyQualifiedErrorId | Should -Match '^RolloutWaitTimedOut,'
        $lines = @($told | ForEach-Object { "$_" })
        $lines[0] | Should -Be '::group::Wait for default/myappcv'
        $lines[-2] | Should -Be '::endgroup::'
        $lines[-1] | Should -Match '^::error title=RolloutWaitTimedOut::.*myappcv'
        @($lines -match '::error') | Should -HaveCount 1
        Wait-CvRollout myappcv -Timeout 10 -CIFormat AzureDevOps -InformationVariable told 6>$null
        "$($told[0])", "$($told[-1])" | Should -Be '##[group]Wait for default/myappcv', '##[endgroup]'
    }

    It 'makes <Kind> return 1 after <ErrorId>, without the next line' -ForEach @(
        @{ Kind = '-File'; ErrorId = 'RolloutWaitTimedOut'; Wait = 'Wait-CvRollout myappcv -Version fedcba9 -Timeout 5' }
        @{ Kind = '-Command'; ErrorId = 'RolloutWaitTimedOut'; Wait = 'Wait-CvRollout myappcv -Version fedcba9 -Timeout 5' }
        @{ Kind = '-File'; ErrorId = 'RolloutHeld'; Wait = 'Suspend-ContainerVersion myappcv; Wait-CvRollout myappcv' }
        @{ Kind = '-Command'; ErrorId = 'ContainerVersionNotFound'; Wait = 'Wait-CvRollout nope' }
        @{ Kind = '-File'; ErrorId = 'NothingToWaitFor'; Wait = 'Wait-CvRollout nope*' }
        @{ Kind = '-Command'; ErrorId = 'ContainerVersionNotFound'; Wait = 'Invoke-CvRollback nope -Wait' }
    ) {
        $script = "Import-Module '$PSScriptRoot/../../module/CvManager/CvManager.psd1'; Connect-CvCluster -KubeConfig '$($sandbox.KubeConfig)'`ntry { $Wait } catch { `$_.FullyQualifiedErrorId; throw }`n'next line'"
        if ($Kind -eq '-File') {
            Set-Content -Path 'TestDrive:/step.ps1' -Value $script
            $output = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -File (Convert-Path 'TestDrive:/step.ps1') 2>&1
        }
        else {
            $output = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -Command $script 2>&1
        }
        $LASTEXITCODE | Should -Be 1 -Because "$output"
        "$output" | Should -Match "\b$ErrorId,"
        "$output" | Should -Not -Match 'next line'
        Resume-ContainerVersion myappcv
        $null = Start-CvReconcile -Wait -Timeout 1m
    }

    It 'warns within 15 seconds if no controller reconciles' {
        Set-ContainerVersion myappcv -PollInterval 60
        $started = [datetime]::UtcNow
        $warnings = try {
            Wait-CvRollout myappcv -Timeout 16 3>&1 6>$null | ForEach-Object { @{ Text = "$_"; After = [datetime]::UtcNow - $started } }
        }
        catch {
            $_.FullyQualifiedErrorId | Should -Match '^RolloutWaitTimedOut,'
        }
        $warnings | Should -HaveCount 1
        $warnings.Text | Should -Match 'default/myappcv'
        $warnings.After.TotalSeconds | Should -BeLessThan 15
        $null = Start-CvReconcile -Wait -Timeout 1m
    }
}
