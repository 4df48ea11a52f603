#requires -Version 7.4
<#
.SYNOPSIS
Makes the packages of the modules.
.DESCRIPTION
    dotnet tool restore
    dotnet tool run pwsh ./build.ps1 -Task Pack

On Linux x64, Pack builds CvManager and CvManager.Sandbox in the Release configuration, and writes a folder for each with exactly the files to publish.
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

<#
Compiles the assemblies in bin to native code, in bin/linux-x64: pipelines start a new PowerShell for a command or two, and half of what that
costs is the compilation at run time. The code is for the .NET of this session; another .NET compiles the IL that is in each file as well.
#>
function Add-NativeCode([string] $Folder, [string] $Crossgen) {
    $native = New-Item ([IO.Path]::Combine($Folder, 'bin', 'linux-x64')) -ItemType Directory
    $folders = @([Runtime.InteropServices.RuntimeEnvironment]::GetRuntimeDirectory()) + @($modules | ForEach-Object { "$_/bin/" })
    # In a file, because PowerShell replaces wildcards in arguments.
    $arguments = New-TemporaryFile
    @(
        $folders | ForEach-Object { "--reference:$_*.dll" }
        "--reference:$PSHOME/System.Management.Automation.dll"
        '--targetos:linux', '--targetarch:x64', '--optimize'
    ) | Set-Content $arguments
    foreach ($assembly in Get-ChildItem "$Folder/bin" -File -Filter *.dll) {
        & $Crossgen $assembly.FullName "--out:$native/$($assembly.Name)" "@$arguments" | Out-Null
    }
    Remove-Item $arguments
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
$project = "$PSScriptRoot/src/CvManager.HelpWriter"
$properties = "-property:ModulesFolder=$Output/", '-property:ContinuousIntegrationBuild=true', '-property:Precompile=true'
dotnet build $project --configuration Release --no-incremental -nologo -verbosity:quiet @properties
Remove-Item $modules -Recurse -Include *.pdb

$crossgen = dotnet msbuild $project -getProperty:Crossgen @properties
foreach ($folder in $modules) {
    Add-NativeCode $folder $crossgen
}

$notes = Get-ReleaseNotes
foreach ($folder in $modules) {
    Complete-Manifest $folder $notes
    Get-Item $folder
}
