#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# The scripts of action.yml and of examples/, taken from their files and run as their services do, against a registry.

BeforeAll {
    . $PSScriptRoot/Start-Registry.ps1
    $root = [IO.Path]::GetFullPath("$PSScriptRoot/../..")
    Add-Type -Path "$root/module/CvManager/bin/YamlDotNet.dll"

    function Read-Yaml([string] $path) {
        [YamlDotNet.Serialization.DeserializerBuilder]::new().Build().Deserialize([IO.StringReader]::new((Get-Content "$root/$path" -Raw)))
    }

    # Runs a pwsh step in a process of its own: both services stop at the first error. The module of this build is found, so nothing is installed.
    function Invoke-Step([string] $script, [hashtable] $environment) {
        $file = Join-Path $TestDrive "$([guid]::NewGuid()).ps1"
        Set-Content $file "`$ErrorActionPreference = 'stop'`n$script`nif ((Test-Path -LiteralPath variable:\LASTEXITCODE)) { exit `$LASTEXITCODE }"
        $former = @{ PSModulePath = $env:PSModulePath }
        $environment.Keys | ForEach-Object { $former[$_] = [Environment]::GetEnvironmentVariable($_) }
        try {
            $env:PSModulePath = "$root/module$([IO.Path]::PathSeparator)$env:PSModulePath"
            $environment.Keys | ForEach-Object { [Environment]::SetEnvironmentVariable($_, $environment[$_]) }
            $output = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -NonInteractive -Command ". '$file'" 2>&1
            [pscustomobject]@{ ExitCode = $LASTEXITCODE; Output = $output -join "`n" }
        }
        finally {
            $former.Keys | ForEach-Object { [Environment]::SetEnvironmentVariable($_, $former[$_]) }
        }
    }

    # The environment of a step with the expressions of the service replaced.
    function Get-StepEnvironment($step, [scriptblock] $evaluate) {
        $environment = @{}
        foreach ($name in $step['env'].Keys) {
            $environment[$name] = [regex]::Replace($step['env'][$name], '\$\{\{ *(.*?) *\}\}', { param($match) & $evaluate $match.Groups[1].Value })
        }
        $environment
    }

    $null = Add-CvSandboxImage -Repository $repository -Tag '1a2b3c4', 'demo'
    $next = Add-CvSandboxImage -Repository $repository -Tag '5d6e7f8'
    function Reset-Tag { Add-CvRegistryTag $repository -Version '1a2b3c4' -Tag demo }
}

AfterAll {
    Stop-CvSandbox
}

Describe 'The action' {
    BeforeAll {
        $action = Read-Yaml 'action.yml'
        $steps = $action['runs']['steps']

        function Invoke-Action([hashtable] $with) {
            $inputs = @{}
            foreach ($name in $action['inputs'].Keys) {
                $inputs[$name] = $with.ContainsKey($name) ? $with[$name] : "$($action['inputs'][$name]['default'])"
            }
            $outputs = Join-Path $TestDrive "$([guid]::NewGuid()).txt"
            foreach ($step in $steps) {
                if ($step['if'] -and -not $inputs['container-version']) { continue }
                $environment = Get-StepEnvironment $step { param($expression) $inputs[($expression -replace '^inputs\.')] }
                $environment.GITHUB_OUTPUT = $outputs
                $environment.GITHUB_ACTIONS = 'true'
                $result = Invoke-Step $step['run'] $environment
                if ($result.ExitCode -ne 0) { break }
            }
            $result | Add-Member Outputs "$(Get-Content $outputs -Raw -ErrorAction Ignore)" -PassThru
        }
    }

    BeforeEach {
        Reset-Tag
    }

    It 'uses each of its inputs, and no others' {
        $used = [regex]::Matches((Get-Content "$root/action.yml" -Raw), '\$\{\{ inputs\.([\w-]+) \}\}|if: inputs\.([\w-]+)') |
            ForEach-Object { $_.Groups[1].Value + $_.Groups[2].Value } | Sort-Object -Unique
        $used | Should -Be ($action['inputs'].Keys | Sort-Object)
    }

    It 'has no expression in a script' {
        foreach ($step in $steps) { $step['run'] | Should -Not -Match '\$\{\{' }
    }

    It 'moves tags, and returns the digest' {
        $result = Invoke-Action @{ repository = $repository; version = '5d6e7f8'; tags = 'demo, qa' }
        $result.ExitCode | Should -Be 0 -Because $result.Output
        $result.Outputs.Trim() | Should -Be "digest=$($next.Digest)"
        (Get-CvRegistryTag $repository demo, qa).Version | Should -Be '5d6e7f8', '5d6e7f8'
    }

    It 'fails for a version that does not exist, with an annotation' {
        $result = Invoke-Action @{ repository = $repository; version = 'fffffff'; tags = 'demo' }
        $result.ExitCode | Should -Be 1
        $result.Output | Should -Match '(?m)^::error title=RegistryVersionNotFound::'
        (Get-CvRegistryTag $repository demo).Version | Should -Be '1a2b3c4'
    }

    It 'takes <_> for data' -ForEach '5d6e7f8; New-Item ran', '$(New-Item ran)', "5d6e7f8'; New-Item ran; '", '`New-Item ran`' {
        Push-Location (New-Item (Join-Path $TestDrive ([guid]::NewGuid())) -ItemType Directory)
        try {
            (Invoke-Action @{ repository = $repository; version = $_; tags = 'demo' }).ExitCode | Should -Be 1
            (Invoke-Action @{ repository = $repository; version = '5d6e7f8'; tags = $_ }).ExitCode | Should -Be 1
            Get-ChildItem | Should -BeNullOrEmpty
        }
        finally {
            Pop-Location
        }
    }
}

Describe 'The examples for CI services' {
    BeforeEach {
        Reset-Tag
    }

    AfterEach {
        (Get-CvRegistryTag $repository demo).Version | Should -Be '5d6e7f8'
    }

    It 'work in GitHub Actions without the action' {
        $step = (Read-Yaml 'examples/github-actions/release-pwsh.yml')['jobs']['release']['steps'] | Where-Object { $_['run'] }
        $result = Invoke-Step $step['run'] @{ REPOSITORY = $repository; GITHUB_SHA = '5d6e7f8'; GITHUB_ACTIONS = 'true' }
        $result.ExitCode | Should -Be 0 -Because $result.Output
    }

    It 'use the action with inputs that it has: <_>' -ForEach 'github-actions', 'cvm-example/.github/workflows' {
        $jobs = (Read-Yaml "examples/$_/release.yml")['jobs']
        $steps = $jobs.Keys | ForEach-Object { $jobs[$_]['steps'] } | Where-Object { "$($_['uses'])" -like 'cvmanager/*' }
        $inputs = (Read-Yaml 'action.yml')['inputs']
        $steps | Should -Not -BeNullOrEmpty
        foreach ($step in $steps) {
            foreach ($name in $step['with'].Keys) { $inputs.Keys | Should -Contain $name }
            foreach ($name in $inputs.Keys | Where-Object { $inputs[$_]['required'] -eq 'true' }) { $step['with'].Keys | Should -Contain $name }
        }
        Add-CvRegistryTag $repository -Version '5d6e7f8' -Tag demo
    }

    It 'work in Azure Pipelines' {
        $pipeline = Read-Yaml 'examples/azure-pipelines/azure-pipelines.yml'
        $template = Read-Yaml 'examples/azure-pipelines/move-tag.yml'
        $call = $pipeline['steps'] | Where-Object { $_['template'] }
        $call['template'] | Should -Be 'move-tag.yml'
        $call['parameters'].Keys | Sort-Object | Should -Be ($template['parameters'] | ForEach-Object { $_['name'] } | Sort-Object)

        $step = $template['steps'][0]
        $values = @{ 'parameters.repository' = $repository; 'parameters.version' = '5d6e7f8'; "join(',', parameters.tags)" = $call['parameters']['tags'] -join ',' }
        $environment = Get-StepEnvironment $step { param($expression) $values[$expression] }
        $environment.TF_BUILD = 'True'
        $result = Invoke-Step $step['pwsh'] $environment
        $result.ExitCode | Should -Be 0 -Because $result.Output
    }

    It 'work in GitLab' {
        $script = (Read-Yaml 'examples/gitlab-ci/.gitlab-ci.yml')['release']['script'][0]
        $script | Should -Be 'pwsh -NoProfile -NonInteractive -File ./release.ps1'
        $environment = @{ CI_REGISTRY_IMAGE = $repository; CI_COMMIT_SHA = '5d6e7f8'; CI_REGISTRY_USER = 'job'; CI_REGISTRY_PASSWORD = 'token' }
        $result = Invoke-Step (Get-Content "$root/examples/gitlab-ci/release.ps1" -Raw) $environment
        $result.ExitCode | Should -Be 0 -Because $result.Output
    }

    It 'work in CircleCI, with the arguments of the image' {
        $null = Add-CvSandboxImage -Repository "$repository-tests" -Tag '5d6e7f8'
        $jobs = (Read-Yaml 'examples/circleci/config.yml')['jobs']
        $steps = foreach ($job in 'release', 'promote') { $jobs[$job]['steps'] | Where-Object { $_ -isnot [string] -and $_['run']['name'] -like 'Move the tag *' } }
        $steps | Should -HaveCount 3
        $env:PSModulePath, $former = "$root/module$([IO.Path]::PathSeparator)$env:PSModulePath", $env:PSModulePath
        try {
            foreach ($step in $steps) {
                # What follows the name of the image, as the shell passes it to the entry point of the image: pwsh -Command.
                $arguments = $step['run']['command'] -replace '\\\r?\n' -replace '(?s)^.*ghcr\.io/cvmanager/cvmanager\s+'
                $arguments = $arguments -replace '"\$ECR_ENDPOINT/nearmap/cvm-example([\w-]*)"', "$repository`$1" -replace '"\$CIRCLE_SHA1"', '5d6e7f8'
                $output = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoLogo -NoProfile -NonInteractive -Command @($arguments.Trim() -split '\s+') 2>&1
                $LASTEXITCODE | Should -Be 0 -Because "$output"
            }
        }
        finally {
            $env:PSModulePath = $former
        }
        (Get-CvRegistryTag $repository prod).Version | Should -Be '5d6e7f8'
        (Get-CvRegistryTag "$repository-tests" prod).Version | Should -Be '5d6e7f8'
    }
}
