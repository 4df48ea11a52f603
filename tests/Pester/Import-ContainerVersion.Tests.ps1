#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $null = Start-CvSandbox
    Install-CvController -CrdOnly
    $manifest = (Get-Content -Raw (Join-Path $PSScriptRoot '../../examples/cvm-example/myapp.yaml')).Replace('${ECR_ENDPOINT}', 'r.example')
    $folder = New-Item -ItemType Directory (Join-Path $TestDrive 'deploy')
    Set-Content (Join-Path $folder 'myapp.yaml') $manifest
    Set-Content -LiteralPath (Join-Path $folder '[other].yml') ($manifest -replace 'myappcv', 'other')
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Import-ContainerVersion' {
    AfterEach {
        Get-ContainerVersion -AllNamespaces | Remove-ContainerVersion -Confirm:$false
    }

    It 'applies the files of a folder' {
        (Import-ContainerVersion $folder -WarningAction SilentlyContinue).Name | Sort-Object | Should -Be 'myappcv', 'other'
    }

    It 'takes a literal path as it is' {
        (Import-ContainerVersion -LiteralPath (Join-Path $folder '[other].yml') -WarningAction SilentlyContinue).Name | Should -Be 'other'
    }

    It 'accepts lines of text from the pipeline, as other programs write them' {
        $applied = $manifest -split "`n" | Import-ContainerVersion -Namespace kube-public -WarningAction SilentlyContinue
        $applied.Name, $applied.Namespace | Should -Be 'myappcv', 'kube-public'
    }

    It 'skips workloads with a warning, and creates them with -IncludeWorkload' {
        $null = $manifest | Import-ContainerVersion -WarningVariable skipped -WarningAction SilentlyContinue
        $skipped | Should -HaveCount 1
        Get-CvWorkload | Should -BeNullOrEmpty
        $null = $manifest | Import-ContainerVersion -IncludeWorkload -WarningVariable skipped
        $skipped | Should -BeNullOrEmpty
        (Get-CvWorkload).Name | Should -Be 'myapp'
    }

    It 'creates the namespace and the Service of a workload with -IncludeWorkload, and leaves other kinds out' {
        $objects = @"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Service
metadata: {name: myapp, namespace: shop}
spec: {selector: {app: myapp}, ports: [{port: 80}]}
---
$($manifest -replace '(?m)^  name: (myapp\w*)$', "  name: `$1`n  namespace: shop")
---
apiVersion: v1
kind: ConfigMap
metadata: {name: myapp, namespace: shop}
"@
        (Import-ContainerVersion -Manifest $objects -IncludeWorkload -WarningVariable skipped -WarningAction SilentlyContinue).Namespace | Should -Be 'shop'
        $skipped | Should -HaveCount 1
        "$skipped" | Should -Match 'ConfigMap myapp'
        (Get-CvWorkload -Namespace shop).Name | Should -Be 'myapp'
        $again = $objects | Import-ContainerVersion -IncludeWorkload -WarningAction SilentlyContinue -Verbose 4>&1
        "$again" | Should -Match 'Namespace shop already exists.*Service shop/myapp already exists'
    }

    It 'applies nothing with -WhatIf' {
        Import-ContainerVersion $folder -WhatIf -WarningAction SilentlyContinue
        Get-ContainerVersion | Should -BeNullOrEmpty
    }

    It 'removes fields that are no longer in the manifest' {
        $null = $manifest -replace 'pollIntervalSeconds: 300', 'pollIntervalSeconds: 60' | Import-ContainerVersion -WarningAction SilentlyContinue
        $applied = $manifest -replace '  pollIntervalSeconds: 300\n' | Import-ContainerVersion -WarningAction SilentlyContinue
        $applied.PollInterval | Should -Be (New-ContainerVersion other r.example/app demo app).PollInterval
    }

    It 'says that there is nothing to apply: <Name>' -ForEach @(
        @{ Name = 'empty text'; From = { '' | Import-ContainerVersion -ErrorAction Stop } }
        @{ Name = 'a comment'; From = { '# nothing', '---' | Import-ContainerVersion -ErrorAction Stop } }
        @{ Name = 'an empty file'; From = { $file = New-Item (Join-Path $TestDrive 'empty.yaml') -Force; Import-ContainerVersion $file -ErrorAction Stop } }
        @{ Name = 'an empty folder'; From = { $none = New-Item -ItemType Directory (Join-Path $TestDrive 'none') -Force; Import-ContainerVersion $none -ErrorAction Stop } }
    ) {
        $From | Should -Throw -ErrorId 'ManifestEmpty,CvManager.PowerShell.ImportContainerVersionCommand'
    }

    It 'names the field of an invalid manifest, and applies the others' {
        $invalid = $manifest -replace 'tag: demo', 'tag: no tag' -replace 'myappcv', 'invalid'
        $applied = "$invalid`n---`n$manifest" | Import-ContainerVersion -WarningAction SilentlyContinue -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionInvalid,CvManager.PowerShell.ImportContainerVersionCommand'
        "$($failure[0])" | Should -Match 'spec\.tag'
        $applied.Name | Should -Be 'myappcv'
    }
}
