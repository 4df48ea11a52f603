#requires -Version 7.4
<#
A first rollout from scratch: a cluster and a registry in this process, an example application, and a tag that moves.

    dotnet run --project src/CvManager.Shell -- examples/quickstart.ps1     without PowerShell installed
    pwsh examples/quickstart.ps1                                            with PowerShell, after dotnet build
    examples/quickstart.ps1 -Module CvManager, CvManager.Sandbox            in PowerShell, with the installed modules

Exits with 0 if all rollouts end as expected, otherwise with 1. (Out-Host is used because PowerShell shows objects of a second type in one
pipeline as lists.)
#>
param(
    [string[]] $Module = @(
        "$PSScriptRoot/../module/CvManager/CvManager.psd1"
        "$PSScriptRoot/../module/CvManager.Sandbox/CvManager.Sandbox.psd1"
    )
)
$ErrorActionPreference = 'Stop'
Import-Module $Module

"== Start a Kubernetes cluster and a registry in this process, on the loopback address"
$sandbox = Start-CvSandbox
$sandbox | Out-Host
try {
    Install-CvController -CrdOnly

    "== A build pushes an image under its version, and points the tag of the environment at it"
    $repository = "$($sandbox.Registry)/nearmap/cvm-example"
    Add-CvSandboxImage -Repository $repository -Tag '6e4ae1c', 'demo' | Out-Host

    "== Create the application, and the ContainerVersion that follows the tag demo (examples/cvm-example/myapp.yaml)"
    $manifest = [IO.File]::ReadAllText([IO.Path]::Combine($PSScriptRoot, 'cvm-example', 'myapp.yaml')).Replace('${ECR_ENDPOINT}', $sandbox.Registry)
    $manifest | Import-ContainerVersion -IncludeWorkload | Out-Host
    Start-CvReconcile -Wait | Out-Host
    Get-CvWorkload | Out-Host

    "== The next build passes its tests, so the pipeline moves the tag. It needs no access to the cluster"
    Add-CvSandboxImage -Repository $repository -Tag '9f8e7d6' | Out-Host
    Add-CvRegistryTag -Repository $repository -Version '9f8e7d6' -Tag 'demo' -PassThru | Out-Host

    "== Show what would change"
    Start-CvReconcile -WhatIf | Out-Host

    "== Roll it out"
    Start-CvReconcile -Wait | Out-Host
    $workload = Get-CvWorkload
    $workload | Out-Host
    if ($workload.Version -ne '9f8e7d6') {
        throw "Expected version 9f8e7d6, found $($workload.Version)."
    }

    "== The third build has an image that cannot be pulled"
    Add-CvSandboxImage -Repository $repository -Tag 'bad0bad' -Broken | Out-Host
    Add-CvRegistryTag -Repository $repository -Version 'bad0bad' -Tag 'demo' -PassThru | Out-Host
    $manifest.Replace('pollIntervalSeconds: 300', 'timeoutSeconds: 5') | Import-ContainerVersion -WarningAction SilentlyContinue | Out-Host
    $outcome = Start-CvReconcile -Wait -ErrorAction SilentlyContinue -ErrorVariable failure
    $outcome | Out-Host
    "The error: $($failure[0])"
    "What to do: $($failure[0].ErrorDetails.RecommendedAction)"
    $workload = Get-CvWorkload
    $workload | Out-Host
    if (-not $failure -or $workload.Version -ne '9f8e7d6') {
        throw "Expected a rollback from bad0bad to 9f8e7d6, found $($workload.Version)."
    }

    Get-ContainerVersion | Out-Host
}
finally {
    Stop-CvSandbox
}
