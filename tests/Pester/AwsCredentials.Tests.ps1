#Requires -Version 7.4
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# The SDK caches credentials for the life of a process, so that each test runs in a process of its own.
BeforeAll {
    $homeFolder = Join-Path $TestDrive 'home'
    $cache = New-Item -ItemType Directory (Join-Path $homeFolder '.aws/sso/cache')
    $expires = @{ valid = '2100-01-01T00:00:00Z'; expired = '2020-01-01T00:00:00Z'; refreshed = '2020-01-01T00:00:00Z'; revoked = '2100-01-01T00:00:00Z' }
    $configuration = foreach ($name in @($expires.Keys) + 'missing') {
        "[profile $name]", 'region = us-east-1', "sso_session = $name", 'sso_account_id = 123456789012', 'sso_role_name = Developer'
        "[sso-session $name]", 'sso_region = us-east-1', "sso_start_url = https://$name.awsapps.com/start"
    }
    $configuration += '[profile role]', 'role_arn = arn:aws:iam::123456789012:role/app', 'source_profile = expired', 'region = us-east-1'
    Set-Content (Join-Path $homeFolder '.aws/config') $configuration
    foreach ($name in $expires.Keys) {
        # The name of the file is the SHA-1 of the session's name, as in the AWS CLI.
        $file = [Convert]::ToHexString([Security.Cryptography.SHA1]::HashData([Text.Encoding]::UTF8.GetBytes($name))).ToLowerInvariant()
        $token = @{ accessToken = "token-of-$name"; expiresAt = $expires[$name]; region = 'us-east-1'; startUrl = "https://$name.awsapps.com/start" }
        if ($name -eq 'refreshed') {
            $token += @{ refreshToken = 'refresh'; clientId = 'client'; clientSecret = 'secret'; registrationExpiresAt = '2100-01-01T00:00:00Z' }
        }
        $token | ConvertTo-Json | Set-Content (Join-Path $cache "$file.json")
    }
    $webToken = Join-Path $TestDrive 'web-identity-token'
    Set-Content $webToken 'token-of-pod' -NoNewline

    $free = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
    $free.Start()
    $endpoint = "http://127.0.0.1:$($free.LocalEndpoint.Port)"
    $free.Stop()
    $listener = [Net.HttpListener]::new()
    $listener.Prefixes.Add("$endpoint/")
    $listener.Start()
    $requests = [Collections.Concurrent.ConcurrentQueue[string]]::new()
    # SSO, its token service, STS, and one operation of ECR.
    $server = Start-ThreadJob -ArgumentList $listener, $requests -ScriptBlock {
        param($listener, $requests)
        while ($listener.IsListening) {
            try { $context = $listener.GetContext() } catch { return }
            $body = [IO.StreamReader]::new($context.Request.InputStream).ReadToEnd()
            $status, $answer = switch ($context.Request.Url.AbsolutePath) {
                '/federation/credentials' {
                    $token = $context.Request.Headers['x-amz-sso_bearer_token']
                    $requests.Enqueue("sso $token")
                    if ($token -eq 'token-of-revoked') {
                        $context.Response.Headers['x-amzn-ErrorType'] = 'UnauthorizedException'
                        401, '{"message":"Session token not found or invalid"}'
                    } else {
                        200, '{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"secret","sessionToken":"session-of-sso","expiration":4102444800000}}'
                    }
                }
                '/token' { $requests.Enqueue('refresh'); 200, '{"accessToken":"token-of-renewal","expiresIn":3600,"refreshToken":"next","tokenType":"Bearer"}' }
                default {
                    if ($body -match 'Action=AssumeRoleWithWebIdentity') {
                        $requests.Enqueue("sts $([Regex]::Match($body, 'WebIdentityToken=([^&]*)').Groups[1].Value)")
                        200, ('<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>' +
                            '<AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session-of-web</SessionToken>' +
                            '<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>' +
                            '<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>')
                    } else {
                        $requests.Enqueue("ecr $($context.Request.Headers['X-Amz-Security-Token'])")
                        200, ('{"imageDetails":[{"imageDigest":"sha256:' + 'a' * 64 + '","imageTags":["demo","1a2b3c4"],"imagePushedAt":1700000000}]}')
                    }
                }
            }
            $context.Response.StatusCode = $status
            $bytes = [Text.Encoding]::UTF8.GetBytes($answer)
            $context.Response.Close($bytes, $true)
        }
    }

    $environment = @{
        AWS_CONFIG_FILE = Join-Path $homeFolder '.aws/config'; AWS_EC2_METADATA_DISABLED = 'true'; AWS_ENDPOINT_URL = $endpoint; AWS_REGION = 'us-east-1'
        HOME = $homeFolder; USERPROFILE = $homeFolder; DOTNET_CLI_HOME = $HOME; AWS_PROFILE = $null; AWS_ROLE_ARN = $null; AWS_WEB_IDENTITY_TOKEN_FILE = $null
        AWS_ACCESS_KEY_ID = $null; AWS_SECRET_ACCESS_KEY = $null; AWS_SHARED_CREDENTIALS_FILE = $null
    }
    $saved = @{}
    foreach ($name in $environment.Keys) { $saved[$name] = [Environment]::GetEnvironmentVariable($name) }

    function Read-Tag([hashtable] $Variable) {
        $requests.Clear()
        foreach ($name in $environment.Keys) { [Environment]::SetEnvironmentVariable($name, $Variable[$name] ?? $environment[$name]) }
        try {
            & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -NonInteractive -Command @"
& '$PSScriptRoot/Import-Modules.ps1'
try {
    (Get-CvRegistryTag 123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app demo -ErrorAction Stop).Version
} catch {
    (`$_.FullyQualifiedErrorId -split ',')[0], `$_.ErrorDetails.RecommendedAction
}
"@
        } finally {
            foreach ($name in $saved.Keys) { [Environment]::SetEnvironmentVariable($name, $saved[$name]) }
        }
    }
}

AfterAll {
    $listener.Close()
    $server | Remove-Job -Force
}

Describe 'AWS credentials' {
    It 'are those of the SSO login of the profile' {
        Read-Tag @{ AWS_PROFILE = 'valid' } | Should -Be '1a2b3c4'
        $requests.ToArray() | Should -Be 'sso token-of-valid', 'ecr session-of-sso'
    }

    It 'are those of an SSO login that is renewed' {
        Read-Tag @{ AWS_PROFILE = 'refreshed' } | Should -Be '1a2b3c4'
        $requests.ToArray() | Should -Be 'refresh', 'sso token-of-renewal', 'ecr session-of-sso'
    }

    It 'are those of the web identity' {
        Read-Tag @{ AWS_ROLE_ARN = 'arn:aws:iam::123456789012:role/app'; AWS_WEB_IDENTITY_TOKEN_FILE = $webToken } | Should -Be '1a2b3c4'
        $requests.ToArray() | Should -Be 'sts token-of-pod', 'ecr session-of-web'
    }

    It 'need a login when that of profile <profile> is missing, has expired or was revoked' -ForEach @(
        @{ profile = 'missing'; login = 'missing' }, @{ profile = 'expired'; login = 'expired' }, @{ profile = 'revoked'; login = 'revoked' }
        @{ profile = 'role'; login = 'expired' }
    ) {
        Read-Tag @{ AWS_PROFILE = $profile } | Should -Be 'RegistrySsoLoginRequired', "Run 'aws sso login --profile $login'."
        $requests.ToArray() -like 'ecr*' | Should -BeNullOrEmpty
    }
}

Describe 'The AWS SDK' {
    It 'is not loaded for other registries' {
        & $PSScriptRoot/Invoke-Pwsh.ps1 -NoProfile -NonInteractive -Command @"
& '$PSScriptRoot/Import-Modules.ps1'
`$registry = (Start-CvSandbox).Registry
`$null = Add-CvSandboxImage -Repository `$registry/team/app -Tag 1a2b3c4, demo
(Get-CvRegistryTag `$registry/team/app demo).Version
[AppDomain]::CurrentDomain.GetAssemblies().GetName().Name -like 'AWSSDK*'
Stop-CvSandbox
"@ | Should -Be '1a2b3c4'
    }
}
