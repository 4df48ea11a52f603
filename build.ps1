#requires -Version 7.4
<#
.SYNOPSIS
Makes the packages of the modules.
.DESCRIPTION
    dotnet tool restore
    dotnet tool run pwsh ./build.ps1 -Task Pack

Pack builds CvManager and CvManager.Sandbox in the Release configuration, and writes a folder for each with exactly the files to publish.
It publishes nothing: see CONTRIBUTING.md.
.PARAMETER Output
The folder for the packages. It is emptied first.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [ValidateSet('Pack')] [string] $Task,
    [string] $Output = [IO.Path]::Combine($PSScriptRoot, 'artifacts')
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest
$PSNativeCommandUseErrorActionPreference = $true
$Output = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Output)

<# The newest section of the changelog, as Markdown without its heading. #>
function Get-ReleaseNotes {
    $sections = [IO.File]::ReadAllText("$PSScriptRoot/CHANGELOG.md") -split '(?m)^## .*\r?\n'
    $sections[1].Trim()
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

if (Test-Path $Output) {
    Remove-Item $Output -Recurse
}
$modules = foreach ($name in 'CvManager', 'CvManager.Sandbox') {
    $folder = New-Item ([IO.Path]::Combine($Output, $name)) -ItemType Directory
    Copy-Item "$PSScriptRoot/module/$name/*" $folder -Include *.psd1, *.psm1, *.ps1xml
    Copy-Item "$PSScriptRoot/LICENSE", "$PSScriptRoot/THIRD-PARTY-NOTICES.txt", "$PSScriptRoot/README.md", "$PSScriptRoot/docs/icon/icon.png" $folder
    $folder.FullName
}

# Deterministic, whatever is left of earlier builds.
dotnet build "$PSScriptRoot/src/CvManager.HelpWriter" --configuration Release --no-incremental -nologo -verbosity:quiet `
    "-property:ModulesFolder=$Output/" -property:ContinuousIntegrationBuild=true
Remove-Item $modules -Recurse -Include *.pdb

$notes = Get-ReleaseNotes
foreach ($folder in $modules) {
    Complete-Manifest $folder $notes
    Get-Item $folder
}
