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

    It 'begins its links with the page of the cmdlet, which exists' {
        $links = @($help.relatedLinks.navigationLink)
        $links[0].uri | Should -Be $command.HelpUri
        $command.HelpUri | Should -Be "https://github.com/cvmanager/cvmanager/blob/main/docs/$Name.md"
        Join-Path $docs "$Name.md" | Should -Exist
        $links.Count | Should -BeGreaterThan 1
        foreach ($link in $links | Select-Object -Skip 1) {
            Get-Help $link.linkText | Should -Not -BeNullOrEmpty -Because $link.linkText
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

    It 'has a short description in the list of topics' {
        (Get-Help 'about_Cv*' | Where-Object Name -EQ $Topic).Synopsis ?? (Get-Help 'about_Container*' | Where-Object Name -EQ $Topic).Synopsis |
            Should -Match '\w+ \w+'
    }

    It 'has code of existing commands and parameters' {
        $blocks = [regex]::Matches((Get-Content -Raw $Path), '(?ms)^```powershell\r?\n(.*?)^```')
        $blocks.Count | Should -BeGreaterThan 0
        foreach ($block in $blocks) {
            Get-ScriptProblem $block.Groups[1].Value | Should -BeNullOrEmpty
        }
    }
}
