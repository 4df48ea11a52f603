#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $null = Start-CvSandbox
    Install-CvController -CrdOnly
}

AfterAll {
    Stop-CvSandbox
}

Describe 'New-ContainerVersion' {
    AfterEach {
        Get-ContainerVersion -AllNamespaces | Remove-ContainerVersion -Confirm:$false
    }

    It 'returns the created resource with defaults' {
        $created = New-ContainerVersion myapp r.example/team/myapp demo app
        $created | Should -BeOfType ([type]'CvManager.PowerShell.ContainerVersionInfo')
        $created.Namespace, $created.Name, $created.ImageRepo, $created.Tag, $created.Container | Should -Be 'default', 'myapp', 'r.example/team/myapp', 'demo', 'app'
        $created.Selector['cvapp'] | Should -Be 'myapp'
        $created.Strategy, $created.PollInterval, $created.RolloutTimeout, $created.Rollback | Should -Be 'Rolling', '5m', '15m', $true
    }

    It 'creates one for each row of a table' {
        $table = "Name,ImageRepo,Tag,Container,Namespace`nweb,r.example/web,demo,app,default`nworker,r.example/worker,prod,app,kube-public" | ConvertFrom-Csv
        $created = $table | New-ContainerVersion -PollInterval 1m
        $created.Name | Should -Be 'web', 'worker'
        $created.Namespace | Should -Be 'default', 'kube-public'
        $created.PollInterval | Should -Be '1m', '1m'
    }

    It 'follows a version policy' {
        (New-ContainerVersion a r.example/app -Container app -SemVer '>=1.2 <2').Follows | Should -Be 'semver:>=1.2 <2'
        (New-ContainerVersion b r.example/app -Container app -VersionPattern '^main-([0-9]+)$').Follows | Should -Be 'regex/numeric:^main-([0-9]+)$'
        (New-ContainerVersion c r.example/app -Container app -Newest -VersionSyntax 'v.+').Follows | Should -Be 'newest:v.+'
    }

    It 'has gates, and a Service to cut over' {
        $created = New-ContainerVersion myapp r.example/app prod app -Verify 'team/tests:prod' -ServiceName web -VerificationServiceName web-test -LabelName colour `
            -VerifyBeforeCutOver @{ Image = 'team/smoke'; Tag = 'prod'; Timeout = '90s' } -VerifyAfterCutOver 'team/load:prod' -ScaleDownDelay 2m
        "$($created.Verify)", $created.Strategy, $created.ServiceName | Should -Be 'team/tests:prod', 'ServiceBlueGreen', 'web'
        "$($created.VerifyBeforeCutOver) $($created.VerifyBeforeCutOver.Timeout)" | Should -Be 'team/smoke:prod 1m30s'
        # The gates of one ContainerVersion can be used for another.
        "$((New-ContainerVersion other r.example/app prod app -Verify $created.Verify).Verify)" | Should -Be 'team/tests:prod'
    }

    It 'names parameter, field and remedy of an invalid value, and writes nothing' {
        New-ContainerVersion myapp r.example/app demo app -PollInterval 1 -ServiceName web -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionInvalid,CvManager.PowerShell.NewContainerVersionCommand'
        $failure[0].CategoryInfo.Category | Should -Be 'InvalidData'
        "$($failure[0])" | Should -Match '-PollInterval \(spec\.pollIntervalSeconds\).*-LabelName \(spec\.strategy\.blueGreen\.labelNames\)'
        $failure[0].ErrorDetails.RecommendedAction | Should -Match '-PollInterval'
        { New-ContainerVersion myapp r.example/app demo app -Verify 'team/tests' } | Should -Throw -ErrorId 'ParameterArgumentTransformationError,*'
        Get-ContainerVersion | Should -BeNullOrEmpty
    }

    It 'rejects a gate whose tag is a number' {
        { New-ContainerVersion -Name g -ImageRepo r.example/app -Tag demo -Container app -Verify @{ Image = 'team/tests'; Tag = 1.10 } -WhatIf -ErrorAction Stop } |
            Should -Throw '*''1.10''*' -ErrorId 'ParameterArgumentTransformationError,CvManager.PowerShell.NewContainerVersionCommand'
    }

    It 'copies every field of the schema, <How>' -ForEach @(
        @{ How = 'live'; Through = { $args[0] } }
        @{ How = 'from a file'; Through = { $args[0] | Export-Clixml TestDrive:/copy.xml; Import-Clixml TestDrive:/copy.xml } }
        @{ How = 'from JSON'; Through = { $args[0] | ConvertTo-Json -Depth 8 | ConvertFrom-Json } }
        @{ How = 'from a job'; Through = { Start-ThreadJob { $using:source } | Receive-Job -Wait -AutoRemoveJob } }
        @{ How = 'with selected properties'; Through = { $args[0] | Select-Object Name, Spec } }
    ) {
        # Each field with another value than its default; the leaves are compared with the schema, so that a new field must be added here.
        $gate = @{ kind = 'Image'; image = 'team/tests'; tag = '1.10'; timeoutSeconds = 90; serviceAccountName = 'tester'; runAsUser = 1000; resources = @{ limits = @{ memory = '256Mi' }; requests = @{ cpu = '1' } } }
        $rest = @{
            imageRepo = 'r.example:5000/team/app'; versionSyntax = 'v[0-9]+'; pollIntervalSeconds = 61; timeoutSeconds = 62; livenessSeconds = 63
            selector = @{ cvapp = 'shop'; tier = 'web' }; container = @{ name = 'main'; verify = @($gate, $gate) }
            strategy = @{ kind = 'ServiceBlueGreen'; verify = @($gate); postVerify = @($gate); blueGreen = @{ serviceName = 'web'; verificationServiceName = 'web-test'; labelNames = @('colour', 'size'); scaleDown = $false; scaleDownDelaySeconds = 5 } }
            rollback = @{ enabled = $false; failFast = $true }; history = @{ enabled = $false; name = 'h' }; config = @{ name = 'versions'; key = 'app' }
            suspend = $true; pinVersion = '1a2b3c4'; pinDigest = $false; imagePullSecrets = @('a', 'b')
        }
        $follows = @{ tagged = @{ tag = 'demo' } }
        $follows.semver = @{ versionPolicy = @{ semver = '>=1.2 <2' } }
        $follows.pattern = @{ versionPolicy = @{ regex = 'main-(.+)'; order = 'alphabetical' } }
        $follows.newest = @{ versionPolicy = @{ newest = $true } }
        $sources = foreach ($name in $follows.Keys) {
            @{ apiVersion = 'custom.k8s.io/v1'; kind = 'ContainerVersion'; metadata = @{ name = $name }; spec = $rest + $follows[$name] } | ConvertTo-Json -Depth 12 | Import-ContainerVersion
        }
        foreach ($source in $sources) {
            $copy = & $Through $source | New-ContainerVersion -Namespace kube-public
            $copy.Namespace, $copy.Name | Should -Be 'kube-public', $source.Name
            $copy.Spec | ConvertTo-Json -Depth 12 | Should -Be ($source.Spec | ConvertTo-Json -Depth 12)
            $copy.Follows | Should -Be $source.Follows
        }

        function Get-Leaf($value, $path) {
            if ($value -is [System.Collections.IList]) { foreach ($item in $value) { Get-Leaf $item "$path[]" } }
            elseif ($value -is [psobject] -and $value.PSObject.BaseObject -is [System.Management.Automation.PSCustomObject]) { foreach ($field in $value.PSObject.Properties) { Get-Leaf $field.Value "$path.$($field.Name)" } }
            else { $path }
        }
        function Get-SchemaLeaf($schema, $path) {
            if ($schema.properties) { foreach ($field in $schema.properties.PSObject.Properties) { Get-SchemaLeaf $field.Value "$path.$($field.Name)" } }
            elseif ($schema.items) { Get-SchemaLeaf $schema.items "$path[]" }
            elseif ($schema.additionalProperties) { "$path.*" }
            else { $path }
        }
        $leaves = $sources | ForEach-Object { Get-Leaf $_.Spec '' } | ForEach-Object { $_ -replace '(selector|limits|requests)\..+', '$1.*' } | Sort-Object -Unique
        $engine = [AppDomain]::CurrentDomain.GetAssemblies() | Where-Object { $_.GetName().Name -eq 'CvManager.Engine' } | Select-Object -First 1
        $crd = $engine.GetType('CvManager.Resources.CustomResourceDefinition').GetProperty('Json').GetValue($null).ToJsonString()
        Get-SchemaLeaf ($crd | ConvertFrom-Json).spec.versions[0].schema.openAPIV3Schema.properties.spec '' | Sort-Object -Unique | Should -Be $leaves
    }

    It 'changes fields of a copy by parameters' {
        $null = New-ContainerVersion a r.example/app -SemVer '^1.4' -Container app -Selector @{ cvapp = 'a'; tier = 'web' } -FailFast
        $copy = Get-ContainerVersion a | New-ContainerVersion b -Tag prod -Selector 'cvapp=b' -FailFast:$false
        $copy.Name, $copy.Follows, $copy.SemVer, "$($copy.Selector)", $copy.FailFast | Should -Be 'b', 'prod', $null, 'cvapp=b', $false
    }

    It 'refuses a specification that is not whole: <Id>' -ForEach @(
        @{ Id = 'ContainerVersionInvalid'; From = { Get-ContainerVersion a | ConvertTo-Json -WarningAction SilentlyContinue | ConvertFrom-Json } }
        @{ Id = 'SpecificationInvalid'; From = { Get-ContainerVersion a | ConvertTo-Csv | ConvertFrom-Csv } }
        @{ Id = 'SpecificationMissing'; From = { [pscustomobject]@{ Name = 'a'; ImageRepo = 'r.example/app'; Container = 'app' } } }
    ) {
        $null = New-ContainerVersion a r.example/app demo app -Verify 'team/tests:1'
        & $From | New-ContainerVersion -Namespace kube-public -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be "$Id,CvManager.PowerShell.NewContainerVersionCommand"
        Get-ContainerVersion -Namespace kube-public | Should -BeNullOrEmpty
    }

    It 'writes nothing with -WhatIf, and does not change an existing one' {
        New-ContainerVersion myapp r.example/app demo app -WhatIf | Should -BeNullOrEmpty
        Get-ContainerVersion | Should -BeNullOrEmpty
        $null = New-ContainerVersion myapp r.example/app demo app
        { New-ContainerVersion myapp r.example/other prod app -ErrorAction Stop } | Should -Throw -ErrorId 'ResourceAlreadyExists,CvManager.PowerShell.NewContainerVersionCommand'
        (Get-ContainerVersion myapp).Tag | Should -Be 'demo'
    }
}
