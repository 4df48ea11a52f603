#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# examples/cvm-example in a sandbox. tests/Node builds its images, and runs its pipeline and its gate.

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $root = [IO.Path]::GetFullPath("$PSScriptRoot/../..")
}

Describe 'The example application' {
    It 'works in a sandbox, as its README says' {
        $commands = [regex]::Matches((Get-Content -Raw "$root/examples/cvm-example/README.md"), '(?s)```powershell\r?\n(.*?)```') | ForEach-Object { $_.Groups[1].Value }
        $commands | Should -Not -BeNullOrEmpty
        Push-Location $root
        try {
            $script = "`$ErrorActionPreference = 'Stop'`n$commands`nGet-CvWorkload -AllNamespaces | ForEach-Object { `"`$(`$_.Namespace) runs `$(`$_.Version)`" }; Stop-CvSandbox"
            $output = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -NonInteractive -Command $script 2>&1
            $LASTEXITCODE | Should -Be 0 -Because ($output -join "`n")
        }
        finally {
            Pop-Location
        }
        $output | Should -Contain 'demo runs 5d6e7f8'
        $output | Should -Contain 'prod runs 5d6e7f8'
    }

    It 'follows its two tags, with a gate in prod that the pipeline moves' {
        $demo, $prod = 'demo', 'prod' | ForEach-Object { Get-Content -Raw "$root/examples/cvm-example/deploy/$_.yaml" | Test-ContainerVersion }
        $demo.Valid, $prod.Valid | Should -Be $true, $true
        # But for the environment, the number of pods and the gate, they are the same.
        $differences = Compare-Object (Get-Content "$root/examples/cvm-example/deploy/demo.yaml") (Get-Content "$root/examples/cvm-example/deploy/prod.yaml")
        $differences.InputObject | Where-Object { $_ -notmatch '^ *#|demo|prod|replicas|verify|kind: Image|-tests$|timeoutSeconds: 120' } | Should -BeNullOrEmpty
    }
}
