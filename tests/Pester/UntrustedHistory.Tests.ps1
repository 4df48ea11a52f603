#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $sandbox = Start-CvSandbox
    Install-CvController -CrdOnly
}

AfterAll {
    Stop-CvSandbox
}

Describe 'An untrusted history' {
    BeforeAll {
        # All quotes that PowerShell accepts, and escape sequences of terminals.
        $strange = @(foreach ($quote in [char[]](0x27, 0x2018, 0x2019, 0x201a, 0x201b, 0x22, 0x201c, 0x201d, 0x201e)) { "x$quote;Set-Variable hacked 1;$quote" }) +
            '$(Set-Variable hacked 1)', '-Force', "y`e[31mred", "z`nSet-Variable hacked 1"
        $records = foreach ($value in $strange) {
            @{
                id = $value; cv = 'strange'; kind = 'Deployment'; name = 'strange'; container = 'main'; toVersion = $value; outcome = 'Succeeded'
                started = '2026-01-01T00:00:00Z'; finished = '2026-01-01T00:00:00Z'; reason = "`e]0;title`a`e[2J`e[1;31mSHOWN"; who = "root`e[8m"
            }
        }
        $configMap = @{
            apiVersion = 'v1'; kind = 'ConfigMap'; data = @{ records = ConvertTo-Json @($records) }
            metadata = @{ name = 'strange.history'; labels = @{ 'app.kubernetes.io/managed-by' = 'cvmanager'; 'app.kubernetes.io/component' = 'history' } }
        }
        $token = [regex]::Match((Get-Content -Raw $sandbox.KubeConfig), 'token: "(.+)"').Groups[1].Value
        $null = Invoke-RestMethod -Method Post "$($sandbox.Server)/api/v1/namespaces/kube-public/configmaps" -SkipCertificateCheck `
            -Headers @{ Authorization = "Bearer $token" } -ContentType 'application/json; charset=utf-8' -Body (ConvertTo-Json $configMap -Depth 5)
    }

    It 'is completed for -<_> as one string each' -ForEach 'ToVersion', 'ToRecord' {
        $line = "Invoke-CvRollback strange -Namespace kube-public -$_ "
        $offered = [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches
        $values = foreach ($match in $offered) {
            $errors = $null
            $read = [System.Management.Automation.Language.Parser]::ParseInput($line + $match.CompletionText, [ref]$null, [ref]$errors)
            $errors | Should -BeNullOrEmpty
            $read.EndBlock.Statements | Should -HaveCount 1
            $read.EndBlock.Statements[0].PipelineElements | Should -HaveCount 1
            $arguments = $read.EndBlock.Statements[0].PipelineElements[0].CommandElements
            $arguments | Should -HaveCount 6
            $arguments[5] | Should -BeOfType System.Management.Automation.Language.StringConstantExpressionAst
            $arguments[5].Value
        }
        $values | Sort-Object -CaseSensitive -Culture '' | Should -Be ($strange | Sort-Object -CaseSensitive -Culture '')
        "$($offered.CompletionText)$($offered.ListItemText)$($offered.ToolTip)" | Should -Not -Match '[\x00-\x1f\x7f]'
    }

    It 'is shown by <_> without its control characters' -ForEach 'Format-Table', 'Format-List', 'Format-Table *' {
        $rendering = $PSStyle.OutputRendering
        try {
            # As at a prompt: with plain text rendering, all escape sequences would be removed.
            $PSStyle.OutputRendering = 'Ansi'
            $shown = & ([scriptblock]::Create("Get-CvRolloutHistory strange -Namespace kube-public | $_ | Out-String -Width 4000"))
        }
        finally {
            $PSStyle.OutputRendering = $rendering
        }
        $shown | Should -Match ($_ -eq 'Format-Table' ? 'strange' : 'SHOWN')
        $shown | Should -Not -Match '\e\[2J|\e\[8m|\e\[31m|\e\[1;31m|\e\]|\a'
    }
}
