# Dot-source it: starts a sandbox, whose registry gets the repository of the tests.
& $PSScriptRoot/Import-Modules.ps1
$registry = (Start-CvSandbox).Registry
$repository = "$registry/team/myapp"
