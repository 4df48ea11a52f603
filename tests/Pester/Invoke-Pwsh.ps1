# Runs the PowerShell of this session in a new process. Its program may be pwsh, or dotnet where pwsh is a .NET tool.
$program = [Environment]::ProcessPath
[string[]]$start = if ([IO.Path]::GetFileNameWithoutExtension($program) -eq 'dotnet') { Join-Path $PSHOME 'pwsh.dll' }
& $program @start @args
