#requires -Version 7.4
<#
A first rollout, from nothing: a cluster and a registry in this process, the article's own example, and a tag that moves.

    dotnet run --project src/CvManager.Shell -- examples/quickstart.ps1     where PowerShell is not installed
    pwsh examples/quickstart.ps1                                            where it is (after dotnet build)

Exit code 0 where everything happened that should; 1 where a rollout did not. (Out-Host: in one pipeline, PowerShell shows
objects of a second type as lists.)
#>
$ErrorActionPreference = 'Stop'
Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', 'module', 'CvManager.psd1'))

"== A Kubernetes cluster and a registry, on loopback, in this process"
$sandbox = Start-CvSandbox
$sandbox | Out-Host
try {
    Install-CvController -CrdOnly

    "== A build pushes an image under its version, and puts the tag of the environment on it"
    $repository = "$($sandbox.Registry)/nearmap/cvm-example"
    Add-CvSandboxImage -Repository $repository -Tag '6e4ae1c', 'demo' | Out-Host

    "== The application, and the ContainerVersion that follows the tag demo (examples/cvm-example/myapp.yaml)"
    $manifest = [IO.File]::ReadAllText([IO.Path]::Combine($PSScriptRoot, 'cvm-example', 'myapp.yaml')).Replace('${ECR_ENDPOINT}', $sandbox.Registry)
    $manifest | Import-ContainerVersion -IncludeWorkload | Out-Host
    Start-CvReconcile -Wait | Out-Host
    Get-CvWorkload | Out-Host

    "== The next build. Its tests pass, so the pipeline moves the tag: all that it ever does"
    Add-CvSandboxImage -Repository $repository -Tag '9f8e7d6' | Out-Host
    Add-CvRegistryTag -Repository $repository -Version '9f8e7d6' -Tag 'demo' -PassThru | Out-Host

    "== What would happen?"
    Start-CvReconcile -WhatIf | Out-Host

    "== Let it happen"
    Start-CvReconcile -Wait | Out-Host
    $workload = Get-CvWorkload
    $workload | Out-Host
    if ($workload.Version -ne '9f8e7d6') {
        throw "Version 9f8e7d6 should run by now, and $($workload.Version) does."
    }

    "== A third build, whose image cannot be pulled"
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
        throw "Version bad0bad should have failed and been rolled back, and $($workload.Version) runs."
    }

    Get-ContainerVersion | Out-Host
}
finally {
    Stop-CvSandbox
}
