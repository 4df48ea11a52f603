#Requires -Version 7.4
<#
Reads paths of files of Pester tests from a pipe, runs one after the other, and writes the outcomes of each as a line of JSON: name, result
and error of each test. A Describe or Context whose setup or teardown failed, and a file that could not be parsed, are listed like tests.
A file has a runspace of its own, and gets back the environment variables and the folder that the process started with.
#>
param(
    [Parameter(Mandatory)] [string] $Pester,
    [Parameter(Mandatory)] [string] $PipeName
)
$ErrorActionPreference = 'Stop'

$run = {
    param([string] $Pester, [string] $Path)
    $ErrorActionPreference = 'Stop'
    Import-Module $Pester
    $configuration = New-PesterConfiguration
    $configuration.Run.Path = $Path
    $configuration.Run.PassThru = $true
    $configuration.Output.Verbosity = 'Detailed'
    $ErrorActionPreference = 'Continue'
    $run = Invoke-Pester -Configuration $configuration

    function Format-Failure($failed) {
        ($failed.ErrorRecord | ForEach-Object { $_.DisplayErrorMessage ?? "$_"; $_.DisplayStackTrace ?? $_.ScriptStackTrace }) -join "`n"
    }

    $outcomes = @(
        $run.Tests | ForEach-Object { [ordered]@{ Name = $_.ExpandedPath; Result = $_.Result; Message = Format-Failure $_ } }
        $run.FailedBlocks | Where-Object ErrorRecord | ForEach-Object { [ordered]@{ Name = $_.ExpandedPath; Result = 'Failed'; Message = Format-Failure $_ } }
        $run.FailedContainers | Where-Object ErrorRecord | ForEach-Object { [ordered]@{ Name = Split-Path -Leaf $Path; Result = 'Failed'; Message = Format-Failure $_ } }
    )
    ConvertTo-Json -Compress -InputObject $outcomes
}

$variables = [Environment]::GetEnvironmentVariables()
$folder = [Environment]::CurrentDirectory
$pipe = [IO.Pipes.NamedPipeClientStream]::new('.', $PipeName, 'InOut')
$pipe.Connect()
$reader = [IO.StreamReader]::new($pipe)
$writer = [IO.StreamWriter]::new($pipe)
while ($path = $reader.ReadLine()) {
    $runspace = [runspacefactory]::CreateRunspace($Host, [initialsessionstate]::CreateDefault2())
    $runspace.Open()
    $shell = [powershell]::Create($runspace)
    try {
        $outcomes = $shell.AddScript($run).AddArgument($Pester).AddArgument($path).Invoke()
    }
    finally {
        $shell.Dispose()
        $runspace.Dispose()
    }
    foreach ($name in @([Environment]::GetEnvironmentVariables().Keys) + @($variables.Keys)) {
        [Environment]::SetEnvironmentVariable($name, $variables[$name])
    }
    [Environment]::CurrentDirectory = $folder
    $writer.WriteLine($outcomes[-1])
    $writer.Flush()
}
