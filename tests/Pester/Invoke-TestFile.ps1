#Requires -Version 7.4
<#
Runs one file of Pester tests, and writes the outcome of each test as JSON: name, result, and error. A Describe or Context whose setup or
teardown failed, and a file that could not be parsed, are listed like tests.
#>
param(
    [Parameter(Mandatory)] [string] $Pester,
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $ResultPath
)
$ErrorActionPreference = 'Stop'
Import-Module $Pester

$configuration = New-PesterConfiguration
$configuration.Run.Path = $Path
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Detailed'
$run = Invoke-Pester -Configuration $configuration

function Format-Failure($failed) {
    ($failed.ErrorRecord | ForEach-Object { $_.DisplayErrorMessage ?? "$_"; $_.DisplayStackTrace ?? $_.ScriptStackTrace }) -join "`n"
}

$outcomes = @(
    $run.Tests | ForEach-Object { [ordered]@{ Name = $_.ExpandedPath; Result = $_.Result; Message = Format-Failure $_ } }
    $run.FailedBlocks | Where-Object ErrorRecord | ForEach-Object { [ordered]@{ Name = $_.ExpandedPath; Result = 'Failed'; Message = Format-Failure $_ } }
    $run.FailedContainers | Where-Object ErrorRecord | ForEach-Object { [ordered]@{ Name = Split-Path -Leaf $Path; Result = 'Failed'; Message = Format-Failure $_ } }
)
Set-Content -LiteralPath $ResultPath (ConvertTo-Json -InputObject $outcomes)
