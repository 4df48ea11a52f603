#requires -Version 7.4
<#
.SYNOPSIS
Makes, checks and publishes the packages of the modules.
.DESCRIPTION
    dotnet tool restore
    dotnet tool run pwsh ./build.ps1 -Task Pack

Pack builds CvManager and CvManager.Sandbox in the Release configuration. It writes a folder for each with exactly the files to publish, the
package made of it, and SHA256SUMS, which covers all of these files.

Image writes the build context of deploy/docker/Dockerfile beside the output folder, to artifacts-image: PowerShell for each platform, and the module
that Pack made. Building the image of it needs no network but the one to its base.

Sbom writes sbom.cdx.json into that folder: the software bill of materials of the image, as CycloneDX. It lists each package and module with its
version and its files in the image, and the base image. The packages that the base contains are not listed: scan the base for these.

The other tasks are steps of a release (see CONTRIBUTING.md):
Verify fails unless the tag and the newest section of CHANGELOG.md have the version of Directory.Build.props.
Notes returns the newest section of CHANGELOG.md.
Check fails unless the output folder has exactly the files and contents that SHA256SUMS lists.
Publish checks the output folder, and publishes its packages. A package that the repository already has is skipped.
.PARAMETER Output
The folder of the packages. Pack empties it first.
.PARAMETER Tag
For Verify: the tag of the release, v1.2.3.
.PARAMETER Digest
For Check and Publish: the SHA-256 of SHA256SUMS, if it is known from elsewhere.
.PARAMETER Platform
For Image: the architectures.
.PARAMETER Base
For Sbom: the base image, with its digest if it is known. The default is that of the Dockerfile.
.PARAMETER Repository
For Publish: the name of a registered PSResource repository. The API key is $env:PSGALLERY_API_KEY.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [ValidateSet('Pack', 'Image', 'Sbom', 'Verify', 'Notes', 'Check', 'Publish')] [string] $Task,
    [string] $Output = [IO.Path]::Combine($PSScriptRoot, 'artifacts'),
    [string] $Tag,
    [ValidatePattern('^[0-9a-f]{64}$')] [string] $Digest,
    [string] $Repository = 'PSGallery',
    [ValidateSet('amd64', 'arm64')] [string[]] $Platform = ('amd64', 'arm64'),
    [string] $Base
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest
$PSNativeCommandUseErrorActionPreference = $true
$Output = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Output)
$names = 'CvManager', 'CvManager.Sandbox' # the second requires the first
$context = "$($Output.TrimEnd('/', '\'))-image"
$version = ([xml][IO.File]::ReadAllText("$PSScriptRoot/Directory.Build.props")).SelectSingleNode('/Project/PropertyGroup/Version').InnerText

<# The newest section of the changelog: its heading, and its Markdown. #>
function Get-NewestSection {
    $null, $heading, $text, $null = [IO.File]::ReadAllText("$PSScriptRoot/CHANGELOG.md") -split '(?m)^## (.*?)\r?\n', 3
    [pscustomobject]@{ Heading = $heading; Notes = $text.Trim() }
}

<# The files of the output folder but SHA256SUMS, as sha256sum prints them. #>
function Get-Checksum {
    Get-ChildItem $Output -File -Recurse | ForEach-Object { [IO.Path]::GetRelativePath($Output, $_.FullName).Replace('\', '/') } |
        Where-Object { $_ -cne 'SHA256SUMS' } | Sort-Object -Culture '' |
        ForEach-Object { "$((Get-FileHash ([IO.Path]::Combine($Output, $_)) -Algorithm SHA256).Hash.ToLowerInvariant())  $_" }
}

function Assert-Checksum {
    $list = [IO.Path]::Combine($Output, 'SHA256SUMS')
    if ($Digest -and (Get-FileHash $list -Algorithm SHA256).Hash -ne $Digest) {
        throw "The SHA-256 of $list is not ${Digest}: these are not the files that were tested."
    }
    $different = Compare-Object (Get-Content $list) @(Get-Checksum) -CaseSensitive
    if ($different) {
        throw "The files in $Output differ from SHA256SUMS: $(($different.InputObject -replace '^\w+  ' | Sort-Object -Unique) -join ', ')."
    }
}

function Assert-Version {
    if ($Tag -cne "v$version") {
        throw "The tag '$Tag' does not match the version $version of Directory.Build.props. Tag a commit whose version it is."
    }
    $heading = (Get-NewestSection).Heading
    if ($heading -notmatch "^\[$([regex]::Escape($version))\]( - \d{4}-\d\d-\d\d)?$") {
        throw "The newest section of CHANGELOG.md is '$heading'. Name it '[$version]' with the date of the release."
    }
}

function Publish-Package {
    Assert-Checksum
    $key = if ($env:PSGALLERY_API_KEY) { @{ ApiKey = $env:PSGALLERY_API_KEY } } else { @{} }
    foreach ($name in $names) {
        if (Find-PSResource $name -Version $version -Repository $Repository -ErrorAction Ignore) {
            "$name $version is already in $Repository."
            continue
        }
        # The sandbox requires CvManager, which was published just now: a repository may list it only minutes later.
        Publish-PSResource -NupkgPath ([IO.Path]::Combine($Output, "$name.$version.nupkg")) -Repository $Repository -SkipDependenciesCheck @key
        "$name $version was published to $Repository."
    }
}

<# Adds to the manifest in a folder what the build knows: the files, and the release notes. #>
function Complete-Manifest([string] $Folder, [string] $ReleaseNotes) {
    $path = [IO.Path]::Combine($Folder, "$(Split-Path $Folder -Leaf).psd1")
    $files = Get-ChildItem $Folder -File -Recurse | ForEach-Object { [IO.Path]::GetRelativePath($Folder, $_.FullName).Replace('\', '/') }
    $list = ($files | Sort-Object -Culture '' | ForEach-Object { "        '$_'`n" }) -join ''
    $manifest = [IO.File]::ReadAllText($path)
    $manifest = $manifest.Replace("    PrivateData = @{`n", "    FileList = @(`n$list    )`n    PrivateData = @{`n")
    $manifest = $manifest.Replace("        PSData = @{`n", "        PSData = @{`n            ReleaseNotes = @'`n$ReleaseNotes`n'@`n")
    [IO.File]::WriteAllText($path, $manifest)
}

function New-Package {
    if (Test-Path $Output) {
        Remove-Item $Output -Recurse
    }
    $modules = foreach ($name in $names) {
        $folder = New-Item ([IO.Path]::Combine($Output, $name)) -ItemType Directory
        Copy-Item "$PSScriptRoot/module/$name/*" $folder -Include *.psd1, *.psm1, *.ps1xml
        Copy-Item "$PSScriptRoot/LICENSE", "$PSScriptRoot/THIRD-PARTY-NOTICES.txt", "$PSScriptRoot/README.md", "$PSScriptRoot/docs/icon/icon.png" $folder
        $folder.FullName
    }

    # Deterministic, whatever is left of earlier builds.
    dotnet build "$PSScriptRoot/src/CvManager.HelpWriter" --configuration Release --no-incremental -nologo -verbosity:quiet `
        "-property:ModulesFolder=$Output/" -property:ContinuousIntegrationBuild=true | Out-Host
    Remove-Item $modules -Recurse -Include *.pdb

    $notes = (Get-NewestSection).Notes
    $modulePath = $env:PSModulePath
    # Compress-PSResource looks there for the modules that a module requires.
    $env:PSModulePath = $Output + [IO.Path]::PathSeparator + $modulePath
    try {
        foreach ($folder in $modules) {
            Complete-Manifest $folder $notes
            Get-Item $folder
            Compress-PSResource $folder -DestinationPath $Output -PassThru
        }
    }
    finally {
        $env:PSModulePath = $modulePath
    }
    $sums = (Get-Checksum | ForEach-Object { "$_`n" }) -join ''
    [IO.File]::WriteAllText([IO.Path]::Combine($Output, 'SHA256SUMS'), $sums)
}

function New-ImageContext {
    $module = [IO.Path]::Combine($Output, 'CvManager')
    if (-not (Test-Path $module)) {
        throw "$module does not exist. Run build.ps1 -Task Pack first."
    }
    if (Test-Path $context) {
        Remove-Item $context -Recurse
    }
    $modules = New-Item ([IO.Path]::Combine($context, 'modules')) -ItemType Directory
    Copy-Item $module $modules -Recurse
    $runtimes = @{ amd64 = 'linux-x64'; arm64 = 'linux-arm64' }
    foreach ($name in $Platform) {
        $folder = [IO.Path]::Combine($context, $name, 'powershell')
        dotnet publish "$PSScriptRoot/deploy/docker" --configuration Release --runtime $runtimes[$name] --output $folder -nologo -verbosity:quiet | Out-Host
        # The only program: every user of the image may run it.
        chmod -R 'u=rwX,go=rX' $folder
        chmod 755 ([IO.Path]::Combine($folder, 'pwsh'))
    }
    Get-Item $context
}

<# The files of the image that come from a package: by its key, name/version, in a deps.json or in a project.assets.json. #>
function Get-PackageFile([System.Collections.IDictionary] $Target, [scriptblock] $Find) {
    $found = @{}
    foreach ($key in $Target.Keys) {
        $assets = $Target[$key]
        $paths = foreach ($kind in 'runtime', 'native', 'runtimeTargets', 'resource') { if ($assets.Contains($kind)) { $assets[$kind].Keys } }
        $found[$key] = @($paths | ForEach-Object $Find | Sort-Object -Unique)
    }
    $found
}

function ConvertTo-Evidence([string[]] $Path) {
    [ordered]@{ occurrences = @($Path | Sort-Object -Unique -Culture '' | ForEach-Object { [ordered]@{ location = $_ } }) }
}

function New-Component([string] $Name, [string] $Version, [string] $Purl, [string[]] $File, [string] $Type = 'library') {
    $component = [ordered]@{ type = $Type; 'bom-ref' = $Purl; name = $Name; version = $Version; purl = $Purl }
    if ($File) { $component.evidence = ConvertTo-Evidence $File }
    $component
}

function Read-Json([string] $Path) {
    [IO.File]::ReadAllText($Path) | ConvertFrom-Json -AsHashtable
}

function New-Sbom {
    if (-not (Test-Path $context)) {
        throw "$context does not exist. Run build.ps1 -Task Image first."
    }
    # As the Dockerfile copies them.
    $powershell, $modules = '/opt/microsoft/powershell/7', '/usr/local/share/powershell/Modules'
    $folders = @(Get-ChildItem ([IO.Path]::Combine($context, '*', 'powershell')) -Directory -Filter powershell)
    $files = [Collections.Generic.HashSet[string]]::new()
    foreach ($folder in @($folders.FullName; [IO.Path]::Combine($context, 'modules'))) {
        $target = if ((Split-Path $folder -Leaf) -eq 'modules') { $modules } else { $powershell }
        foreach ($file in Get-ChildItem $folder -File -Recurse) {
            $null = $files.Add("$target/$([IO.Path]::GetRelativePath($folder, $file.FullName).Replace('\', '/'))")
        }
    }

    # The packages of the module. The licenses are those that the packages name: nothing is asked of GitHub.
    dotnet tool run dotnet-CycloneDX -- "$PSScriptRoot/src/CvManager.PowerShell/CvManager.PowerShell.csproj" --framework net8.0 --output-format Json `
        --spec-version 1.6 --no-serial-number --set-name cvmanager --set-version $version --set-type Container `
        --output $context --filename sbom.cdx.json | Out-Host
    $path = [IO.Path]::Combine($context, 'sbom.cdx.json')
    $bom = Read-Json $path
    $assets = Read-Json "$PSScriptRoot/src/CvManager.PowerShell/obj/project.assets.json"
    $ofModule = Get-PackageFile $assets.targets['net8.0'] { "$modules/CvManager/bin/$(Split-Path $_ -Leaf)" | Where-Object { $files.Contains($_) } }
    $components = [Collections.Generic.List[object]]::new()
    foreach ($component in $bom.components) {
        # A package without a file here was needed to build only.
        $shipped = $ofModule["$($component.name)/$($component.version)"]
        if ($shipped) {
            $component.evidence = ConvertTo-Evidence $shipped
            $components.Add($component)
        }
    }

    # PowerShell, the packages that its own list says it consists of, and the modules that it brings.
    $deps = Read-Json ([IO.Path]::Combine($folders[0].FullName, 'pwsh.deps.json'))
    $ofPowerShell = Get-PackageFile $deps.targets[$deps.runtimeTarget.name] {
        "$powershell/$_", "$powershell/$(Split-Path $_ -Leaf)" | Where-Object { $files.Contains($_) } | Select-Object -First 1
    }
    $nested = @(
        foreach ($key in $ofPowerShell.Keys | Where-Object { $deps.libraries[$_].type -eq 'package' -and $ofPowerShell[$_] } | Sort-Object -Culture '') {
            $name, $number = $key -split '/'
            New-Component $name $number "pkg:nuget/$name@$number" $ofPowerShell[$key]
        }
        # A folder with a manifest alone is part of PowerShell itself.
        foreach ($folder in Get-ChildItem ([IO.Path]::Combine($folders[0].FullName, 'Modules')) -Directory | Where-Object { @(Get-ChildItem $_).Count -gt 1 }) {
            $manifest = [IO.Path]::Combine($folder.FullName, "$($folder.Name).psd1")
            $number = (Import-PowerShellDataFile $manifest).ModuleVersion
            New-Component $folder.Name $number "pkg:nuget/$($folder.Name)@${number}?repository_url=https:%2F%2Fwww.powershellgallery.com%2Fapi%2Fv2" (
                $files -like "$powershell/Modules/$($folder.Name)/*")
        }
    )
    $own = $files | Where-Object { $_ -like "$powershell/*" -and $_ -notin $nested.evidence.occurrences.location }
    $tool = (Read-Json "$PSScriptRoot/.config/dotnet-tools.json").tools.powershell.version
    $component = New-Component 'PowerShell' $tool "pkg:nuget/PowerShell@$tool" $own 'application'
    $component.components = @($nested | Where-Object name -NE 'Pester')
    $components.Add($component)
    $nested | Where-Object name -EQ 'Pester' | ForEach-Object { $components.Add($_) }
    # The module and PowerShell may have the same package.
    $component.components | ForEach-Object { $_.'bom-ref' = "PowerShell/$($_.purl)" }

    # The base. Its tag says which .NET it has, but for the patch.
    $default = [regex]::Match([IO.File]::ReadAllText("$PSScriptRoot/deploy/docker/Dockerfile"), '(?m)^FROM (\S+) AS dotnet$').Groups[1].Value
    $image, $digest = ($Base ? $Base : $default) -split '@'
    $image -match '^(?<repository>.+/(?<name>[^:/]+)):(?<tag>(?<runtime>\d+\.\d+)[^:/]*)$' | Out-Null
    $purl = 'pkg:oci/{0}{1}?repository_url={2}&tag={3}' -f $Matches.name, ($digest ? "@$([uri]::EscapeDataString($digest))" : ''), $Matches.repository, $Matches.tag
    $component = New-Component $Matches.repository ($digest ? $digest : $Matches.tag) $purl -Type 'container'
    $component.components = @(New-Component 'Microsoft.NETCore.App' $Matches.runtime "pkg:generic/Microsoft.NETCore.App@$($Matches.runtime)" -Type 'framework')
    $components.Add($component)

    $bom.components = $components
    $root = $bom.metadata.component
    $references = @($components.'bom-ref')
    $bom.dependencies = @(
        [ordered]@{ ref = $root.'bom-ref'; dependsOn = $references }
        foreach ($dependency in $bom.dependencies | Where-Object ref -In $references) {
            [ordered]@{ ref = $dependency.ref; dependsOn = @($dependency['dependsOn'] | Where-Object { $_ -in $references }) }
        }
    )
    [IO.File]::WriteAllText($path, "$($bom | ConvertTo-Json -Depth 20)`n")
    Get-Item $path
}

switch ($Task) {
    'Pack' { New-Package }
    'Image' { New-ImageContext }
    'Sbom' { New-Sbom }
    'Verify' { Assert-Version }
    'Notes' { (Get-NewestSection).Notes }
    'Check' { Assert-Checksum }
    'Publish' { Publish-Package }
}
