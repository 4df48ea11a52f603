#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# The scripts of the workflows, as far as they run without the service. PackageTests.cs runs it.

BeforeDiscovery {
    $root = [IO.Path]::GetFullPath("$PSScriptRoot/../../..")
    Add-Type -Path "$root/module/CvManager/bin/YamlDotNet.dll"
    $steps = foreach ($file in Get-ChildItem "$root/.github/workflows" -Filter *.yml) {
        $workflow = [YamlDotNet.Serialization.DeserializerBuilder]::new().Build().Deserialize([IO.StringReader]::new((Get-Content $file -Raw)))
        foreach ($job in $workflow['jobs'].GetEnumerator()) {
            foreach ($step in $job.Value['steps']) {
                if ($step -and $step['run']) {
                    @{ Workflow = $file.BaseName; Job = $job.Key; Step = $step['name']; Script = $step['run'] }
                }
            }
        }
    }
    $ofRelease = @{}
    $steps | Where-Object Workflow -EQ 'release' | ForEach-Object { $ofRelease["$($_.Job)/$($_.Step)"] = $_.Script }
}

Describe 'The script of <Workflow>/<Job>: <Step>' -ForEach $steps {
    It 'is valid bash' {
        $Script | bash -n
        $LASTEXITCODE | Should -Be 0
    }

    It 'has no warnings of shellcheck' -Skip:(-not (Get-Command shellcheck -ErrorAction Ignore)) {
        $warnings = $Script | shellcheck --shell bash -
        $LASTEXITCODE | Should -Be 0 -Because ($warnings -join "`n")
    }
}

Describe 'A release' -ForEach @{ Scripts = $ofRelease } {
    BeforeAll {
        $root = [IO.Path]::GetFullPath("$PSScriptRoot/../../..")
        $version = ([xml](Get-Content "$root/Directory.Build.props" -Raw)).Project.PropertyGroup.Version
        # The pwsh of this session, as a program of that name.
        $programs = New-Item (Join-Path $TestDrive 'programs') -ItemType Directory
        $command = @([Environment]::ProcessPath)
        if ([IO.Path]::GetFileNameWithoutExtension($command[0]) -eq 'dotnet') { $command += Join-Path $PSHOME 'pwsh.dll' }
        Set-Content "$programs/pwsh" "#!/bin/sh`nexec $(($command | ForEach-Object { "'$_'" }) -join ' ') `"`$@`""
        chmod +x "$programs/pwsh"
        $env:PATH = "$programs$([IO.Path]::PathSeparator)$env:PATH"

        # A program that appends its arguments to a file, and then does what a line of bash says.
        function Set-Program([string] $name, [string] $action) {
            Set-Content "$programs/$name" "#!/bin/bash`necho `"`$*`" >> '$TestDrive/$name.log'`n$action"
            chmod +x "$programs/$name"
        }

        # Runs the script of a step as GitHub does, in a copy of what the tasks read, and returns the exit code.
        function Invoke-Step([string] $step, [hashtable] $environment) {
            foreach ($name in $environment.Keys) { [Environment]::SetEnvironmentVariable($name, $environment[$name]) }
            Push-Location $copy
            try {
                $script:output = bash --noprofile --norc -eo pipefail -c $Scripts[$step] 2>&1
                $LASTEXITCODE
            }
            finally {
                Pop-Location
            }
        }
    }

    BeforeEach {
        $copy = New-Item (Join-Path $TestDrive ([guid]::NewGuid())) -ItemType Directory
        Copy-Item "$root/build.ps1", "$root/Directory.Build.props" $copy
        Set-Content "$copy/CHANGELOG.md" "# Changelog`n`n## [$version] - 2026-01-02`n`n### Added`n`n- One.`n`n## [0.0.1] - 2026-01-01`n`n- Zero."
        # Packages with their checksums.
        $null = New-Item "$copy/artifacts/CvManager" -ItemType Directory
        Set-Content "$copy/artifacts/CvManager/one.txt", "$copy/artifacts/two.nupkg" 'text'
        $sum = (Get-FileHash "$copy/artifacts/two.nupkg").Hash.ToLowerInvariant()
        [IO.File]::WriteAllText("$copy/artifacts/SHA256SUMS", "$sum  CvManager/one.txt`n$sum  two.nupkg`n")
        $digest = (Get-FileHash "$copy/artifacts/SHA256SUMS").Hash.ToLowerInvariant()
    }

    It 'has the tag of the version' {
        Invoke-Step 'verify/Verify' @{ GITHUB_REF_NAME = "v$version"; GITHUB_OUTPUT = "$copy/output" } | Should -Be 0 -Because ($output -join "`n")
        Get-Content "$copy/output" | Should -Be "version=$version"
    }

    It 'is refused for the tag <_>' -ForEach 'v99.0.0', 'v', '0.1.0', 'v0.1.0-rc.1' {
        Invoke-Step 'verify/Verify' @{ GITHUB_REF_NAME = $_; GITHUB_OUTPUT = "$copy/output" } | Should -Not -Be 0
        $output -join "`n" | Should -BeLike '*does not match the version*'
    }

    It 'is refused if the changelog has no section for it' {
        (Get-Content "$copy/CHANGELOG.md" -Raw).Replace("[$version] - 2026-01-02", '[Unreleased]') | Set-Content "$copy/CHANGELOG.md"
        Invoke-Step 'verify/Verify' @{ GITHUB_REF_NAME = "v$version"; GITHUB_OUTPUT = "$copy/output" } | Should -Not -Be 0
        $output -join "`n" | Should -BeLike '*Unreleased*'
    }

    It 'has the newest section of the changelog as its notes' {
        Invoke-Step 'release/Notes' @{} | Should -Be 0 -Because ($output -join "`n")
        Get-Content "$copy/notes.md" | Should -Be '### Added', '', '- One.'
    }

    It 'has the files that were tested' {
        Invoke-Step 'release/Check' @{ DIGEST = $digest } | Should -Be 0 -Because ($output -join "`n")
    }

    It 'is refused if <Case>' -ForEach @(
        @{ Case = 'a file was changed'; Change = { Set-Content "$copy/artifacts/CvManager/one.txt" 'other' } }
        @{ Case = 'a file was removed'; Change = { Remove-Item "$copy/artifacts/two.nupkg" } }
        @{ Case = 'a file was added'; Change = { Set-Content "$copy/artifacts/three.nupkg" 'text' } }
        @{ Case = 'the checksums were changed as well'; Change = {
                Remove-Item "$copy/artifacts/two.nupkg"
                Get-Content "$copy/artifacts/SHA256SUMS" -TotalCount 1 | Set-Content "$copy/artifacts/SHA256SUMS"
            }
        }
        @{ Case = 'the digest is not known'; Change = { $script:digest = '' } }
    ) {
        $script:digest = $digest
        . $Change
        foreach ($job in 'test', 'release') {
            Invoke-Step "$job/Check" @{ DIGEST = $script:digest } | Should -Not -Be 0 -Because $job
        }
    }

    It 'looks up the digest of the base that the Dockerfile names' {
        $digest = 'sha256:' + '01' * 32
        Set-Program docker "echo '{`"digest`": `"$digest`"}'"
        $null = New-Item "$copy/deploy/docker" -ItemType Directory
        Copy-Item "$root/deploy/docker/Dockerfile" "$copy/deploy/docker"
        Invoke-Step 'image/Base' @{ GITHUB_OUTPUT = "$copy/output" } | Should -Be 0 -Because ($output -join "`n")
        $name = [regex]::Match((Get-Content "$root/deploy/docker/Dockerfile" -Raw), '(?m)^FROM (\S+:\S+) AS').Groups[1].Value
        Get-Content "$copy/output" | Should -Be "name=$name", "digest=$digest"
        Get-Content "$TestDrive/docker.log" -Tail 1 | Should -BeLike "*inspect $name *"
    }

    It 'has no image if the digest of the base is not known' {
        Set-Program docker 'echo "{}"'
        $null = New-Item "$copy/deploy/docker" -ItemType Directory
        Copy-Item "$root/deploy/docker/Dockerfile" "$copy/deploy/docker"
        Invoke-Step 'image/Base' @{ GITHUB_OUTPUT = "$copy/output" } | Should -Not -Be 0
    }

    It 'fails if the tag of the image is not the digest that was signed' {
        $signed = 'sha256:' + '01' * 32
        $step = @{ IMAGE = 'ghcr.io/cvmanager/cvmanager'; VERSION = $version; DIGEST = $signed }
        Set-Program docker "echo '{`"digest`": `"$signed`"}'"
        Invoke-Step 'image/Tag' $step | Should -Be 0 -Because ($output -join "`n")
        (Get-Content "$TestDrive/docker.log" -Tail 2)[0] | Should -Be "buildx imagetools create --tag ghcr.io/cvmanager/cvmanager:$version ghcr.io/cvmanager/cvmanager@$signed"
        Set-Program docker "echo '{`"digest`": `"sha256:$('02' * 32)`"}'"
        Invoke-Step 'image/Tag' $step | Should -Not -Be 0
    }

    It 'signs the digest that the registry has for the chart' {
        $step = @{ CHARTS = 'ghcr.io/cvmanager/charts'; VERSION = $version; GITHUB_OUTPUT = "$copy/output" }
        $null = New-Item "$copy/chart" -ItemType Directory
        Set-Program helm "echo 'Pushed: ghcr.io/cvmanager/charts/cvmanager:$version'; echo 'Digest: sha256:$('01' * 32)'"
        Invoke-Step 'chart/Push' $step | Should -Be 0 -Because ($output -join "`n")
        Get-Content "$copy/output" | Should -Be "digest=sha256:$('01' * 32)"
        Get-Content "$TestDrive/helm.log" -Tail 1 | Should -Be "push chart/cvmanager-$version.tgz oci://ghcr.io/cvmanager/charts"
        Set-Program helm 'true'
        Invoke-Step 'chart/Push' $step | Should -Not -Be 0 -Because 'the digest is not known'
    }
}
