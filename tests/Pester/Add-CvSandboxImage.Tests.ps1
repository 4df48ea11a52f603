#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    & $PSScriptRoot/Import-Modules.ps1
}

Describe 'Add-CvSandboxImage' {
    BeforeAll {
        $sandbox = Start-CvSandbox
    }

    AfterAll {
        Stop-CvSandbox
    }

    It 'adds all tags to one image' {
        $image = Add-CvSandboxImage team/app 1a2b3c4, demo
        $image.Image | Should -Be "$($sandbox.Registry)/team/app:1a2b3c4"
        foreach ($tag in '1a2b3c4', 'demo') {
            $answer = Invoke-WebRequest -Method Head "http://$($sandbox.Registry)/v2/team/app/manifests/$tag"
            "$($answer.Headers['Docker-Content-Digest'])" | Should -Be $image.Digest
        }
    }

    It 'creates a new image each time' {
        (Add-CvSandboxImage team/app one).Digest | Should -Not -Be (Add-CvSandboxImage team/app one).Digest
    }

    It 'shows that a broken image cannot be pulled' {
        (Add-CvSandboxImage team/app bad -Broken).Pullable | Should -BeFalse
        (Add-CvSandboxImage team/app good).Pullable | Should -BeTrue
    }

    It 'rejects an invalid <What>' -ForEach @{ What = 'repository'; Repository = 'No Such'; Tag = 'x' }, @{ What = 'tag'; Repository = 'a'; Tag = 'no tag' } {
        { Add-CvSandboxImage $Repository $Tag -ErrorAction Stop } |
            Should -Throw -ErrorId 'SandboxImageInvalid,CvManager.Sandbox.PowerShell.AddCvSandboxImageCommand'
    }
}
