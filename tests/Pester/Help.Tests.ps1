#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeDiscovery {
    & $PSScriptRoot/Import-Modules.ps1
    $names = Get-Command -Module CvManager, CvManager.Sandbox | Sort-Object Name | ForEach-Object { @{ Name = $_.Name } }
    $topics = Get-ChildItem $PSScriptRoot/../../docs/about_*.md | ForEach-Object { @{ Topic = $_.BaseName; Path = $_.FullName } }
}

BeforeAll {
    $manifests = foreach ($name in 'CvManager', 'CvManager.Sandbox') { Join-Path $PSScriptRoot "../../module/$name/$name.psd1" }
    $docs = Join-Path $PSScriptRoot '../../docs'

    # An object whose texts are not valid, so that no request is sent with them.
    function New-FilledObject([type] $type) {
        $object = [Activator]::CreateInstance($type)
        foreach ($property in $type.GetProperties() | Where-Object { $_.CanWrite -and $_.PropertyType -eq [string] }) {
            $property.SetValue($object, 'Not Valid')
        }
        $object
    }

    # Errors in a script: of its syntax, and commands and parameters that do not exist, or are abbreviated.
    function Get-ScriptProblem([string] $code) {
        $tokens = $errors = $null
        $tree = [System.Management.Automation.Language.Parser]::ParseInput($code, [ref] $tokens, [ref] $errors)
        $errors.Message
        foreach ($command in $tree.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true)) {
            $name = $command.GetCommandName()
            # Programs, such as kubectl, have no hyphen in their name.
            if (-not $name -or $name -notmatch '^\w+-\w+$') { continue }
            $info = Get-Command $name -ErrorAction Ignore
            if (-not $info -or $info.CommandType -eq 'Alias' -or $info.Name -cne $name) { "$name is not a cmdlet"; continue }
            foreach ($parameter in $command.CommandElements | Where-Object { $_ -is [System.Management.Automation.Language.CommandParameterAst] }) {
                # Also the operators of Where-Object, whose case does not matter.
                if (-not $info.Parameters.ContainsKey($parameter.ParameterName)) { "$name has no parameter -$($parameter.ParameterName)" }
            }
        }
    }
}

Describe 'The help of <Name>' -ForEach $names {
    BeforeAll {
        $help = Get-Help $Name -Full
        $command = Get-Command $Name
        $text = $help | Out-String -Width 120
    }

    It 'has a synopsis and a description' {
        $help.Synopsis | Should -Not -BeNullOrEmpty
        $help.Synopsis | Should -Not -Match "^\s*$Name" -Because 'it would be the generated syntax'
        $help.description.Text | Should -Not -BeNullOrEmpty
    }

    It 'has three examples or more, with code and a sentence each' {
        @($help.examples.example).Count | Should -BeGreaterOrEqual 3
        foreach ($example in $help.examples.example) {
            $example.title | Should -Match 'Example \d+: \w+'
            $example.code | Should -Not -BeNullOrEmpty
            -join $example.remarks.Text | Should -Match '\w+ \w+.*\.' -Because $example.title
        }
    }

    It 'has examples of existing commands and parameters' {
        foreach ($example in $help.examples.example) {
            Get-ScriptProblem $example.code | Should -BeNullOrEmpty -Because $example.title
        }
    }

    It 'has a text and a default value for every parameter' {
        $documented = @($help.parameters.parameter)
        foreach ($parameter in $command.Parameters.Keys | Where-Object { $_ -notin [System.Management.Automation.Cmdlet]::CommonParameters }) {
            $entry = $documented | Where-Object name -EQ $parameter
            $entry | Should -HaveCount 1 -Because "-$parameter is documented once"
            -join $entry.description.Text | Should -Match '\w+ ?\w*.*\.' -Because "-$parameter"
            $entry.defaultValue | Should -Not -BeNullOrEmpty -Because "-$parameter"
        }
    }

    It 'names the types of its input and output' {
        foreach ($type in @($help.inputTypes.inputType) + @($help.returnValues.returnValue)) {
            $type.type.name | Should -Match '^(None|System\.(String|Boolean|Object)|CvManager(\.Sandbox)?\.PowerShell\.\w+)$'
            -join $type.description.Text | Should -Not -BeNullOrEmpty -Because $type.type.name
        }
        $takesInput = $command.Parameters.Values.Attributes | Where-Object { $_.ValueFromPipeline -or $_.ValueFromPipelineByPropertyName }
        $help.inputTypes.inputType[0].type.name -eq 'None' | Should -Be (-not $takesInput)
    }

    It 'takes the input that it names' {
        # No cluster: an object that binds leads to another error than one that does not.
        $kubeConfig = $env:KUBECONFIG
        $env:KUBECONFIG = Join-Path $TestDrive 'none'
        try {
            foreach ($type in $help.inputTypes.inputType.type.name | Where-Object { $_ -notin 'None', 'System.Object' }) {
                $object = if ($type -eq 'System.String') { 'Not Valid' } else { New-FilledObject ($type -as [type]) }
                $required = @{}
                $setParameters = $command.ParameterSets.Parameters | Where-Object { $_.IsMandatory -and -not ($_.ValueFromPipeline -or $_.ValueFromPipelineByPropertyName) }
                $inAllSets = $setParameters | Group-Object Name | Where-Object Count -EQ $command.ParameterSets.Count
                foreach ($parameter in $inAllSets.Name) { $required[$parameter] = 'Not Valid' }
                if ($command.Parameters.ContainsKey('WhatIf')) { $required.WhatIf = $true }
                $problem = $null
                try {
                    $null = $object | & $Name @required -ErrorAction SilentlyContinue -ErrorVariable problem -WarningAction Ignore
                }
                catch {
                    $problem = @($_) + $problem
                }
                $problem.FullyQualifiedErrorId -join ' ' | Should -Not -Match 'InputObjectNotBound|AmbiguousParameterSet|MissingMandatoryParameter|ParameterArgument' -Because "it takes $type"
            }
        }
        finally {
            $env:KUBECONFIG = $kubeConfig
        }
    }

    It 'begins its links with the page of the cmdlet, which exists' {
        $links = @($help.relatedLinks.navigationLink)
        $links[0].uri | Should -Be $command.HelpUri
        $command.HelpUri | Should -Be "https://github.com/cvmanager/cvmanager/blob/main/docs/$Name.md"
        Join-Path $docs "$Name.md" | Should -Exist
        $links.Count | Should -BeGreaterThan 1
        foreach ($link in $links | Select-Object -Skip 1) {
            Join-Path $docs "$($link.linkText).md" | Should -Exist
        }
    }

    It 'has no empty section and no Markdown' {
        $text | Should -Not -Match '(?m)^NOTES\s+(?=^\S|\z)' -Because 'an empty section says nothing'
        $text | Should -Not -Match '\]\(|\*\*|^#|```' -Because 'Get-Help shows plain text'
        foreach ($part in @($help.description.Text) + @($help.parameters.parameter.description.Text) + @($help.alertSet.alert.Text)) {
            $part | Should -Not -Match '`' -Because 'Get-Help shows plain text'
        }
    }
}

Describe 'The topic <Topic>' -ForEach $topics {
    BeforeAll {
        $text = Get-Help $Topic
        $lines = $text -split '\r?\n'
    }

    It 'is found after import' {
        $text | Should -BeOfType string
        $lines[0..1] | Should -Be 'TOPIC', "    $Topic"
    }

    It 'has the sections of an about topic' {
        $sections = $lines -match '^\S'
        $sections[0..2] | Should -Be 'TOPIC', 'SHORT DESCRIPTION', 'LONG DESCRIPTION'
        $sections | Should -Contain 'EXAMPLES'
        $sections[-1] | Should -Be 'SEE ALSO'
        $sections | Should -BeExactly $sections.ToUpperInvariant()
    }

    It 'has lines of at most 80 columns and no Markdown' {
        $lines | Where-Object Length -GT 80 | Should -BeNullOrEmpty
        $text | Should -Not -Match '`|\*\*|\]\(|(?m)^\s{0,2}#|\|\s*---'
    }

    It 'has a short description where Get-Help looks for one' {
        $lines[3] | Should -Be 'SHORT DESCRIPTION'
        $lines[4] | Should -Match '^    \w+ \w+'
    }

    It 'has code of existing commands and parameters' {
        $blocks = [regex]::Matches((Get-Content -Raw $Path), '(?ms)^```powershell\r?\n(.*?)^```')
        $blocks.Count | Should -BeGreaterThan 0
        foreach ($block in $blocks) {
            Get-ScriptProblem $block.Groups[1].Value | Should -BeNullOrEmpty
        }
    }
}

Describe 'The topics' {
    BeforeAll {
        # Runs a script in a new process that finds the modules by their names, as after Install-PSResource.
        function Invoke-WithModules([string] $script) {
            $file = Join-Path $TestDrive 'script.ps1'
            Set-Content $file $script
            $before = $env:PSModulePath
            $env:PSModulePath = (Resolve-Path (Join-Path $PSScriptRoot '../../module')).Path + [IO.Path]::PathSeparator + $before
            try {
                & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -NonInteractive -File $file
            }
            finally {
                $env:PSModulePath = $before
            }
        }

        # The commands of a section of about_CvManager, as Get-Help shows them: text has 4 columns of indentation, code has 8.
        $steps = {
            param([string] $section)
            $text = (Get-Help about_CvManager) -split '(?m)^(?=\S)' | Where-Object { $_ -match "^$section\r?\n" }
            ($text -split '\r?\n' | Where-Object { $_ -match '^ {8}' }) -replace '^ {8}' -join "`n"
        }
    }

    It 'are those that CvManager has' {
        $topics = (Get-ChildItem $docs/about_*.md).BaseName | Sort-Object
        $topics | Should -Be 'about_ContainerVersion', 'about_CvCI', 'about_CvController', 'about_CvCredentials', 'about_CvManager', 'about_CvRegistry'
    }

    It 'are listed, and are found by name without an import' {
        $output = Invoke-WithModules @'
            (Get-Help about_CvManager) -split '\r?\n' | Select-Object -Index 1
            (Get-Help 'about_Cv*') | Sort-Object Name | ForEach-Object { "$($_.Name) $($_.Synopsis)" }
            (Get-Module).Name | Where-Object { $_ -like 'CvManager*' }
'@
        $LASTEXITCODE | Should -Be 0
        $output[0] | Should -Be '    about_CvManager'
        $output | Select-Object -Skip 1 | ForEach-Object { $_ -replace ' .*' } | Should -Be 'about_CvCI', 'about_CvController', 'about_CvCredentials', 'about_CvManager', 'about_CvRegistry'
        $output | Select-Object -Skip 1 | Should -Match '^about_\w+ \w+ \w+'
    }

    It 'get a new user to a first rollout in a sandbox' {
        $output = Invoke-WithModules @"
            # Results begin with '= ', and the lines that a wait shows do not.
            `$ErrorActionPreference = 'Stop'
            `$steps = & { $steps } 'FIRST ROLLOUT IN A SANDBOX'
            `$objects = . ([scriptblock]::Create(`$steps))
            `$objects | Where-Object { `$_.GetType().Name -eq 'CvWorkload' } | ForEach-Object { "= `$(`$_.Kind) `$(`$_.Name) `$(`$_.Version) `$(`$_.Available)" }
            `$objects | Where-Object { `$_.GetType().Name -eq 'CvReconcileResult' } | ForEach-Object { "= `$(`$_.Outcome)" }
            `$objects | Where-Object { `$_.GetType().Name -eq 'CvRolloutRecord' } | ForEach-Object { "= `$(`$_.FromVersion) `$(`$_.ToVersion) `$(`$_.Outcome)" }
"@
        $LASTEXITCODE | Should -Be 0 -Because ($output -join "`n")
        $output -match '^= ' -replace '^= ' | Should -Be @(
            'Deployment myapp 1a2b3c4 2', 'Deployment myapp 5d6e7f8 2', 'Deployment myapp 1a2b3c4 2'
            'UpToDate', 'Planned', 'Succeeded', 'Succeeded'
            '1a2b3c4 5d6e7f8 Succeeded'
        )
    }

    It 'get a new user to a first rollout in a cluster of their own' {
        # A sandbox in place of the cluster and the registry. The workload exists, and has the label that kubectl would set.
        $output = Invoke-WithModules @"
            `$ErrorActionPreference = 'Stop'
            `$sandbox = Start-CvSandbox -NoConnect
            `$env:KUBECONFIG = `$sandbox.KubeConfig
            `$null = Add-CvSandboxImage team/myapp 1a2b3c4
            @{
                apiVersion = 'apps/v1'; kind = 'Deployment'; metadata = @{ name = 'myapp'; labels = @{ cvapp = 'myapp' } }
                spec = @{
                    selector = @{ matchLabels = @{ app = 'myapp' } }
                    template = @{ metadata = @{ labels = @{ app = 'myapp' } }; spec = @{ containers = @(@{ name = 'web'; image = "`$(`$sandbox.Registry)/team/myapp:0a0b0c0" }) } }
                }
            } | ConvertTo-Json -Depth 10 | Import-ContainerVersion -IncludeWorkload
            `$steps = (& { $steps } 'FIRST ROLLOUT IN YOUR OWN CLUSTER') -split "``n" -notmatch '^kubectl |-Watch' -join "``n"
            `$steps = `$steps.Replace('my-context', `$sandbox.Context).Replace('registry.example.com', `$sandbox.Registry)
            `$objects = . ([scriptblock]::Create(`$steps))
            `$objects | Where-Object { `$_.GetType().Name -eq 'ContainerVersionTest' } | ForEach-Object { "= `$(`$_.Valid)" }
            `$objects | Where-Object { `$_.GetType().Name -eq 'CvReconcileResult' } | ForEach-Object { "= `$(`$_.Outcome)" }
            `$objects | Where-Object { `$_.GetType().Name -eq 'CvWorkload' } | ForEach-Object { "= `$(`$_.Kind) `$(`$_.Name) `$(`$_.Version) `$(`$_.Available)" }
"@
        $LASTEXITCODE | Should -Be 0 -Because ($output -join "`n")
        $output -match '^= ' -replace '^= ' | Should -Be 'True', 'Planned', 'Succeeded', 'Deployment myapp 1a2b3c4 1'
    }
}

Describe 'The README' {
    It 'has code of existing commands and parameters' {
        $blocks = [regex]::Matches((Get-Content -Raw $docs/../README.md), '(?ms)^```powershell\r?\n(.*?)^```')
        $blocks.Count | Should -BeGreaterThan 2
        foreach ($block in $blocks) {
            Get-ScriptProblem $block.Groups[1].Value | Should -BeNullOrEmpty
        }
    }

    It 'lists every cmdlet and every topic' {
        $text = Get-Content -Raw $docs/../README.md
        foreach ($page in Get-ChildItem $docs/*-C*.md, $docs/about_*.md) {
            $text | Should -Match "\[``$($page.BaseName)``\]\(docs/$($page.Name)\)"
        }
    }
}
