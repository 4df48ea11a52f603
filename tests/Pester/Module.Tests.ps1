#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    $folder = Join-Path $PSScriptRoot '../../module'
    $manifest = Join-Path $folder 'CvManager/CvManager.psd1'
    $sandboxManifest = Join-Path $folder 'CvManager.Sandbox/CvManager.Sandbox.psd1'
    $listed = (Import-PowerShellDataFile $manifest).CmdletsToExport | Sort-Object
    $listedOfSandbox = (Import-PowerShellDataFile $sandboxManifest).CmdletsToExport | Sort-Object

    # Runs a script in a new process, with a folder at the beginning of its module path.
    function Invoke-WithModulePath([string] $path, [string] $script) {
        $before = $env:PSModulePath
        $env:PSModulePath = $path + [IO.Path]::PathSeparator + $before
        try {
            & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -Command $script
        }
        finally {
            $env:PSModulePath = $before
        }
    }
}

Describe 'The module' {
    It 'has a valid manifest' {
        $tested = Test-ModuleManifest $manifest -ErrorAction Stop
        $tested.PowerShellVersion | Should -Be '7.4'
        $tested.CompatiblePSEditions | Should -Be 'Core'
    }

    It 'exports the cmdlets of the manifest, also when it is imported again' {
        Import-Module $manifest
        (Get-Module CvManager).ExportedCmdlets.Keys | Sort-Object | Should -Be $listed
        Import-Module $manifest -Force
        (Get-Module CvManager).ExportedCmdlets.Keys | Sort-Object | Should -Be $listed
        Remove-Module CvManager
        Import-Module $manifest
        Get-Command -Module CvManager | Sort-Object Name | ForEach-Object Name | Should -Be $listed
    }

    It 'works in parallel runspaces' {
        $counts = 1..4 | ForEach-Object -Parallel {
            Import-Module $using:manifest
            (Get-Command -Module CvManager).Count
        }
        $counts | Should -Be (@($listed.Count) * 4)
    }

    It 'works if its dependencies are already loaded' {
        $others = New-Item -ItemType Directory (Join-Path $TestDrive 'others')
        Copy-Item (Join-Path $manifest '../bin/*.dll') $others
        $script = Join-Path $others 'others.ps1'
        Set-Content $script @"
            foreach (`$name in 'YamlDotNet', 'AWSSDK.Core', 'Polly.Core') {
                `$null = [Reflection.Assembly]::LoadFrom((Join-Path '$others' "`$name.dll"))
            }
            Import-Module '$manifest', '$sandboxManifest'
            `$sandbox = Start-CvSandbox
            (Get-CvContext | Where-Object IsCurrent).Server -eq `$sandbox.Server
            Stop-CvSandbox
            @([AppDomain]::CurrentDomain.GetAssemblies() | Where-Object { `$_.GetName().Name -eq 'YamlDotNet' }).Count
"@
        & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -File $script | Should -Be 'True', '2'
        $LASTEXITCODE | Should -Be 0
    }

    It 'does without the sandbox' {
        $copy = New-Item -ItemType Directory (Join-Path $TestDrive 'alone')
        Copy-Item -Recurse (Split-Path $manifest) $copy
        Get-ChildItem -Recurse $copy -Filter 'CvManager.Sandbox*' | Should -BeNullOrEmpty
        $listed | Where-Object { $_ -in $listedOfSandbox } | Should -BeNullOrEmpty
        $names = Invoke-WithModulePath $copy "
            Import-Module CvManager -ErrorAction Stop
            (Get-Module CvManager).ModuleBase
            Get-Command -Module CvManager | ForEach-Object Name | Sort-Object
            ((Get-Content -Raw '$PSScriptRoot/../../examples/cvm-example/myapp.yaml').Replace('`${ECR_ENDPOINT}', 'r.example') | Test-ContainerVersion).Valid
            (Get-Command Start-CvSandbox -ErrorAction Ignore).Name"
        $names | Should -Be @((Join-Path $copy 'CvManager'); $listed; 'True')
    }
}

Describe 'The module of the sandbox' {
    It 'has a valid manifest, and requires CvManager' {
        $tested = Invoke-WithModulePath $folder "Test-ModuleManifest '$sandboxManifest' -ErrorAction Stop | ForEach-Object { ""`$(`$_.PowerShellVersion)"", `$_.RequiredModules.Name }"
        $LASTEXITCODE | Should -Be 0
        $tested | Should -Be '7.4', 'CvManager'
    }

    It 'is loaded with CvManager by its cmdlets if both are on the module path, and <What>' -ForEach @(
        @{ What = 'CvManager is not imported'; Import = '' }
        @{ What = 'CvManager is imported by path'; Import = 'Import-Module $folder/CvManager/CvManager.psd1' }
    ) {
        $output = Invoke-WithModulePath $folder "
            `$folder = '$folder'
            $Import
            `$sandbox = Start-CvSandbox -ErrorAction Stop
            (Get-CvContext | Where-Object IsCurrent).Server -eq `$sandbox.Server
            (Get-Module CvManager*).Name | Sort-Object"
        $LASTEXITCODE | Should -Be 0
        $output | Should -Be 'True', 'CvManager', 'CvManager.Sandbox'
    }

    It 'goes on when it or CvManager is imported again' {
        & $PSScriptRoot/Import-Modules.ps1
        $sandbox = Start-CvSandbox
        Import-Module $manifest -Force
        (Get-CvContext | Where-Object IsCurrent).Server | Should -Be $sandbox.Server
        Import-Module $sandboxManifest -Force
        (Get-Module CvManager.Sandbox).ExportedCmdlets.Keys | Sort-Object | Should -Be $listedOfSandbox
        Stop-CvSandbox $sandbox
        Remove-Module CvManager.Sandbox, CvManager
        & $PSScriptRoot/Import-Modules.ps1
        Get-Command -Module CvManager, CvManager.Sandbox | Sort-Object Name | ForEach-Object Name | Should -Be ($listed + $listedOfSandbox | Sort-Object)
        $sandbox = Start-CvSandbox
        (Get-CvContext | Where-Object IsCurrent).Server | Should -Be $sandbox.Server
        Stop-CvSandbox
    }

    It 'shares the session with the CvManager that the session uses, in parallel runspaces' {
        $copy = New-Item -ItemType Directory (Join-Path $TestDrive 'other')
        Copy-Item -Recurse (Split-Path $manifest) $copy
        $manifests = $manifest, (Join-Path $copy 'CvManager/CvManager.psd1')
        $output = $manifests | ForEach-Object -Parallel {
            Import-Module $_, $using:sandboxManifest
            $sandbox = Start-CvSandbox
            (Get-CvContext | Where-Object IsCurrent).Server -eq $sandbox.Server
            (Get-Module CvManager).ModuleBase
            Stop-CvSandbox
        }
        $output | Where-Object { $_ -eq $true } | Should -HaveCount 2
        $output | Where-Object { $_ -is [string] } | Sort-Object | Should -Be ($manifests | ForEach-Object { (Get-Item (Split-Path $_)).FullName } | Sort-Object)
    }

    It 'contains nothing that CvManager contains' {
        $own = Get-ChildItem (Split-Path $sandboxManifest) -Recurse -Filter *.dll | ForEach-Object Name
        $own | Should -Contain 'CvManager.Sandbox.dll'
        $own | Where-Object { Test-Path (Join-Path $manifest "../bin/$_") } | Should -BeNullOrEmpty
    }
}
