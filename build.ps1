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
.PARAMETER Repository
For Publish: the name of a registered PSResource repository. The API key is $env:PSGALLERY_API_KEY.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [ValidateSet('Pack', 'Image', 'Verify', 'Notes', 'Check', 'Publish')] [string] $Task,
    [string] $Output = [IO.Path]::Combine($PSScriptRoot, 'artifacts'),
    [string] $Tag,
    [ValidatePattern('^[0-9a-f]{64}$')] [string] $Digest,
    [string] $Repository = 'PSGallery',
    [ValidateSet('amd64', 'arm64')] [string[]] $Platform = ('amd64', 'arm64')
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest
$PSNativeCommandUseErrorActionPreference = $true
$Output = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Output)
$names = 'CvManager', 'CvManager.Sandbox' # the second requires the first
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
    $context = "$($Output.TrimEnd('/', '\'))-image"
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

switch ($Task) {
    'Pack' { New-Package }
    'Image' { New-ImageContext }
    'Verify' { Assert-Version }
    'Notes' { (Get-NewestSection).Notes }
    'Check' { Assert-Checksum }
    'Publish' { Publish-Package }
}
