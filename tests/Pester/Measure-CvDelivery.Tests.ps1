#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Start-Example.ps1 -Version '9f8e7d6', 'abcdef0'
    # Only the ContainerVersion: the Deployment is on a later version by now.
    $resource = ($manifest -split '(?m)^---\s*$')[1] -creplace '(?m)^  name: myappcv', "  name: myappcv`n  labels: {team: web}"
    $null = $resource | Import-ContainerVersion
    $monday = [datetime]::new(2026, 1, 5, 0, 0, 0, [DateTimeKind]::Local)

    function New-Record([int] $id, [int] $minute, [string] $outcome = 'Succeeded', [string] $name = 'myapp', [string] $namespace = 'shop') {
        [CvManager.PowerShell.CvRolloutRecord] @{
            Namespace = $namespace; Name = $name; Id = "$id"; Workload = 'web'; Kind = 'Deployment'; Container = 'main'; ToVersion = "v$id"
            Outcome = $outcome; Started = $monday.AddMinutes($minute); Finished = $monday.AddMinutes($minute + 5); Who = 'controller'
        }
    }

    function Get-ErrorId([scriptblock] $command) {
        try {
            & $command
        }
        catch {
            $_.FullyQualifiedErrorId
        }
    }
}

AfterAll {
    Stop-CvSandbox
}

Describe 'Measure-CvDelivery' {
    It 'measures the history of the last 30 days' {
        $figures = Measure-CvDelivery
        $figures | Should -HaveCount 1
        $figures.Group | Should -Be 'default/myappcv'
        $figures.Deployments | Should -Be 2
        $figures.Changes | Should -Be 2
        $figures.FailureRate | Should -Be 0
        $figures.RestoreTime | Should -BeNullOrEmpty
        $figures.PerDay | Should -BeGreaterThan 0.06
        $figures.PerDay | Should -BeLessThan 0.07
        $figures.LeadTimeSeconds | Should -BeGreaterThan 0
        ($figures.Until - $figures.From).TotalDays | Should -Be 30
        $figures.Truncated | Should -BeFalse
    }

    It 'has the time at which the tag was seen, in the record' {
        foreach ($record in Get-CvRolloutHistory) {
            $record.TagSeen | Should -Not -BeNullOrEmpty
            $record.TagSeen | Should -BeLessOrEqual $record.Started
        }
    }

    It 'groups by namespace and by label' {
        (Measure-CvDelivery -By Namespace).Group | Should -Be 'default'
        (Measure-CvDelivery -AllNamespaces -By Label -LabelKey team).Group | Should -Be 'web'
        (Measure-CvDelivery -By Label -LabelKey nothing).Group | Should -Be ''
        (Get-CvRolloutHistory | Measure-CvDelivery -By Label -LabelKey team).Group | Should -Be 'web'
        Measure-CvDelivery -LabelSelector team=other | Should -BeNullOrEmpty
        (Measure-CvDelivery -LabelSelector team=web).Deployments | Should -Be 2
        $offered = [System.Management.Automation.CommandCompletion]::CompleteInput('Measure-CvDelivery -LabelKey te', 31, $null)
        $offered.CompletionMatches.CompletionText | Should -Be 'team'
    }

    It 'measures a window' {
        (Measure-CvDelivery -Since 1h).Deployments | Should -Be 2
        (Measure-CvDelivery -Until 1h).Deployments | Should -Be 0
        Get-ErrorId { Measure-CvDelivery -Since 1h -Until 2h } | Should -Be 'TimeRangeEmpty,CvManager.PowerShell.MeasureCvDeliveryCommand'
    }

    It 'selects by name, as objects and text from the pipeline do' {
        (Measure-CvDelivery my*).Deployments | Should -Be 2
        ('myappcv' | Measure-CvDelivery).Deployments | Should -Be 2
        (Get-ContainerVersion | Measure-CvDelivery).Deployments | Should -Be 2
        (Get-CvWorkload | Measure-CvDelivery).Deployments | Should -Be 2
        (Get-ContainerVersion | Measure-CvDelivery).Group | Should -Be 'default/myappcv'
        Measure-CvDelivery nope -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -Be 'ContainerVersionNotFound,CvManager.PowerShell.MeasureCvDeliveryCommand'
    }

    It 'measures records from the pipeline, each once, from the first one on' {
        $records = (New-Record 1 0), (New-Record 2 60 RolledBack), (New-Record 3 (3 * 24 * 60 - 5)), (New-Record 3 (3 * 24 * 60 - 5))
        $figures = $records | Measure-CvDelivery -Until $monday.AddDays(4) -KubeConfig /nowhere
        $figures.Group | Should -Be 'shop/myapp'
        $figures.From | Should -Be $monday
        $figures.Deployments | Should -Be 2
        $figures.PerDay | Should -Be 0.5
        $figures.FailedChanges | Should -Be 1
        $figures.LeadTime | Should -Be '5m'
        $figures.RestoreTime | Should -Be '5m'
        $figures.RestoreTimeP90Seconds | Should -Be 300
        ($records | Measure-CvDelivery -Until $monday.AddDays(4) -Since $monday.AddDays(1)).Deployments | Should -Be 1
        (Get-CvRolloutHistory -Version 9f8e7d6 | Measure-CvDelivery).Deployments | Should -Be 1
        (Get-CvRolloutHistory | ConvertTo-Json | ConvertFrom-Json | Measure-CvDelivery).Deployments | Should -Be 2
    }

    It 'filters records from the pipeline' {
        $records = (New-Record 1 0), (New-Record 2 0 -Name other), (New-Record 3 0 -Namespace second)
        ($records | Measure-CvDelivery).Group | Should -Be 'second/myapp', 'shop/myapp', 'shop/other'
        ($records | Measure-CvDelivery -Name oth*).Group | Should -Be 'shop/other'
        ($records | Measure-CvDelivery -Namespace second).Group | Should -Be 'second/myapp'
    }

    It 'says that a history is cut off' {
        $records = 1..500 | ForEach-Object { New-Record $_ (10 * $_) }
        $figures = $records | Measure-CvDelivery -Since $monday -Until $monday.AddDays(4) -WarningVariable warning -WarningAction SilentlyContinue
        $figures.Truncated | Should -BeTrue
        $figures.From | Should -Be $monday.AddMinutes(15)
        $warning | Should -HaveCount 1
        $figures = $records | Measure-CvDelivery -Since $monday.AddDays(1) -Until $monday.AddDays(4) -WarningVariable warning
        $figures.Truncated | Should -BeFalse
        $warning | Should -BeNullOrEmpty
    }

    It 'refuses a label that does not belong to the grouping' {
        Get-ErrorId { Measure-CvDelivery -By Label } | Should -Be 'LabelKeyMissing,CvManager.PowerShell.MeasureCvDeliveryCommand'
        Get-ErrorId { Measure-CvDelivery -LabelKey team } | Should -Be 'ParameterNotApplicable,CvManager.PowerShell.MeasureCvDeliveryCommand'
    }

    It 'is shown as a table of 80 columns' {
        $text = New-Record 1 0 | Measure-CvDelivery -Until $monday.AddDays(4) | Out-String -Width 80
        $text | Should -Match 'Deployments +PerDay +LeadTime +FailureRate +RestoreTime +Group'
        $text | Should -Match '1 +0\.25 +5m +0 % +shop/myapp'
    }
}
