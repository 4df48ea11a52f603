#requires -Version 7.4
<#
.SYNOPSIS
Installs the controller in a cluster, and has it roll out versions of an application, one of which fails.
.DESCRIPTION
Works with any cluster whose nodes can pull the images; the current context is used. images.sh builds the images of the application. The controller
is removed at the end, together with the custom resource definition: do not run it in a cluster that is used.

Exits with 0 if everything is as expected, otherwise with 1.
.PARAMETER Module
The folder or the manifest of the module.
.PARAMETER Image
The image of the controller.
.PARAMETER Repository
The repository of the application, as the cluster refers to it.
.PARAMETER LocalRepository
The repository of the application, as this machine refers to it.
.PARAMETER Namespace
The namespace of the application.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Image,
    [Parameter(Mandatory)] [string] $Repository,
    [string] $LocalRepository = $Repository,
    [string] $Namespace = 'default'
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest
# Neither registry has TLS.
$registry = $Repository.Split('/')[0]
$env:CVM_PLAIN_HTTP_REGISTRIES = "$registry,$($LocalRepository.Split('/')[0])"
Import-Module (Resolve-Path $Module)
$app = @{ Name = 'cvm-e2e'; Namespace = $Namespace }

function Assert-Equal([string] $What, [string] $Expected, [string] $Actual) {
    if ($Actual -cne $Expected) { throw "$What is '$Actual', expected '$Expected'." }
    "$What is '$Expected'."
}

function Move-Tag([string] $Version) {
    Add-CvRegistryTag -Repository $LocalRepository -Version $Version -Tag 'e2e'
}

<# Fails unless all workloads have a version, and pods that run it. #>
function Assert-Version([string] $Version) {
    $workload = Get-CvWorkload $app.Name -Namespace $Namespace
    Assert-Equal 'The version of the workload' $Version $workload.Version
    Assert-Equal 'The number of available pods' 2 $workload.Available
}

'== Install the controller'
Install-CvController -Image $Image -Environment @{ CVM_PLAIN_HTTP_REGISTRIES = $registry } -Wait
Test-CvController | Out-Host
try {
    '== Create the application, with a version that runs'
    Move-Tag '1.0.0'
    @"
apiVersion: apps/v1
kind: Deployment
metadata: {name: $($app.Name), namespace: $Namespace, labels: {cvapp: $($app.Name)}}
spec:
  replicas: 2
  progressDeadlineSeconds: 60
  selector: {matchLabels: {app: $($app.Name)}}
  template:
    metadata: {labels: {app: $($app.Name)}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: app
        image: ${Repository}:1.0.0
        readinessProbe: {httpGet: {path: /version, port: 8080}, periodSeconds: 1}
---
apiVersion: custom.k8s.io/v1
kind: ContainerVersion
metadata: {name: $($app.Name), namespace: $Namespace}
spec:
  imageRepo: $Repository
  tag: e2e
  pollIntervalSeconds: 5
  selector: {cvapp: $($app.Name)}
  container: {name: app}
  rollback: {failFast: true}
"@ | Import-ContainerVersion -IncludeWorkload
    Wait-CvRollout @app -Version '1.0.0' -Timeout 2m
    Assert-Version '1.0.0'

    '== Move the tag to the next version'
    Move-Tag '1.1.0'
    Wait-CvRollout @app -Version '1.1.0' -Timeout 2m
    Assert-Version '1.1.0'

    '== Move the tag to a version that exits: it is rolled back'
    Move-Tag '1.2.0'
    $failure = try { Wait-CvRollout @app -Version '1.2.0' -Timeout 3m } catch { $_ }
    Assert-Equal 'The error of the wait' 'RolloutFailed' ("$($failure.FullyQualifiedErrorId)" -split ',')[0]
    "$failure"
    Assert-Version '1.1.0'

    '== Show the history'
    $records = Get-CvRolloutHistory @app
    $records | Out-Host
    Assert-Equal 'The history' '1.2.0 RolledBack, 1.1.0 Succeeded' (($records | ForEach-Object { "$($_.ToVersion) $($_.Outcome)" }) -join ', ')

    '== The controller is still healthy'
    Test-CvController | Out-Host
}
catch {
    # Before it is removed.
    Get-ContainerVersion $app.Name -Namespace $Namespace -ErrorAction Continue | Format-List | Out-Host
    Get-CvRollout $app.Name -Namespace $Namespace -ErrorAction Continue | Format-List | Out-Host
    throw
}
finally {
    '== Remove the controller'
    Uninstall-CvController -IncludeCrd -Confirm:$false
}
if (Test-CvController -Quiet) { throw 'The controller still works after it was removed.' }
'The controller is removed.'
