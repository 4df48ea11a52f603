using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.CvRollout;

/// <summary>History, holds, rollback and progress on a sandbox where one version was rolled out after another.</summary>
public sealed class RolloutCmdletTests : IDisposable
{
    private const string First = "a111111";
    private const string Second = "a222222";
    private const string Third = "a333333";
    private const string Broken = "bad0bad";

    private readonly PowerShellSession _session = new();

    public RolloutCmdletTests()
    {
        var sandbox = _session.Invoke("$sandbox = Start-CvSandbox; Install-CvController -CrdOnly; $sandbox").Single();
        var registry = (string)sandbox.Properties["Registry"].Value;
        var manifest = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "examples", "cvm-example", "myapp.yaml"))
            .Replace("${ECR_ENDPOINT}", registry, StringComparison.Ordinal)
            .Replace(
                "  tag: demo\n",
                "  tag: demo\n  timeoutSeconds: 2\n  config: {name: myapp-version, key: version}\n",
                StringComparison.Ordinal
            )
            .Replace("6e4ae1c", First, StringComparison.Ordinal);
        Assert.Contains("timeoutSeconds: 2", manifest, StringComparison.Ordinal);
        _session.Invoke("$repository = $registry + '/nearmap/cvm-example'", ("registry", registry)).AssertNoErrors();
        _session.Invoke($"$null = Add-CvSandboxImage -Repository $repository -Tag {First}, demo").AssertNoErrors();
        _session
            .Invoke("$null = $manifest | Import-ContainerVersion -IncludeWorkload; $null = Start-CvReconcile -Wait", ("manifest", manifest))
            .AssertNoErrors();
        RollOut(Second);
    }

    public void Dispose()
    {
        _session.Invoke("Stop-CvSandbox");
        _session.Dispose();
    }

    [Fact]
    public async Task An_untrusted_history_is_neither_run_as_code_nor_shown_as_escape_sequences()
    {
        const string bad = "x\u2019;Set-Variable hacked 1 -Scope Global;\u2019";
        using var cluster = ClusterConnection.Connect(
            new ClusterOptions { KubeConfigPath = (string)_session.Invoke("$sandbox.KubeConfig").Single().BaseObject }
        );
        ResourcePath history = new("", "v1", "configmaps", "default", "myapp.history");
        var configMap = await cluster.GetAsync(history, TestContext.Current.CancellationToken);
        var records = JsonNode.Parse(configMap["data"]!["records"]!.GetValue<string>())!.AsArray();
        (records[0]!["id"], records[0]!["toVersion"], records[0]!["fromVersion"]) = (bad, bad, "\u001b[32mgreen");
        (records[0]!["reason"], records[0]!["who"]) = (
            "\u001b]0;pwned\u0007\u001b[2J\u001b[1;31mALL IS LOST\rSecond line",
            "root\u001b[8m"
        );
        configMap["data"]!["records"] = records.ToJsonString();
        await cluster.ReplaceAsync(history, configMap, TestContext.Current.CancellationToken);

        foreach (var parameter in (string[])["-ToVersion", "-ToRecord"])
        {
            var offered = Assert.Single(
                _session.Complete($"Invoke-CvRollback myappcv {parameter} "),
                text => text.Contains("hacked", StringComparison.Ordinal)
            );
            _session.Invoke($"Invoke-CvRollback myappcv {parameter} {offered} -WhatIf");
            Assert.Null(_session.Invoke("$hacked").Output.SingleOrDefault());
        }

        foreach (
            var shown in (string[])
                ["Get-CvRolloutHistory", "Get-CvRolloutHistory | Format-List", "Get-CvRolloutHistory | ForEach-Object ToString"]
        )
        {
            var text = _session.Render(shown);
            Assert.DoesNotContain("\u001b]", text, StringComparison.Ordinal);
            Assert.DoesNotContain("\u001b[2J", text, StringComparison.Ordinal);
            Assert.DoesNotContain("\u001b[8m", text, StringComparison.Ordinal);
            Assert.DoesNotContain("\u001b[32m", text, StringComparison.Ordinal);
            Assert.DoesNotContain('\u0007', text);
        }

        Assert.Contains(
            @"\u001b]0;pwned\u0007",
            (string)_session.Invoke("(Get-CvRolloutHistory)[0].Reason").Single().BaseObject,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_suspended_resource_keeps_its_version_and_shows_the_reason_until_it_is_resumed()
    {
        Assert.Empty(_session.Invoke("Suspend-ContainerVersion myappcv -Reason 'freeze until January'").AssertNoErrors().Output);
        _session.Invoke("Suspend-ContainerVersion myappcv -WhatIf").AssertNoErrors();
        Push(Third);
        var held = _session.Invoke("Start-CvReconcile").Single();

        Assert.Equal("Held", held.Properties["Outcome"].Value);
        Assert.Equal([Second], Running());
        var shown = _session.Invoke("Get-ContainerVersion").Single();
        Assert.Equal(
            (true, "Suspended", Third),
            (
                (bool)shown.Properties["Suspended"].Value,
                (string)shown.Properties["Reason"].Value,
                (string)shown.Properties["LatestVersion"].Value
            )
        );
        Facts.AssertIn((string)shown.Properties["Message"].Value, Environment.UserName, "freeze until January");
        Assert.Equal(
            "RolloutHeld,CvManager.PowerShell.WaitCvRolloutCommand",
            _session.Invoke($"Wait-CvRollout myappcv -Version {Third}").Error().FullyQualifiedErrorId
        );

        Assert.Equal(
            (Environment.UserName, "freeze until January"),
            ((string)shown.Properties["HeldBy"].Value, (string)shown.Properties["HoldReason"].Value)
        );

        var resumed = _session.Invoke("Get-ContainerVersion | Resume-ContainerVersion -PassThru").Single();
        Assert.Equal(false, resumed.Properties["Suspended"].Value);
        _session.Invoke("$null = Start-CvReconcile -Wait").AssertNoErrors();
        Assert.Equal([Third], Running());
    }

    [Fact]
    public void A_rollback_pins_the_previous_version()
    {
        _session.Invoke("Invoke-CvRollback myappcv -Reason 'checkout is slow' -WhatIf").AssertNoErrors();
        Assert.Equal([null], _session.Invoke("Get-ContainerVersion").AssertNoErrors().Values<string?>("PinVersion"));
        var pinned = _session.Invoke("Get-ContainerVersion | Invoke-CvRollback -Reason 'checkout is slow' -PassThru").Single();
        Assert.Equal(First, pinned.Properties["PinVersion"].Value);
        _session.Invoke("$null = Start-CvReconcile -Wait").AssertNoErrors();
        Push(Third);
        _session.Invoke("$null = Start-CvReconcile -Wait").AssertNoErrors();

        Assert.Equal([First], Running());
        var shown = _session.Invoke("Get-ContainerVersion").Single();
        Facts.AssertIn((string)shown.Properties["Message"].Value, "Deployment/myapp", First, Environment.UserName, "checkout is slow");
        Assert.Equal(Third, (string)shown.Properties["LatestVersion"].Value);
        var record = _session.Invoke("Get-CvRolloutHistory | ForEach-Object { $_; break }").Single();
        Assert.Equal(
            (First, Environment.UserName, "checkout is slow"),
            (
                (string)record.Properties["ToVersion"].Value,
                (string)record.Properties["Who"].Value,
                (string)record.Properties["Reason"].Value
            )
        );

        _session.Invoke("Resume-ContainerVersion myappcv; $null = Start-CvReconcile -Wait").AssertNoErrors();
        Assert.Equal([Third], Running());
    }

    [Fact]
    public void A_failed_rollout_ends_the_wait_with_its_reason_and_Resume_tries_it_again()
    {
        Push(Broken);
        _session.Invoke("$null = Start-CvReconcile -Wait -ErrorAction SilentlyContinue");

        Assert.Equal(
            ["stopped"],
            _session
                .Invoke($"try {{ Wait-CvRollout myappcv -Version {Broken}; 'not reached' }} catch {{ 'stopped' }}")
                .Output.Select(o => o.ToString())
        );
        var failed = _session.Invoke($"Wait-CvRollout myappcv -Version {Broken}").Error();
        Assert.Equal("RolloutFailed,CvManager.PowerShell.WaitCvRolloutCommand", failed.FullyQualifiedErrorId);
        Facts.AssertIn(failed.ToString(), "timeoutSeconds", "Deployment/myapp", "pod myapp-", "ImagePull");
        var rollout = _session.Invoke("Get-CvRollout").Single();
        Assert.Equal(
            ("RolledBack", Broken, "RolledBack"),
            (
                (string)rollout.Properties["Phase"].Value,
                (string)rollout.Properties["Version"].Value,
                (string)rollout.Properties["RolloutPhase"].Value
            )
        );
        var record = _session.Invoke("Get-CvRolloutHistory | ForEach-Object { $_; break }").Single();
        Assert.Equal((Broken, "RolledBack"), ((string)record.Properties["ToVersion"].Value, (string)record.Properties["Outcome"].Value));
        Assert.StartsWith(
            "VersionQuarantined,",
            _session.Invoke($"Invoke-CvRollback myappcv -ToVersion {Broken}").Error().FullyQualifiedErrorId,
            StringComparison.Ordinal
        );
        Assert.Equal("Stalled", _session.Invoke("Start-CvReconcile -ErrorAction SilentlyContinue").Values<string>("Outcome").Single());

        _session.Invoke("Resume-ContainerVersion myappcv").AssertNoErrors();
        _session.Invoke("$null = Start-CvReconcile").AssertNoErrors();
        var again = _session.Invoke("Get-CvRollout -InProgress").Single();
        Assert.Equal((Broken, 2), ((string)again.Properties["Version"].Value, (int)again.Properties["Desired"].Value));
        var late = _session.Invoke($"Wait-CvRollout myappcv -Version {Broken} -Timeout 1").Error();
        Assert.Equal("RolloutWaitTimedOut,CvManager.PowerShell.WaitCvRolloutCommand", late.FullyQualifiedErrorId);
        Assert.Equal(("default/myappcv", ErrorCategory.OperationTimeout), ((string)late.TargetObject, late.CategoryInfo.Category));
        Facts.AssertIn(late.ToString(), Broken, "Progressing", "Deployment/myapp", "1/2 updated", "ImagePull", "pod myapp-");
        Assert.NotEmpty(late.ErrorDetails.RecommendedAction);
    }

    [Fact]
    public void A_version_that_already_runs_is_not_waited_for()
    {
        var waited = _session.Invoke($"Get-ContainerVersion | Wait-CvRollout -Version {Second} -PassThru -Timeout 10");

        Assert.Equal(Second, waited.Single().Properties["Version"].Value);
        // No bar is drawn in this host: a line instead.
        Assert.Empty(waited.Progress);
        Facts.AssertIn(_session.Render("Wait-CvRollout myappcv"), "default/myappcv", Second, "2/2 ready");
        var rollout = _session.Invoke("Get-CvRollout myappcv").Single();
        Assert.Equal(
            (2, 2, 2, 2),
            (
                (int)rollout.Properties["Desired"].Value,
                (int)rollout.Properties["Updated"].Value,
                (int)rollout.Properties["Ready"].Value,
                (int)rollout.Properties["Available"].Value
            )
        );
        Assert.Empty(_session.Invoke("Get-CvRollout -InProgress").AssertNoErrors().Output);
    }

    [Fact]
    public void Wait_returns_when_the_controller_has_finished_a_rollout_or_a_rollback()
    {
        _session.Invoke("Set-ContainerVersion myappcv -PollInterval 5 -RolloutTimeout 60").AssertNoErrors();
        var kubeConfig = (string)_session.Invoke("$sandbox").Single().Properties["KubeConfig"].Value;
        using PowerShellSession controllers = new();
        using var controller = controllers.Create($"Start-CvReconcile -Watch -NoLeaderElection -KubeConfig '{kubeConfig}'");
        var working = controller.BeginInvoke();

        Push(Third);
        var waited = _session.Invoke($"Wait-CvRollout myappcv -Version {Third} -Timeout 60 -PassThru");
        Assert.Equal(Third, waited.Single().Properties["Version"].Value);
        Assert.Equal([Third], Running());

        _session.Invoke("Invoke-CvRollback myappcv -Wait -Timeout 60 -Reason 'too slow'").AssertNoErrors();
        Assert.Equal([Second], Running());

        Assert.False(working.IsCompleted);
        controller.Stop();
    }

    private void Push(string version) =>
        _session
            .Invoke($"$null = Add-CvSandboxImage -Repository $repository -Tag {version}, demo{(version == Broken ? " -Broken" : "")}")
            .AssertNoErrors();

    private void RollOut(string version)
    {
        Push(version);
        _session.Invoke("$null = Start-CvReconcile -Wait").AssertNoErrors();
    }

    private IReadOnlyList<string> Running() => _session.Invoke("Get-CvWorkload").AssertNoErrors().Values<string>("Version");
}
