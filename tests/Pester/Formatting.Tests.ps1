#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# How the objects of all cmdlets look, with names as long as those of a real cluster.
BeforeDiscovery {
    $widths = 80, 120
    # The cmdlet, the columns without which its table is of no use, and the value that a column of a long name must show.
    $tables = @(
        @{ Cmdlet = 'Get-ContainerVersion'; Group = 'Namespace: payments-production'; Columns = @{ Version = 'fedcba987654…'; Status = 'Success'; Name = $true } }
        @{ Cmdlet = 'Get-CvRollout'; Group = 'ContainerVersion: payments-production/'; Columns = @{ Version = 'fedcba987654…'; Phase = 'Succeeded'; Workload = $true } }
        @{ Cmdlet = 'Get-CvRolloutHistory'; Group = 'Namespace: payments-production'; Columns = @{ ToVersion = 'fedcba987654…'; Outcome = 'Succeeded'; Workload = $true } }
        @{ Cmdlet = 'Get-CvWorkload'; Group = 'Namespace: payments-production'; Columns = @{ Version = 'fedcba987654…'; Kind = 'Deployment'; Name = $true } }
        @{ Cmdlet = 'Start-CvReconcile'; Group = ''; Columns = @{ Version = 'fedcba987654…'; Outcome = 'UpToDate'; Namespace = 'payments-production'; Name = $true } }
    )
}

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $long = 'checkout-api-for-the-payments-of-customers'
    $first, $second = '0123456789abcdef0123456789abcdef01234567', 'fedcba9876543210fedcba9876543210fedcba98'
    $sandbox = Start-CvSandbox
    Install-CvController -CrdOnly
    $repository = "$($sandbox.Registry)/payments/checkout"
    $token = [regex]::Match((Get-Content -Raw $sandbox.KubeConfig), 'token: "?([^"\s]+)').Groups[1].Value
    $null = Invoke-RestMethod -SkipCertificateCheck -Method Post "$($sandbox.Server)/api/v1/namespaces" -Headers @{ Authorization = "Bearer $token" } `
        -ContentType 'application/json' -Body '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"payments-production"}}'
    $null = Add-CvSandboxImage -Repository $repository -Tag $first, 'production'
    $null = @"
apiVersion: apps/v1
kind: Deployment
metadata: {name: $long, labels: {cvapp: checkout}}
spec:
  selector: {matchLabels: {app: checkout}}
  template:
    metadata: {labels: {app: checkout}}
    spec: {containers: [{name: app, image: '${repository}:$first'}]}
---
apiVersion: custom.k8s.io/v1
kind: ContainerVersion
metadata: {name: $long, labels: {team: payments}}
spec: {imageRepo: '$repository', tag: production, selector: {cvapp: checkout}, container: {name: app}}
"@ | Import-ContainerVersion -Namespace payments-production -IncludeWorkload
    $image = Add-CvSandboxImage -Repository $repository -Tag $second, 'production'
    $planned = Start-CvReconcile -AllNamespaces -WhatIf 6> $null
    $null = Start-CvReconcile -AllNamespaces -Wait -Timeout 1m

    # An object of each output type.
    $objects = @(
        Get-ContainerVersion -AllNamespaces
        "kind: ContainerVersion`napiVersion: custom.k8s.io/v1`nmetadata: {name: $long}`nspec: {tag: ''}" | Test-ContainerVersion
        Test-ContainerVersion -Name * -AllNamespaces
        Get-CvContext
        Install-CvController -CrdOnly -PassThru
        $planned
        Start-CvReconcile -AllNamespaces
        Get-CvRegistryBudget
        Get-CvRegistryTag $repository
        Get-CvRollout -AllNamespaces
        Get-CvRolloutHistory -AllNamespaces
        Get-CvWorkload -AllNamespaces
        $sandbox
        $image
    )

    # The text of a column of a table: the lines of its cells, joined.
    function Get-Column([string] $text, [string] $heading) {
        $lines = $text -split '\r?\n'
        $row = [Array]::FindIndex([string[]]$lines, [Predicate[string]] { param($line) $line -cmatch "\b$heading\b" -and $line -notmatch ':' })
        $row | Should -BeGreaterOrEqual 0 -Because "the heading $heading is shown in:`n$text"
        $start = [regex]::Match($lines[$row], "\b$heading\b").Index
        $next = [regex]::Match($lines[$row].Substring($start), "(?<=^$heading +)\S").Index
        ($lines | Select-Object -Skip ($row + 2) | ForEach-Object {
                $cell = $_.Length -gt $start ? $_.Substring($start) : ''
                ($next -and $cell.Length -gt $next ? $cell.Substring(0, $next) : $cell).TrimEnd()
            }) -join ''
    }
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Tables at <_> columns' -ForEach $widths {
    BeforeAll {
        $width = $_
    }

    It '<Cmdlet> shows what matters, also with long names' -ForEach $tables {
        $text = & $Cmdlet -AllNamespaces | Out-String -Width $width
        $text | Should -Match ([regex]::Escape($Group))
        foreach ($heading in $Columns.Keys) {
            Get-Column $text $heading | Should -Match ([regex]::Escape($Columns[$heading] -is [string] ? $Columns[$heading] : $long)) -Because $text
        }
    }

    It 'no line is longer' {
        $objects | Group-Object { $_.GetType().Name } | ForEach-Object {
            $lines = ($_.Group | Out-String -Width $width) -split '\r?\n'
            $lines | Where-Object Length -GT $width | Should -BeNullOrEmpty -Because $_.Name
            $lines | Where-Object { $_ -match '[0-9a-f]{41}' } | Should -BeNullOrEmpty -Because $_.Name
        }
    }
}

Describe 'A table' {
    It 'shows each object at once' {
        foreach ($type in $objects | Group-Object { $_.GetType().Name }) {
            $shown = [Collections.Generic.List[string]]::new()
            $counts = [Collections.Generic.List[int]]::new()
            & { $type.Group[0]; $counts.Add($shown.Count) } | Out-String -Stream | ForEach-Object { $shown.Add($_) }
            $counts[0] | Should -BeGreaterThan 0 -Because $type.Name
        }
    }
}

Describe 'An object that was exported and imported' {
    It 'is shown the same' {
        $path = Join-Path $TestDrive 'objects.xml'
        foreach ($type in $objects | Group-Object { $_.GetType().Name }) {
            $type.Group | Export-Clixml $path
            Import-Clixml $path | Out-String -Width 100 | Should -Be ($type.Group | Out-String -Width 100) -Because $type.Name
        }
    }
}

Describe 'ConvertTo-Csv and ConvertTo-Json' {
    It 'have readable cells' {
        foreach ($type in $objects | Group-Object { $_.GetType().Name }) {
            $type.Group | ConvertTo-Csv | Should -Not -Match '"(System|CvManager)\.' -Because $type.Name
        }
        (Get-ContainerVersion -AllNamespaces | ConvertTo-Csv | ConvertFrom-Csv).Labels | Should -Be 'team=payments'
        ($image | ConvertTo-Csv | ConvertFrom-Csv).Tag | Should -Be "$second; production"
    }

    It 'keep lists and maps in JSON' {
        $json = Get-ContainerVersion -AllNamespaces | ConvertTo-Json -Depth 5 | ConvertFrom-Json
        $json.Labels.team | Should -Be 'payments'
        ($image | ConvertTo-Json | ConvertFrom-Json).Tag | Should -Be $second, 'production'
    }

    It 'give objects of <_> that other cmdlets accept' -ForEach 'Get-ContainerVersion', 'Get-CvRollout', 'Get-CvRolloutHistory', 'Get-CvWorkload', 'Start-CvReconcile' {
        $copy = & $_ -AllNamespaces | ConvertTo-Json -Depth 5 | ConvertFrom-Json
        ($copy | Get-ContainerVersion).Name | Should -Be $long
        ($copy | Get-CvRolloutHistory).ToVersion | Should -Be $second
    }
}

Describe 'Get-Member' {
    It 'shows properties and the methods of every object' {
        foreach ($type in $objects | Group-Object { $_.GetType().Name }) {
            $members = $type.Group[0] | Get-Member
            ($members | Where-Object MemberType -NotIn 'Property').Name | Should -Be 'Equals', 'GetHashCode', 'GetType', 'ToString' -Because $type.Name
        }
    }

    It 'does not show the properties that are only for parameters' {
        (Get-CvWorkload -AllNamespaces | Get-Member -MemberType Property).Name | Should -Not -Contain 'Workload'
        (Get-CvWorkload -AllNamespaces).Workload | Should -Be $long
        $record = Get-CvRolloutHistory -AllNamespaces
        ($record | Get-Member -MemberType Property).Name | Should -Not -Contain 'ToRecord'
        $record.ToRecord | Should -Be $record.Id
    }
}

Describe 'Format-List' {
    It 'shows no type names' {
        foreach ($type in $objects | Group-Object { $_.GetType().Name }) {
            $type.Group | Format-List | Out-String | Should -Not -Match ': \{?(System|CvManager)\.' -Because $type.Name
        }
    }
}

Describe 'A second copy of the module with another version' {
    It 'can be imported in the same session, <Order>' -ForEach @(
        @{ Order = 'after the first'; First = $false }
        @{ Order = 'before the first'; First = $true }
    ) {
        $module = (Get-Item "$PSScriptRoot/../../module/CvManager").FullName
        $copy = Join-Path $TestDrive "copy-$First/CvManager"
        $null = New-Item -ItemType Directory (Split-Path $copy)
        Copy-Item -Recurse $module $copy
        $manifest = Join-Path $copy 'CvManager.psd1'
        (Get-Content -Raw $manifest) -replace "ModuleVersion = '[^']+'", "ModuleVersion = '99.0.0'" | Set-Content $manifest
        $order = $First ? @($copy, $module) : @($module, $copy)
        $output = & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -Command "
            `$ErrorActionPreference = 'Stop'
            Import-Module '$($order[0])/CvManager.psd1'
            Import-Module '$($order[1])/CvManager.psd1'
            @(Get-Module CvManager).Count
            `$text = ""kind: ContainerVersion``napiVersion: custom.k8s.io/v1``nmetadata: {name: myapp}``nspec: {}"" | Test-ContainerVersion | Out-String
            `$text -match 'myapp: not valid'
            `$Error.Count"
        $LASTEXITCODE | Should -Be 0
        $output | Should -Be '2', 'True', '0'
    }
}
