# Runs the PowerShell of this session in a new process. Its program is pwsh, or dotnet if pwsh is a .NET tool.
$program = [Environment]::ProcessPath
[string[]]$start = if ([IO.Path]::GetFileNameWithoutExtension($program) -eq 'dotnet') { Join-Path $PSHOME 'pwsh.dll' }
& $program @start @args
