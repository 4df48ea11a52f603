#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# Calls every cmdlet of both modules with every kind of wrong value for every parameter. The cases are made from the metadata of the
# cmdlets; a new mandatory parameter needs a valid value in the table below.
BeforeDiscovery {
    & $PSScriptRoot/Import-Modules.ps1
    $common = [System.Management.Automation.Cmdlet]::CommonParameters + [System.Management.Automation.Cmdlet]::OptionalCommonParameters
    $commands = Get-Command -Module CvManager, CvManager.Sandbox | Sort-Object Name
    $cases = foreach ($command in $commands) {
        @{
            Name       = $command.Name
            Parameters = @($command.Parameters.Keys | Where-Object { $_ -notin $common } | Sort-Object)
            Sets       = @($command.ParameterSets | ForEach-Object { @{ Name = $command.Name; Set = $_.Name } })
        }
    }
}

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
    $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
    $runspace.Open()

    # Runs a command in the session of the sandbox, and stops it after a while.
    function Invoke-InSession([string] $command, [System.Collections.IDictionary] $arguments = @{}, [switch] $Script) {
        $shell = [powershell]::Create($runspace)
        try {
            $null = $Script ? $shell.AddScript($command) : $shell.AddCommand($command)
            $null = $shell.AddParameters($arguments)
            $output = [System.Management.Automation.PSDataCollection[psobject]]::new()
            $running = $shell.BeginInvoke([System.Management.Automation.PSDataCollection[psobject]] $null, $output)
            $inTime = $running.AsyncWaitHandle.WaitOne(20000)
            if (-not $inTime) {
                $shell.Stop()
            }
            $failures = @($shell.Streams.Error)
            $rejected = $false
            try {
                $null = $shell.EndInvoke($running)
            }
            catch {
                $thrown = $_.Exception.InnerException ?? $_.Exception
                $rejected = $thrown -is [System.Management.Automation.ParameterBindingException]
                $failures += $thrown.ErrorRecord ?? $_
            }
            [pscustomobject]@{ InTime = $inTime; Rejected = $rejected; Output = @($output); Failures = $failures }
        }
        finally {
            $shell.Dispose()
        }
    }

    function Invoke-Setup([string] $script, $arguments = @{}) {
        $result = Invoke-InSession -Script $script $arguments
        if (-not $result.InTime -or $result.Failures) {
            throw "The setup failed: $($result.Failures)"
        }
        $result.Output
    }

    $session = Invoke-Setup {
        param($folder, $work)
        Set-Location $work
        $global:ConfirmPreference = 'None'
        . $folder/Start-Example.ps1 -Version '9f8e7d6', 'abcdef0'
        Add-CvRegistryTag $repository -Version '9f8e7d6' -Tag 'unused'
        Set-Content -LiteralPath ./myapp.yaml $manifest
        $global:sandbox = $sandbox
        $global:repository = $repository
        $global:manifest = $manifest
        @{
            Sandbox = $sandbox; Repository = $repository; Manifest = $manifest
            ContainerVersion = Get-ContainerVersion; Record = (Get-CvRolloutHistory)[-1].Id
        }
    } @{ folder = $PSScriptRoot; work = "$TestDrive" }

    # Valid values: of the mandatory parameters by name, and what each call of a cmdlet needs to end soon.
    $valid = @{
        Name = 'myappcv'; ImageRepo = 'r.example/team/other'; Tag = 'demo'; Container = 'app'; SemVer = '>=1'; VersionPattern = '^v([0-9]+)$'
        Newest = $true; AllNamespaces = $true; Path = (Join-Path $TestDrive 'myapp.yaml'); LiteralPath = (Join-Path $TestDrive 'myapp.yaml')
        Manifest = $session.Manifest; InputObject = $session.ContainerVersion; CrdOnly = $true; AsYaml = $true; Repository = $session.Repository
        Version = 'abcdef0'; ToVersion = '9f8e7d6'; ToRecord = $session.Record
        'New-ContainerVersion' = @{ Name = 'other'; ImageRepo = 'r.example/team/other'; Tag = 'demo'; Container = 'app' }
        # The image does not exist in the sandbox, so that no replica would become ready.
        'Install-CvController' = @{ Replicas = 0 }
        'Set-ContainerVersion' = @{ Container = 'other' }
        'Get-CvWorkload' = @{ Name = 'myapp' }
        'Connect-CvCluster' = @{ KubeConfig = $session.Sandbox.KubeConfig }
        'Wait-CvRollout' = @{ Timeout = '200ms' }
        'Invoke-CvRollback' = @{ Timeout = '1s' }
        'Test-CvController' = @{ Quiet = $true }
        'Start-CvReconcile' = @{ Timeout = '5s' }
        'Remove-CvRegistryTag' = @{ Tag = 'unused' }
    }

    # The arguments of a valid call in a parameter set.
    function Get-ValidArgument([string] $name, [string] $set) {
        $parameters = (Get-Command $name).ParameterSets | Where-Object Name -EQ $set | ForEach-Object Parameters
        $arguments = @{}
        foreach ($parameter in $parameters) {
            $own = $valid[$name]
            if ($own -and $own.ContainsKey($parameter.Name)) {
                $arguments[$parameter.Name] = $own[$parameter.Name]
            }
            elseif ($parameter.IsMandatory) {
                $valid.ContainsKey($parameter.Name) | Should -BeTrue -Because "the table has a valid value of -$($parameter.Name)"
                $arguments[$parameter.Name] = $valid[$parameter.Name]
            }
        }
        $arguments
    }

    $handler = [System.Net.Http.HttpClientHandler]::new()
    $handler.ServerCertificateCustomValidationCallback = [System.Net.Http.HttpClientHandler]::DangerousAcceptAnyServerCertificateValidator
    $client = [System.Net.Http.HttpClient]::new($handler)
    $client.DefaultRequestHeaders.Authorization = [System.Net.Http.Headers.AuthenticationHeaderValue]::new(
        'Bearer', [regex]::Match((Get-Content -Raw $session.Sandbox.KubeConfig), 'token: "(.+)"').Groups[1].Value)

    # The version of the newest object in the cluster, the names of all tags, and the images of those that the valid arguments name.
    function Get-State {
        $registry = "http://$($session.Sandbox.Registry)/v2"
        $list = $client.GetStringAsync("$($session.Sandbox.Server)/apis/custom.k8s.io/v1/containerversions?limit=1").Result | ConvertFrom-Json
        $tags = foreach ($name in ($client.GetStringAsync("$registry/_catalog").Result | ConvertFrom-Json).repositories) {
            $client.GetStringAsync("$registry/$name/tags/list").Result
        }
        $images = foreach ($tag in 'demo', 'unused') {
            $client.GetStringAsync("$registry/nearmap/cvm-example/manifests/$tag").Result
        }
        "$($list.metadata.resourceVersion) $tags $images"
    }

    # Restores what the valid arguments name.
    function Reset-State {
        $null = Invoke-Setup {
            Connect-CvCluster -KubeConfig $sandbox.KubeConfig
            Install-CvController -CrdOnly
            Get-ContainerVersion -AllNamespaces | Remove-ContainerVersion -Confirm:$false
            $null = $manifest | Import-ContainerVersion -IncludeWorkload
            Add-CvRegistryTag $repository -Version 'abcdef0' -Tag 'demo'
            Add-CvRegistryTag $repository -Version '9f8e7d6' -Tag 'unused'
            $null = Start-CvReconcile -Wait -Timeout 20s
        }
    }

    Reset-State

    $errorIds = [AppDomain]::CurrentDomain.GetAssemblies() | Where-Object { $_.GetName().Name -like 'CvManager.*' } | ForEach-Object GetTypes |
        Where-Object Name -Like '*ErrorIds' | ForEach-Object { $_.GetFields('Public, Static').Name } | Where-Object { $_ -ne 'UnexpectedError' }
    # Of PowerShell: -Path matches no file.
    $errorIds += 'PathNotFound'

    $wrong = [ordered]@{
        'null' = $null; 'an empty string' = ''; 'an empty array' = @(); 'an array of null' = @($null); 'a hashtable' = @{ unexpected = 1 }
        'an object' = [pscustomobject]@{ unexpected = 1 }; 'a huge number' = 1e30; 'a negative number' = -5; 'text' = 'unexpected text, (*'
        'a long text' = 'long ' * 20000; 'control characters' = "a`0b`e[2J`a`n"
    }
}

AfterAll {
    $null = Invoke-Setup { Stop-CvSandbox }
    $runspace.Dispose()
    $client.Dispose()
}

Describe '<Name>' -ForEach $cases {
    BeforeAll {
        $changes = (Get-Command $Name).Parameters.ContainsKey('WhatIf')
    }

    It 'changes nothing if it only reads, or with -WhatIf: <Set>' -ForEach $Sets {
        $arguments = Get-ValidArgument $Name $Set
        if ($changes) {
            $arguments['WhatIf'] = $true
        }
        $before = Get-State
        $result = Invoke-InSession $Name $arguments
        $result.InTime | Should -BeTrue
        $result.Failures | Should -BeNullOrEmpty
        Get-State | Should -Be $before
    }

    It 'takes or rejects wrong values of -<_>' -ForEach $Parameters {
        $parameter = (Get-Command $Name).Parameters[$_]
        $set = (Get-Command $Name).ParameterSets | Where-Object { $_.Parameters.Name -contains $parameter.Name } | Sort-Object IsDefault -Descending | Select-Object -First 1
        $validArguments = Get-ValidArgument $Name $set.Name
        $before = Get-State
        $problems = foreach ($kind in $wrong.Keys) {
            $value = $wrong[$kind]
            # A number is a valid value of a switch. With -Watch, a controller would run.
            if (($parameter.ParameterType -eq [switch] -and $value -is [ValueType]) -or ($value -is [array] -and -not $parameter.ParameterType.IsArray)) {
                continue
            }
            $arguments = $validArguments.Clone()
            $arguments[$parameter.Name] = $value
            $result = Invoke-InSession $Name $arguments
            if (-not $result.InTime) {
                "$kind`: does not end"
            }
            foreach ($failure in $result.Failures | Where-Object { -not $result.Rejected }) {
                $id = ($failure.FullyQualifiedErrorId -split ',')[0]
                $text = "$failure"
                if ($id -cnotin $errorIds) {
                    "$kind`: $id`: $($text[0..500] -join '')"
                }
                if ($text -match '[\x00-\x09\x0b-\x1f\x7f]') {
                    "$kind`: $id has control characters"
                }
                if ($id -ne 'PathNotFound' -and $text.Length -gt 2000) {
                    "$kind`: $id has a message of $($text.Length) characters"
                }
            }
            foreach ($started in $result.Output | Where-Object { $_.PSTypeNames -contains 'CvManager.Sandbox.PowerShell.CvSandbox' }) {
                $null = Invoke-InSession Stop-CvSandbox @{ Sandbox = $started }
                Reset-State
                $before = Get-State
            }
            if ($changes -and -not $result.Rejected -and (Get-State) -ne $before) {
                # After a time-out, the change was made, but the cluster did not complete it in time.
                if ($result.Failures -and $result.Failures.FullyQualifiedErrorId -notmatch '^\w+TimedOut,') {
                    "$kind`: changed something before $($result.Failures[0].FullyQualifiedErrorId)"
                }
                Reset-State
                $before = Get-State
            }
        }
        $problems -join "`n" | Should -BeNullOrEmpty
    }
}
