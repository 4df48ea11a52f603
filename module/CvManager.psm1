# Uses nothing but Microsoft.PowerShell.Core: the module also loads into a bare runspace, which has no Utility module.

$null = [System.Reflection.Assembly]::LoadFrom([System.IO.Path]::Combine($PSScriptRoot, 'bin', 'loader', 'CvManager.Loader.dll'))
$cmdlets = [CvManager.Loader.ModuleLoadContext]::LoadModule([System.IO.Path]::Combine($PSScriptRoot, 'bin'))

# An assembly that was imported before (Import-Module -Force) exports nothing the second time, as PowerShell takes the module
# that it remembers for it without looking whether that is still imported: forget it first (PowerShell issue 20710).
$remembered = Microsoft.PowerShell.Core\Import-Module -Assembly $cmdlets -PassThru
if ($remembered.ExportedCmdlets.Count -gt 0 -and -not $ExecutionContext.SessionState.Module.ExportedCmdlets.Count) {
    Microsoft.PowerShell.Core\Remove-Module -ModuleInfo $remembered -Force
    Microsoft.PowerShell.Core\Import-Module -Assembly $cmdlets
}
