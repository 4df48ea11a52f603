# Uses only Microsoft.PowerShell.Core, as CvManager.psm1 does. The cmdlets share the session and the dependencies of the CvManager that the
# session has imported: the manifest requires it, and its loader is in the process.

$cvManager = @(Microsoft.PowerShell.Core\Get-Module CvManager -All)[-1].ModuleBase
$cmdlets = [CvManager.Loader.ModuleLoadContext]::LoadModule(
    'CvManager.Sandbox', [System.IO.Path]::Combine($PSScriptRoot, 'bin'), [System.IO.Path]::Combine($cvManager, 'bin'))

# Works around PowerShell issue 20710, as CvManager.psm1 does.
$cached = Microsoft.PowerShell.Core\Import-Module -Assembly $cmdlets -PassThru
if ($cached.ExportedCmdlets.Count -gt 0 -and -not $ExecutionContext.SessionState.Module.ExportedCmdlets.Count) {
    Microsoft.PowerShell.Core\Remove-Module -ModuleInfo $cached -Force
    Microsoft.PowerShell.Core\Import-Module -Assembly $cmdlets
}
