#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    $manifest = Join-Path $PSScriptRoot '../../module/CvManager.psd1'
    $listed = (Import-PowerShellDataFile $manifest).CmdletsToExport | Sort-Object
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
        $folder = New-Item -ItemType Directory (Join-Path $TestDrive 'others')
        Copy-Item (Join-Path $manifest '../bin/*.dll') $folder
        $script = Join-Path $folder 'others.ps1'
        Set-Content $script @"
            foreach (`$name in 'YamlDotNet', 'AWSSDK.Core', 'Polly.Core') {
                `$null = [Reflection.Assembly]::LoadFrom((Join-Path '$folder' "`$name.dll"))
            }
            Import-Module '$manifest'
            `$sandbox = Start-CvSandbox
            (Get-CvContext).Server -eq `$sandbox.Server
            Stop-CvSandbox
            @([AppDomain]::CurrentDomain.GetAssemblies() | Where-Object { `$_.GetName().Name -eq 'YamlDotNet' }).Count
"@
        & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -File $script | Should -Be 'True', '2'
        $LASTEXITCODE | Should -Be 0
    }

    It 'has help for every cmdlet, with examples' {
        Import-Module $manifest
        foreach ($name in $listed) {
            $help = Get-Help $name
            $help.Synopsis | Should -Not -BeNullOrEmpty -Because $name
            $help.Synopsis | Should -Not -Match "^\s*$name" -Because 'it would be only the generated syntax'
            @($help.examples.example).Count | Should -BeGreaterThan 0 -Because $name
            $documented = $help.parameters.parameter.name
            foreach ($parameter in (Get-Command $name).Parameters.Keys | Where-Object { $_ -notin [System.Management.Automation.Cmdlet]::CommonParameters }) {
                $documented | Should -Contain $parameter -Because $name
            }
        }
    }

    It 'shows every output type as a table' {
        Import-Module $manifest
        $types = Get-Command -Module CvManager | ForEach-Object OutputType | Where-Object Name -Like 'CvManager.*' | ForEach-Object Name | Sort-Object -Unique
        $types | Should -Not -BeNullOrEmpty
        foreach ($type in $types) {
            (Get-FormatData -TypeName $type).FormatViewDefinition.Control | Should -BeOfType System.Management.Automation.TableControl -Because $type
        }
    }
}
