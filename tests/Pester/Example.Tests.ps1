#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# Runs the examples of the help unchanged on a prepared sandbox, except those that need other programs or a running controller, or that do not end.
BeforeDiscovery {
    & $PSScriptRoot/Import-Modules.ps1
    $examples = foreach ($command in Get-Command -Module CvManager | Where-Object Name -NotLike '*-CvSandbox' | Where-Object Name -NE 'Test-CvController') {
        foreach ($example in (Get-Help $command.Name).examples.example | Where-Object code -NotMatch 'helm|kubectl|-Watch|Connect-CvCluster|Start-CvSandbox') {
            @{ Name = $command.Name; Title = $example.title -replace '^[- ]+|[- ]+$'; Code = $example.code }
        }
    }
    $sessionExamples = foreach ($name in 'Start-CvSandbox', 'Stop-CvSandbox', 'Add-CvSandboxImage', 'Connect-CvCluster') {
        foreach ($example in (Get-Help $name).examples.example) {
            @{ Name = $name; Title = $example.title -replace '^[- ]+|[- ]+$'; Code = $example.code }
        }
    }
}

Describe 'The examples of the help' {
    BeforeAll {
        $sandbox = Start-CvSandbox
        $registry = $sandbox.Registry
        Install-CvController -CrdOnly
        $manifest = (Get-Content -Raw (Join-Path $PSScriptRoot '../../examples/cvm-example/myapp.yaml')).Replace('${ECR_ENDPOINT}', $registry).Replace('myappcv', 'myapp')
        Push-Location (New-Item -ItemType Directory (Join-Path $TestDrive 'work'))
        $null = New-Item -ItemType Directory ./deploy
        Set-Content ./deploy/myapp.yaml $manifest
        Copy-Item $sandbox.KubeConfig ./staging.kubeconfig
        Set-Content ./myapp.yaml $manifest
        Copy-Item -Recurse (Join-Path $PSScriptRoot '../../examples') .
        $env:CIRCLE_SHA1 = $env:GIT_SHA = '1a2b3c4'

        # The namespace kube-public is used in place of shop.
        function Reset-ContainerVersion {
            Install-CvController -CrdOnly
            Get-ContainerVersion -AllNamespaces | Remove-ContainerVersion -Confirm:$false
            foreach ($ns in 'default', 'kube-public') {
                $null = $manifest | Import-ContainerVersion -IncludeWorkload -Namespace $ns
            }
            $null = Start-CvReconcile -AllNamespaces -Wait -Timeout 1m
        }
        foreach ($version in '6e4ae1c', '9f8e7d6', '5d6e7f8', '1a2b3c4') {
            foreach ($repository in "$registry/nearmap/cvm-example", "$registry/team/myapp") {
                $null = Add-CvSandboxImage $repository $version, 'demo', 'qa', 'staging', 'preview-7'
            }
            Reset-ContainerVersion
        }
    }

    AfterAll {
        Pop-Location
        Stop-CvSandbox
        Remove-Item env:CIRCLE_SHA1, env:GIT_SHA -ErrorAction Ignore
    }

    It '<Name>: <Title>' -ForEach $examples {
        Reset-ContainerVersion
        if ($Name -eq 'New-ContainerVersion') {
            Remove-ContainerVersion myapp -AllNamespaces -Confirm:$false
        }
        if ($Name -eq 'Uninstall-CvController') {
            Install-CvController
        }
        $script = $Code -replace '-Namespace shop', '-Namespace kube-public' -replace '-Context prod' -replace '-Confirm(?!:)', '-Confirm:$false' -replace
            '(?<=[ ''])nearmap/cvm-example', "$registry/nearmap/cvm-example" -replace 'registry\.example\.com', $registry -replace 'docker\.io', $registry -replace
            'exit 1', 'throw "not valid"' -replace '-Timeout \d+m', '-Timeout 20s'
        if ($script -match 'Invoke-CvRollback.* -Wait') {
            # -Wait needs a running controller.
            $script = $script -replace ' -Wait -Timeout 20s'
        }
        if ($Name -eq 'Install-CvController') {
            # The image does not exist in the sandbox.
            $script = $script -replace ' -Wait' -replace 'shop-test', 'default'
        }
        { & ([scriptblock]::Create("`$ErrorActionPreference = 'Stop'`n`$ConfirmPreference = 'None'`n$script")) | Out-String } | Should -Not -Throw
        if ($Name -like '*-CvController') {
            foreach ($ns in 'cvmanager', 'shop-cd') {
                try { Uninstall-CvController -ControllerNamespace $ns -Confirm:$false } catch { $_.FullyQualifiedErrorId | Should -BeLike 'ControllerNotInstalled,*' }
            }
        }
    }
}

Describe 'The examples that start sandboxes, or connect to a cluster' {
    BeforeAll {
        Push-Location (New-Item -ItemType Directory (Join-Path $TestDrive 'session'))
        $kubeConfig = $env:KUBECONFIG
    }

    BeforeEach {
        $env:KUBECONFIG = (Start-CvSandbox -KubeConfig ./staging.kubeconfig).KubeConfig
    }

    AfterEach {
        if (Test-Path ./staging.kubeconfig) {
            Stop-CvSandbox
        }
    }

    AfterAll {
        $env:KUBECONFIG = $kubeConfig
        Pop-Location
    }

    It '<Name>: <Title>' -ForEach $sessionExamples {
        # Free ports in place of fixed ones; the context of the sandbox; no programs.
        $script = $Code -replace '(Port) \d+', '$1 0' -replace 'Connect-CvCluster prod', 'Connect-CvCluster cvm-sandbox' -replace '\*qa\*', '*sandbox*' -replace '(?m)^kubectl .*'
        { & ([scriptblock]::Create("`$ErrorActionPreference = 'Stop'`n`$ConfirmPreference = 'None'`n$script")) | Out-String } | Should -Not -Throw
    }
}
