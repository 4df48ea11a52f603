# Moves the tag demo onto the version that the pipeline has pushed, with the login of the job.
$ErrorActionPreference = 'Stop'
if (-not (Get-Module CvManager -ListAvailable)) { Install-PSResource CvManager -TrustRepository }
$password = ConvertTo-SecureString $env:CI_REGISTRY_PASSWORD -AsPlainText -Force
$login = [pscredential]::new($env:CI_REGISTRY_USER, $password)
Add-CvRegistryTag $env:CI_REGISTRY_IMAGE -Version $env:CI_COMMIT_SHA -Tag demo -Credential $login
