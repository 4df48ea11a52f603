#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Test-ContainerVersion' {
    It 'finds no problem in a valid manifest, without a cluster' {
        $tested = $manifest | Test-ContainerVersion -KubeConfig (Join-Path $TestDrive 'none')
        $tested.Name, $tested.Valid | Should -Be 'myappcv', $true
        $tested.Problems | Should -BeNullOrEmpty
        $manifest | Test-ContainerVersion -Quiet | Should -BeTrue
    }

    It 'names the fields of all problems' {
        $path = Join-Path $TestDrive 'invalid.yaml'
        Set-Content $path ($manifest -replace 'tag: demo', 'tag: no tag' -replace 'pollIntervalSeconds: 300', 'pollIntervalSeconds: 1')
        $tested = Test-ContainerVersion $path
        $tested.Valid | Should -BeFalse
        $tested.Problems.Field | Sort-Object | Should -Be 'spec.pollIntervalSeconds', 'spec.tag'
        Test-ContainerVersion $path -Quiet | Should -BeFalse
    }

    It 'annotates each problem at the line of its field' {
        $path = Join-Path $TestDrive 'annotated.yaml'
        $text = $manifest -replace 'tag: demo', 'tag: no tag' -replace 'pollIntervalSeconds: 300', 'pollIntervalSeconds: 1' -replace "`r"
        Set-Content $path $text
        $lines = Test-ContainerVersion $path -Quiet -CIFormat GitHub -InformationVariable told 6>$null
        $lines | Should -BeFalse
        $number = @{ 'spec.tag' = 0; 'spec.pollIntervalSeconds' = 0 }
        $all = $text -split "`n"
        $number['spec.tag'] = $all.IndexOf('  tag: no tag') + 1
        $number['spec.pollIntervalSeconds'] = $all.IndexOf('  pollIntervalSeconds: 1') + 1
        $told | Should -HaveCount 2
        foreach ($field in $number.Keys) {
            "$($told -match $field)" | Should -Match "^::error title=ContainerVersionInvalid,file=$([regex]::Escape($path)),line=$($number[$field]),col=3::myappcv: $field"
        }
    }

    It 'annotates a problem in the pipeline without a file, and one in a List at its line' {
        $invalid = "kind: List`napiVersion: v1`nitems:`n- apiVersion: custom.k8s.io/v1`n  kind: ContainerVersion`n  spec: {tag: 'no tag'}`n"
        "$($invalid | Test-ContainerVersion -CIFormat GitHub -Quiet -InformationVariable told 6>$null)$told" | Should -Not -Match 'file='
        $path = Join-Path $TestDrive 'list.yaml'
        Set-Content $path $invalid
        $null = Test-ContainerVersion $path -CIFormat AzureDevOps 6>&1 -OutVariable told
        "$($told -match ': spec.tag:')" | Should -Match "^##vso\[task\.logissue type=error;code=ContainerVersionInvalid;sourcepath=$([regex]::Escape($path));linenumber=6;columnnumber=10;\]"
        "$($told -match ': metadata.name:')" | Should -Match 'linenumber=4;columnnumber=3;'
    }

    It 'annotates YAML that cannot be read once, at its line' {
        $path = Join-Path $TestDrive 'unreadable.yaml'
        Set-Content $path "a: 1`nb: [`n"
        Test-ContainerVersion $path -CIFormat GitHub -InformationVariable told 6>$null 2>$null
        $told | Should -HaveCount 1
        "$told" | Should -Match "^::error title=ManifestInvalid,file=$([regex]::Escape($path)),line=\d,col=\d::"
    }

    It 'says what a reconcile would do' {
        $null = Add-CvSandboxImage $repository '9f8e7d6', 'demo'
        $tested = Test-ContainerVersion -Name my*
        $tested.Valid, $tested.Source | Should -Be $true, 'cluster'
        "$($tested.Plan)" | Should -Match '9f8e7d6'
        (Get-CvWorkload).Version | Should -Be '6e4ae1c'
    }

    It 'tests the ContainerVersion of workloads once' {
        $workload = Get-CvWorkload
        $tested = @($workload; $workload | Select-Object Namespace, CV) | Test-ContainerVersion
        $tested.Name, $tested.Source | Should -Be $workload.CV, 'cluster'
        ($workload | ConvertTo-Json | ConvertFrom-Json | Test-ContainerVersion).Name | Should -Be $workload.CV
    }

    It 'reports input that it cannot read as an error' {
        'a: [' | Test-ContainerVersion -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ManifestInvalid,CvManager.PowerShell.TestContainerVersionCommand'
        Test-ContainerVersion (Join-Path $TestDrive 'none.yaml') -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'PathNotFound,CvManager.PowerShell.TestContainerVersionCommand'
    }
}
