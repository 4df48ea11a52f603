# Dot-source it: starts a sandbox in which the controller has rolled out the example to one version after the other.
param([string[]] $Version)
& $PSScriptRoot/Import-Modules.ps1
$sandbox = Start-CvSandbox
Install-CvController -CrdOnly
$repository = "$($sandbox.Registry)/nearmap/cvm-example"
$manifest = (Get-Content -Raw (Join-Path $PSScriptRoot '../../examples/cvm-example/myapp.yaml')).Replace('${ECR_ENDPOINT}', $sandbox.Registry)
$null = Add-CvSandboxImage -Repository $repository -Tag '6e4ae1c', 'demo'
$null = $manifest | Import-ContainerVersion -IncludeWorkload
foreach ($next in $Version) {
    $null = Add-CvSandboxImage -Repository $repository -Tag $next, 'demo'
    $null = Start-CvReconcile -Wait -Timeout 1m
}
