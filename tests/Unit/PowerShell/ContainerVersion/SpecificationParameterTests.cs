using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.ContainerVersion;

/// <summary>Parameters of New- and Set-ContainerVersion for gates, strategies and version policies.</summary>
public sealed class SpecificationParameterTests : IDisposable
{
    private readonly PowerShellSession _session = new();

    public SpecificationParameterTests() => _session.Invoke("$null = Start-CvSandbox; Install-CvController -CrdOnly").AssertNoErrors();

    public void Dispose()
    {
        _session.Invoke("Stop-CvSandbox");
        _session.Dispose();
    }

    [Theory]
    [InlineData("'team/tests:demo'", "team/tests:demo 10m")]
    [InlineData(
        "'r.example:5000/team/tests:demo', @{ image = 'team/load'; tag = 'v1'; timeout = '90s' }",
        "r.example:5000/team/tests:demo 10m, team/load:v1 1m30s"
    )]
    [InlineData("([pscustomobject]@{ Kind = 'Image'; Image = 'team/load'; Tag = 'v1'; TimeoutSeconds = 5 })", "team/load:v1 5s")]
    [InlineData("@()", "")]
    public void A_gate_is_a_reference_or_a_map_or_an_object(string given, string expected)
    {
        var shown = _session
            .Invoke(
                $"(New-ContainerVersion app r.example/app demo main -Verify {given}).Verify.ForEach({{ \"$_ $($_.Timeout)\" }}) -join ', '"
            )
            .Single();

        Assert.Equal(expected, shown.BaseObject);
    }

    [Theory]
    [InlineData("'team/tests'", "team/tests")]
    [InlineData("@{ Image = 'team/tests' }", "Tag")]
    [InlineData("@{ Image = 'team/tests'; Tag = 'x'; Wait = 1 }", "'Wait'")]
    [InlineData("@{ Image = 'team/tests'; Tag = 'x'; Timeout = 'long' }", "'long'")]
    [InlineData("7", "'7'")]
    public void An_invalid_gate_is_rejected_with_the_parameter_and_the_value(string given, string named)
    {
        var error = _session.Invoke($"New-ContainerVersion app r.example/app demo main -Verify {given}").Error();

        Assert.Contains("'Verify'", error.ToString(), StringComparison.Ordinal);
        Assert.Contains(named, error.ToString(), StringComparison.Ordinal);
        Assert.Contains("'repository:tag'", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Gates_are_replaced_as_a_whole_and_can_be_removed()
    {
        _session.Invoke("$null = New-ContainerVersion app r.example/app demo main -Verify 'team/a:1', 'team/b:1'").AssertNoErrors();

        Assert.Equal(
            "team/c:1",
            _session.Invoke("(Set-ContainerVersion app -Verify 'team/c:1' -PassThru).Verify -join ' '").Single().BaseObject
        );
        Assert.Equal("main", _session.Invoke("(Get-ContainerVersion app).Container").Single().BaseObject);
        Assert.Equal("", _session.Invoke("(Set-ContainerVersion app -Verify @() -PassThru).Verify -join ' '").Single().BaseObject);
    }

    [Fact]
    public void ServiceName_implies_blue_green_and_Rolling_removes_its_fields()
    {
        var created = _session
            .Invoke(
                "New-ContainerVersion app r.example/app demo main -ServiceName web -LabelName colour -VerifyBeforeCutOver team/t:1 -VerifyAfterCutOver team/u:1 -ScaleDownDelay 2m"
            )
            .Single();
        Assert.Equal(("ServiceBlueGreen", "web"), (created.Properties["Strategy"].Value, created.Properties["ServiceName"].Value));
        Assert.Equal(
            "team/t:1 team/u:1",
            _session.Invoke("$cv = Get-ContainerVersion app; \"$($cv.VerifyBeforeCutOver) $($cv.VerifyAfterCutOver)\"").Single().BaseObject
        );

        // Setting one field keeps the others.
        Assert.Equal("web", _session.Invoke("(Set-ContainerVersion app -ScaleDown:$false -PassThru).ServiceName").Single().BaseObject);

        var rolling = _session.Invoke("Set-ContainerVersion app -Strategy Rolling -PassThru").Single();
        Assert.Equal(("Rolling", null), (rolling.Properties["Strategy"].Value, rolling.Properties["ServiceName"].Value));
        Assert.Equal(
            " ",
            _session.Invoke("$cv = Get-ContainerVersion app; \"$($cv.VerifyBeforeCutOver) $($cv.VerifyAfterCutOver)\"").Single().BaseObject
        );
    }

    [Theory]
    [InlineData("-ServiceName web", "-LabelName (spec.strategy.blueGreen.labelNames)")]
    [InlineData("-LabelName colour", "-ServiceName (spec.strategy.blueGreen.serviceName)")]
    [InlineData("-Strategy ServiceBlueGreen", "-ServiceName (spec.strategy.blueGreen)")]
    [InlineData("-Verify @{ Image = 'team/tests'; Tag = 'x'; Timeout = '2d' }", "-Verify (spec.container.verify[0].timeoutSeconds)")]
    [InlineData("-PollInterval 1", "-PollInterval (spec.pollIntervalSeconds)")]
    [InlineData("-LivenessTimeout '30d'", "-LivenessTimeout (spec.livenessSeconds)")]
    public void An_invalid_value_is_reported_with_the_parameter_and_the_field(string wrong, string expected)
    {
        _session.Invoke("$null = New-ContainerVersion app r.example/app demo main").AssertNoErrors();
        foreach (var command in (string[])["New-ContainerVersion other r.example/app demo main", "Set-ContainerVersion app"])
        {
            var error = _session.Invoke($"{command} {wrong}").Error();
            Assert.StartsWith("ContainerVersionInvalid,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Contains(expected, error.ToString(), StringComparison.Ordinal);
            Assert.Contains(expected, error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Blue_green_parameters_cannot_be_combined_with_Rolling()
    {
        var error = _session
            .Invoke("New-ContainerVersion app r.example/app demo main -Strategy Rolling -VerifyAfterCutOver team/t:1")
            .Error();

        Assert.StartsWith("ParameterNotApplicable,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains("-VerifyAfterCutOver", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_policy_replaces_the_tag_and_a_tag_replaces_the_policy()
    {
        Assert.Equal(
            "semver:^1.4",
            _session.Invoke("(New-ContainerVersion app r.example/app -SemVer '^1.4' -Container main).Follows").Single().BaseObject
        );
        Assert.Equal(
            "regex/alphabetical:main-(.+)",
            _session
                .Invoke("(Set-ContainerVersion app -VersionPattern 'main-(.+)' -VersionOrder Alphabetical -PassThru).Follows")
                .Single()
                .BaseObject
        );
        Assert.Equal("newest:*", _session.Invoke("(Set-ContainerVersion app -Newest -PassThru).Follows").Single().BaseObject);
        Assert.Equal("prod", _session.Invoke("(Set-ContainerVersion app -Tag prod -PassThru).Follows").Single().BaseObject);
        Assert.Equal("semver:1.x", _session.Invoke("(Set-ContainerVersion app -SemVer 1.x -PassThru).Follows").Single().BaseObject);

        Assert.Contains(
            "-SemVer (spec.versionPolicy.semver)",
            _session.Invoke("Set-ContainerVersion app -SemVer 'one'").Error().ToString(),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "-VersionPattern (spec.versionPolicy.regex)",
            _session.Invoke("Set-ContainerVersion app -VersionPattern '('").Error().ToString(),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "AmbiguousParameterSet,",
            _session.Invoke("Set-ContainerVersion app -Tag demo -SemVer 1.x").Error().FullyQualifiedErrorId,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void An_empty_value_removes_an_optional_field()
    {
        _session
            .Invoke(
                "$null = New-ContainerVersion app r.example/app demo main -ConfigName versions -HistoryName h -VersionSyntax 'v.+' -ImagePullSecret s -History:$false -FailFast"
            )
            .AssertNoErrors();
        Assert.Empty(
            _session
                .Invoke("Set-ContainerVersion app -ConfigName '' -HistoryName '' -VersionSyntax '' -ImagePullSecret @() -History")
                .AssertNoErrors()
                .Output
        );

        // If there is nothing to remove, nothing is confirmed or written.
        Assert.Empty(_session.Invoke("Set-ContainerVersion app -ConfigName '' -VersionSyntax '' -Confirm").AssertNoErrors().Output);
    }
}
