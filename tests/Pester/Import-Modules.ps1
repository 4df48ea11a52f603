# Imports both modules of this build, as a user does who has the repository.
Import-Module "$PSScriptRoot/../../module/CvManager/CvManager.psd1", "$PSScriptRoot/../../module/CvManager.Sandbox/CvManager.Sandbox.psd1" -Global
