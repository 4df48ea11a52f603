# Uses only Microsoft.PowerShell.Core, so that the module also loads into a bare runspace, which has no Utility module.

$null = [System.Reflection.Assembly]::LoadFrom([System.IO.Path]::Combine($PSScriptRoot, 'bin', 'loader', 'CvManager.Loader.dll'))
$cmdlets = [CvManager.Loader.ModuleLoadContext]::LoadModule([System.IO.Path]::Combine($PSScriptRoot, 'bin'))

# Works around PowerShell issue 20710: an assembly that was already imported (Import-Module -Force) exports nothing, because PowerShell
# reuses the cached module of the assembly even if that module was removed. Remove the cached module, and import the assembly again.
$cached = Microsoft.PowerShell.Core\Import-Module -Assembly $cmdlets -PassThru
if ($cached.ExportedCmdlets.Count -gt 0 -and -not $ExecutionContext.SessionState.Module.ExportedCmdlets.Count) {
    Microsoft.PowerShell.Core\Remove-Module -ModuleInfo $cached -Force
    Microsoft.PowerShell.Core\Import-Module -Assembly $cmdlets
}
