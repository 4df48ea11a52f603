using System.Management.Automation;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.ContainerVersion;

/// <summary>The ContainerVersion cmdlets on a sandbox.</summary>
public sealed class ContainerVersionCmdletTests : IDisposable
{
    private const string Former = "6e4ae1c";
    private const string Next = "9f8e7d6";

    private readonly PowerShellSession _session = new();
    private readonly string _manifest;

    public ContainerVersionCmdletTests()
    {
        var sandbox = _session.Invoke("$sandbox = Start-CvSandbox; Install-CvController -CrdOnly; $sandbox").Single();
        var registry = (string)sandbox.Properties["Registry"].Value;
        _manifest = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "examples", "cvm-example", "myapp.yaml"))
            .Replace("${ECR_ENDPOINT}", registry, StringComparison.Ordinal);
        _session
            .Invoke("$repository = $registry + '/nearmap/cvm-example'; $manifest = $text", ("registry", registry), ("text", _manifest))
            .AssertNoErrors();
        _session.Invoke($"$null = Add-CvSandboxImage -Repository $repository -Tag {Former}, demo").AssertNoErrors();
    }

    public void Dispose()
    {
        _session.Invoke("Stop-CvSandbox");
        _session.Dispose();
    }

    [Fact]
    public void An_applied_manifest_is_listed_and_can_be_applied_again()
    {
        var imported = _session.Invoke("$manifest | Import-ContainerVersion -IncludeWorkload").AssertNoErrors();

        Assert.Equal(["myappcv"], imported.Values<string>("Name"));
        Assert.Equal(["demo"], _session.Invoke("Get-ContainerVersion").AssertNoErrors().Values<string>("Tag"));
        Assert.Equal(["myapp"], _session.Invoke("Get-CvWorkload").AssertNoErrors().Values<string>("Name"));
        Assert.Equal([Former], _session.Invoke("Get-CvWorkload").AssertNoErrors().Values<string>("Version"));
        Assert.Single(_session.Invoke("$manifest | Import-ContainerVersion -IncludeWorkload").AssertNoErrors().Output);
        Assert.Single(_session.Invoke("Get-ContainerVersion").AssertNoErrors().Output);
    }

    [Fact]
    public void Workloads_are_skipped_with_a_warning_without_IncludeWorkload()
    {
        var imported = _session.Invoke("$manifest | Import-ContainerVersion").AssertNoErrors();

        Assert.Contains("Deployment myapp", Assert.Single(imported.Warnings), StringComparison.Ordinal);
        Assert.Empty(_session.Invoke("Get-CvWorkload").AssertNoErrors().Output);
    }

    [Fact]
    public void WhatIf_applies_nothing()
    {
        Assert.Empty(_session.Invoke("$manifest | Import-ContainerVersion -IncludeWorkload -WhatIf").AssertNoErrors().Output);

        Assert.Empty(_session.Invoke("Get-ContainerVersion").AssertNoErrors().Output);
    }

    [Fact]
    public void Missing_names_are_errors_and_unmatched_wildcards_are_not()
    {
        _session.Invoke("$manifest | Import-ContainerVersion -WarningAction SilentlyContinue").AssertNoErrors();

        Assert.Empty(_session.Invoke("Get-ContainerVersion nope*").AssertNoErrors().Output);
        Assert.Equal(["myappcv"], _session.Invoke("Get-ContainerVersion MYAPP* -AllNamespaces").AssertNoErrors().Values<string>("Name"));
        foreach (
            var script in new[]
            {
                "Get-ContainerVersion nope",
                "Get-ContainerVersion nope -AllNamespaces",
                "Start-CvReconcile nope",
                "Test-ContainerVersion -Name nope",
            }
        )
        {
            var error = _session.Invoke(script).Error();
            Assert.StartsWith("ContainerVersionNotFound,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Equal(ErrorCategory.ObjectNotFound, error.CategoryInfo.Category);
        }
    }

    [Theory]
    [InlineData("tag: demo", "tag: demo\n  versionSyntax: '[0-9'", "ContainerVersionInvalid")]
    [InlineData("nearmap/cvm-example\n  tag", "nearmap/cvm-example:1\n  tag", "ContainerVersionInvalid")]
    [InlineData("name: myappcv", "name: myappcv\n  namespace: other", "NamespaceMismatch")]
    public void An_invalid_resource_is_rejected_and_nothing_is_applied(string from, string to, string id)
    {
        var wrong = _manifest.Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual(_manifest, wrong);

        var error = _session
            .Invoke("$wrong | Import-ContainerVersion -Namespace default -WarningAction SilentlyContinue", ("wrong", wrong))
            .Error();

        Assert.StartsWith(id + ",", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(ErrorCategory.InvalidData, error.CategoryInfo.Category);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
        Assert.Empty(_session.Invoke("Get-ContainerVersion").AssertNoErrors().Output);
    }

    [Fact]
    public void WhatIf_shows_the_plan_and_writes_nothing()
    {
        _session.Invoke("$null = $manifest | Import-ContainerVersion -IncludeWorkload").AssertNoErrors();
        _session.Invoke($"$null = Add-CvSandboxImage -Repository $repository -Tag {Next}, demo").AssertNoErrors();

        var planned = _session.Invoke("Start-CvReconcile -WhatIf").Single();
        var tested = _session.Invoke("Test-ContainerVersion -Name *").Single();

        Assert.Equal(("Planned", Next), ((string)planned.Properties["Outcome"].Value, (string)planned.Properties["Version"].Value));
        Assert.Contains($"{Next}@sha256:", _session.Host.Text, StringComparison.Ordinal);
        Facts.AssertIn((string)tested.Properties["Plan"].Value, Next, "Deployment/myapp");
        Assert.Equal([Former], _session.Invoke("Get-CvWorkload").AssertNoErrors().Values<string>("Version"));
        Assert.Equal([null], _session.Invoke("Get-ContainerVersion").AssertNoErrors().Values<bool?>("Ready"));
    }

    [Fact]
    public void A_pass_patches_the_workload_and_returns_the_result()
    {
        _session.Invoke("$null = $manifest | Import-ContainerVersion -IncludeWorkload").AssertNoErrors();
        _session.Invoke($"$null = Add-CvSandboxImage -Repository $repository -Tag {Next}, demo").AssertNoErrors();

        var result = _session.Invoke("Get-ContainerVersion | Start-CvReconcile").Single();

        Assert.Equal(Next, result.Properties["Version"].Value);
        Assert.Equal([Next], _session.Invoke("Get-CvWorkload").AssertNoErrors().Values<string>("Version"));
        Assert.Equal([Next], _session.Invoke("Get-ContainerVersion").AssertNoErrors().Values<string>("Version"));
    }

    [Theory]
    [InlineData("tag: demo", "tag: prod", "TagNotFound", ErrorIds.RegistryTagNotFound)]
    [InlineData("nearmap/cvm-example\n  tag", "nearmap/other\n  tag", "RepositoryNotFound", ErrorIds.RegistryRepositoryNotFound)]
    [InlineData("tag: demo", "tag: demo\n  versionSyntax: 'v[0-9]+'", "VersionNotFound", ErrorIds.VersionNotFound)]
    [InlineData("container:\n    name: myapp", "container:\n    name: other", "ContainerNotFound", "ContainerNotFound")]
    [InlineData("selector:\n    cvapp: myapp", "selector:\n    cvapp: other", "WorkloadNotFound", "WorkloadNotFound")]
    public void A_stalled_resource_is_an_error_with_the_reason_of_its_condition(string from, string to, string reason, string errorId)
    {
        var wrong = _manifest.Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual(_manifest, wrong);
        _session.Invoke("$null = $wrong | Import-ContainerVersion -IncludeWorkload", ("wrong", wrong)).AssertNoErrors();

        var result = _session.Invoke("Start-CvReconcile");

        Assert.Equal($"{errorId},CvManager.PowerShell.StartCvReconcileCommand", result.Error().FullyQualifiedErrorId);
        Assert.Equal(["Stalled"], result.Values<string>("Outcome"));
        Assert.Equal([reason], _session.Invoke("Get-ContainerVersion").AssertNoErrors().Values<string>("Reason"));
        Assert.Equal([false], _session.Invoke("Test-ContainerVersion -Name *").AssertNoErrors().Values<bool>("Valid"));
    }

    [Fact]
    public void The_younger_of_two_resources_on_one_container_stalls_and_names_the_other()
    {
        var second = _manifest[(_manifest.IndexOf("---", StringComparison.Ordinal) + 3)..]
            .Replace("name: myappcv", "name: zweite", StringComparison.Ordinal);
        _session.Invoke("$null = $manifest, $second | Import-ContainerVersion -IncludeWorkload", ("second", second)).AssertNoErrors();

        var result = _session.Invoke("Start-CvReconcile");

        var error = result.Error();
        Assert.StartsWith("Conflict,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("default/zweite", error.TargetObject);
        Assert.Contains("myappcv", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(["UpToDate", "Stalled"], result.Values<string>("Outcome").Order(StringComparer.Ordinal).Reverse());
    }
}
