#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# What build.ps1 makes and publishes, and what users get who install it. PackageTests.cs runs it. With CVM_PACKAGES, the packages in that folder
# are tested: in a release, those that will be published. On Linux, also what is in the image.

BeforeDiscovery {
    $modules = 'CvManager', 'CvManager.Sandbox'
}

BeforeAll {
    $root = [IO.Path]::GetFullPath("$PSScriptRoot/../../..")
    if ($env:CVM_PACKAGES) {
        $packages = [IO.Path]::GetFullPath($env:CVM_PACKAGES, $root)
    }
    else {
        $packages = Join-Path $TestDrive 'packages'
        & "$root/build.ps1" -Task Pack -Output $packages
    }
    # For Test-ModuleManifest, which looks there for the modules that a module requires.
    $env:PSModulePath = $packages + [IO.Path]::PathSeparator + $env:PSModulePath

    # Runs a script in a new process whose user has no modules and no settings.
    function Invoke-AsNewUser([string] $script) {
        $before = $env:HOME, $env:XDG_DATA_HOME, $env:XDG_CACHE_HOME, $env:XDG_CONFIG_HOME, $env:PSModulePath
        $env:HOME = Join-Path $TestDrive 'home'
        $env:XDG_DATA_HOME = $env:XDG_CACHE_HOME = $env:XDG_CONFIG_HOME = $env:PSModulePath = $null
        try {
            & "$PSScriptRoot/../Invoke-Pwsh.ps1" -NoProfile -NonInteractive -Command "`$ErrorActionPreference = 'Stop'; $script" 2>&1
        }
        finally {
            $env:HOME, $env:XDG_DATA_HOME, $env:XDG_CACHE_HOME, $env:XDG_CONFIG_HOME, $env:PSModulePath = $before
        }
    }
}

Describe 'The package of <_>' -ForEach $modules {
    BeforeAll {
        $folder = Join-Path $packages $_
        $files = Get-ChildItem $folder -File -Recurse | ForEach-Object { [IO.Path]::GetRelativePath($folder, $_.FullName).Replace('\', '/') }
        $manifest = Test-ModuleManifest (Join-Path $folder "$_.psd1") -WarningVariable warnings -ErrorAction Stop
    }

    It 'contains exactly the files that are listed for it' {
        $expected = Get-Content (Join-Path $PSScriptRoot "$_.txt")
        ($files | Sort-Object) -join "`n" | Should -BeExactly (($expected | Sort-Object) -join "`n")
    }

    It 'has a complete manifest' {
        $warnings | Should -BeNullOrEmpty
        $manifest.FileList | ForEach-Object { [IO.Path]::GetRelativePath($folder, $_).Replace('\', '/') } | Sort-Object | Should -Be ($files | Sort-Object)
        $manifest.ProjectUri | Should -Be 'https://github.com/cvmanager/cvmanager'
        foreach ($uri in $manifest.LicenseUri, $manifest.IconUri) {
            # The file of the repository that the address refers to.
            Join-Path $root ($uri.AbsolutePath -replace '^/cvmanager/cvmanager/(blob/)?main/') | Should -Exist
        }
        $manifest.Tags | Should -Contain 'PSEdition_Core'
        $manifest.ReleaseNotes | Should -Match '^### '
        $manifest.ReleaseNotes | Should -Not -Match '(?m)^## '
        $manifest.Description, $manifest.Author, $manifest.CompanyName, $manifest.Copyright | Should -Not -BeNullOrEmpty
    }
}

Describe 'A repository' {
    BeforeAll {
        $repository = New-Item (Join-Path $TestDrive 'repository') -ItemType Directory
        $null = New-Item (Join-Path $TestDrive 'home') -ItemType Directory
        $published = Invoke-AsNewUser @"
            Register-PSResourceRepository -Name Local -Uri '$repository' -Trusted
            & '$root/build.ps1' -Task Publish -Output '$packages' -Repository Local
            # As when a release is run again.
            & '$root/build.ps1' -Task Publish -Output '$packages' -Repository Local
            Find-PSResource CvManager.Sandbox -Repository Local | ForEach-Object { "Depends on `$(`$_.Dependencies.Name) `$(`$_.Dependencies.VersionRange)" }
"@
    }

    It 'takes both packages, and knows that the sandbox depends on CvManager' {
        $version = ([xml](Get-Content "$root/Directory.Build.props" -Raw)).Project.PropertyGroup.Version
        $published[-1] | Should -Be "Depends on CvManager [$version, $version]" -Because ($published -join "`n")
        $published | Should -HaveCount 5
    }

    It 'has exactly the files that were tested' {
        $hashes = Get-ChildItem $repository -File | Sort-Object Name | Get-FileHash
        $hashes | Should -HaveCount 2
        $hashes.Hash | Should -Be (Get-ChildItem $packages -Filter *.nupkg | Sort-Object Name | Get-FileHash).Hash
    }

    It 'installs both, so that the quickstart finds them by name' {
        $output = Invoke-AsNewUser @"
            Install-PSResource CvManager.Sandbox -Repository Local
            & '$root/examples/quickstart.ps1' -Module CvManager, CvManager.Sandbox
            Get-Module CvManager* | ForEach-Object { "Imported from `$(`$_.Path)" }
"@
        $LASTEXITCODE | Should -Be 0 -Because ($output -join "`n")
        $output | Where-Object { $_ -like "Imported from $(Join-Path $TestDrive 'home')*" } | Should -HaveCount 2 -Because ($output -join "`n")
    }
}

Describe 'The software bill of materials of the image' -Skip:(-not $IsLinux) {
    BeforeAll {
        $base = [regex]::Match((Get-Content "$root/deploy/docker/Dockerfile" -Raw), '(?m)^FROM (\S+) AS dotnet$').Groups[1].Value
        $digest = 'sha256:' + '0123456789abcdef' * 4
        & "$root/build.ps1" -Task Image -Output $packages -Platform amd64
        & "$root/build.ps1" -Task Sbom -Output $packages -Base "$base@$digest"
        $context = "$packages-image"
        $text = [IO.File]::ReadAllText("$context/sbom.cdx.json")
        $top = ($text | ConvertFrom-Json).components
        $components = @($top; $top | Where-Object { $_.PSObject.Properties['components'] } | ForEach-Object components)
        $located = @(foreach ($component in $components | Where-Object { $_.PSObject.Properties['evidence'] }) {
                foreach ($location in $component.evidence.occurrences.location) { @{ Component = $component; Location = $location } }
            })
        # Where the Dockerfile copies the folders of the build context to.
        $copies = [ordered]@{}
        foreach ($copy in Select-String -Path "$root/deploy/docker/Dockerfile" -Pattern '^COPY (\S+) (\S+)$') {
            $copies[$copy.Matches[0].Groups[2].Value] = Join-Path $context $copy.Matches[0].Groups[1].Value.Replace('${TARGETARCH}', 'amd64')
        }
        $files = foreach ($target in $copies.Keys) {
            foreach ($file in Get-ChildItem $copies[$target] -File -Recurse) {
                "$target/$([IO.Path]::GetRelativePath($copies[$target], $file.FullName))"
            }
        }
        $nuget = (dotnet nuget locals global-packages --list) -replace '^global-packages: '

        # The versions that the repository asks for.
        $tools = (Get-Content "$root/.config/dotnet-tools.json" -Raw | ConvertFrom-Json).tools
        $pester = ([xml](Get-Content "$root/deploy/docker/PowerShell.csproj" -Raw)).SelectSingleNode('//PesterVersion').InnerText
    }

    It 'is valid CycloneDX' {
        # The validator of the tool, beside other versions of its assemblies in PowerShell.
        $loader = [Runtime.Loader.AssemblyLoadContext]::new('CycloneDX')
        $assemblies = Get-ChildItem "$nuget/cyclonedx/$($tools.cyclonedx.version)/tools/net10.0/any" -Filter *.dll | ForEach-Object { $loader.LoadFromAssemblyPath($_) }
        $library = $assemblies | Where-Object { $_.GetName().Name -eq 'CycloneDX.Core' }
        $format = $library.GetType('CycloneDX.SpecificationVersion')
        $result = $library.GetType('CycloneDX.Json.Validator').GetMethod('Validate', [type[]]([string], $format)).Invoke($null, @($text, [Enum]::Parse($format, 'v1_6')))
        $result.Valid | Should -BeTrue -Because ($result.Messages -join "`n")
    }

    It 'names one component for each assembly that is not of this project' {
        $foreign = $files | Where-Object { $_ -match '\.(dll|so)$' -and $_ -notmatch '/CvManager\.\w+\.dll$' }
        $foreign.Count | Should -BeGreaterThan 100
        ($located.Location -match '\.(dll|so)$' | Sort-Object) -join "`n" | Should -BeExactly (($foreign | Sort-Object) -join "`n")
    }

    It 'lists nothing that is not in the image' {
        $located.Location | Where-Object { $_ -notin $files } | Should -BeNullOrEmpty
        $components | Where-Object { -not $_.PSObject.Properties['evidence'] -and $_.type -notin 'container', 'framework' } | Should -BeNullOrEmpty
    }

    It 'has the versions of the packages whose files the module contains' {
        $ofModule = $located | Where-Object { $_.Location -like '*/Modules/CvManager/*' }
        $ofModule | Should -Not -BeNullOrEmpty
        foreach ($file in $ofModule) {
            $shipped = Get-FileHash (Join-Path $context ($file.Location -replace '^.*/Modules/', 'modules/'))
            $package = "$nuget/$($file.Component.name)/$($file.Component.version)".ToLowerInvariant()
            (Get-ChildItem "$package/lib" -File -Recurse | Get-FileHash).Hash | Should -Contain $shipped.Hash -Because $file.Location
            $file.Component.licenses | Should -Not -BeNullOrEmpty -Because $file.Component.name
        }
    }

    It 'has PowerShell, Pester and the base image' {
        ($top | Where-Object name -EQ 'PowerShell').version | Should -Be $tools.powershell.version
        ($top | Where-Object name -EQ 'Pester').version | Should -Be $pester
        ($top | Where-Object type -EQ 'container').name | Should -Be ($base -replace ':.*')
        ($top | Where-Object type -EQ 'container').version | Should -Be $digest
    }
}
