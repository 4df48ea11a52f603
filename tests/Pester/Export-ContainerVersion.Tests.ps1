#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $null = Start-CvSandbox
    Install-CvController -CrdOnly
    $null = New-ContainerVersion web r.example:5000/team/web '1.10' app -Verify @{ Image = 'team/tests'; Tag = '1e10'; Timeout = '90s' } -FailFast -ImagePullSecret a, b
    $null = New-ContainerVersion worker r.example/team/worker -SemVer '>=1.2 <2' -Container app -ServiceName web -LabelName colour
    $null = New-ContainerVersion web r.example/team/web prod app -Namespace kube-public
    function Get-State { Get-ContainerVersion -AllNamespaces | ForEach-Object { $_ | Select-Object Namespace, Name, Labels, Spec | ConvertTo-Json -Depth 12 } }
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Export-ContainerVersion' {
    It 'writes what Import-ContainerVersion takes back unchanged: <_>' -ForEach 'Yaml', 'Json' {
        $before = Get-State
        $applied = Export-ContainerVersion -AllNamespaces -Format $_ | Import-ContainerVersion
        $applied | Should -HaveCount 3
        Get-State | Should -Be $before
        $file = Join-Path $TestDrive "all.$_".ToLowerInvariant()
        Export-ContainerVersion -AllNamespaces -Format $_ -Path $file | Should -BeNullOrEmpty
        Get-ContainerVersion -AllNamespaces | Remove-ContainerVersion -Confirm:$false
        (Import-ContainerVersion $file).Name | Sort-Object | Should -Be 'web', 'web', 'worker'
        Get-State | Should -Be $before
    }

    It 'writes neither the status nor what the API server adds' {
        $text = Export-ContainerVersion web
        $text | Should -HaveCount 1
        foreach ($field in 'status', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields') {
            $text | Should -Not -Match "(?m)^ *$field`:"
        }
        $text | Should -Match '(?m)^  tag: "1\.10"$'
    }

    It 'selects by name and from the pipeline' {
        Export-ContainerVersion w* | Should -HaveCount 2
        Get-ContainerVersion -Namespace kube-public | Export-ContainerVersion | Should -Match 'namespace: kube-public'
        Export-ContainerVersion none* | Should -BeNullOrEmpty
        Export-ContainerVersion nope, web -ErrorVariable failure -ErrorAction SilentlyContinue | Should -HaveCount 1
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.ExportContainerVersionCommand'
    }

    It 'writes no file with -WhatIf, without a ContainerVersion, or over one with -NoClobber' {
        $file = Join-Path $TestDrive 'one.yaml'
        Export-ContainerVersion web -Path $file -WhatIf
        Export-ContainerVersion none* -Path $file
        Test-Path $file | Should -BeFalse
        Set-Content $file 'mine'
        { Export-ContainerVersion web -Path $file -NoClobber } | Should -Throw -ErrorId 'ManifestNotWritten,*'
        Get-Content $file | Should -Be 'mine'
        Export-ContainerVersion web -Path $file
        (Test-ContainerVersion $file).Name | Should -Be 'web'
    }
}
