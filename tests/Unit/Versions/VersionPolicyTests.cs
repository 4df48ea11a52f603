using CvManager.Resources;
using CvManager.Support.Resources;
using CvManager.Versions;
using Xunit;

namespace CvManager.Unit.Versions;

public sealed class VersionPolicyTests
{
    private static readonly string[] Tags =
    [
        "latest",
        "1.9.0",
        "1.10.0",
        "v1.11.0-rc.1",
        "2.0.0",
        "main-9",
        "main-10",
        "main-x",
        "20260101",
    ];

    [Theory]
    [InlineData("semver:>=1.2 <2", "1.10.0")]
    [InlineData("semver:^2", "2.0.0")]
    [InlineData("semver:>=1.11.0-rc <1.12", "v1.11.0-rc.1")]
    [InlineData("semver:>=3", null)]
    [InlineData("regex/numeric:main-([0-9]+)", "main-10")]
    [InlineData("regex/alphabetical:main-([0-9]+)", "main-9")]
    [InlineData("regex/numeric:[0-9]+", "20260101")]
    [InlineData("regex/numeric:^main-(?<ts>\\d+)$", "main-10")]
    [InlineData("regex/numeric:^main-(?P<ts>[0-9]+)$", "main-10")]
    [InlineData("regex/numeric:(?:main|dev)-(?<ts>[0-9]+)", "main-10")]
    [InlineData("regex/numeric:nothing", null)]
    public async Task The_highest_tag_that_satisfies_the_policy_is_selected(string policy, string? best) =>
        Assert.Equal(best is null ? [] : [best], (await Policy(policy).ChooseAsync(Tags, TestContext.Current.CancellationToken)).Tags);

    [Fact]
    public async Task All_tags_that_rank_equally_are_selected()
    {
        var choice = await Policy("regex/numeric:main-([0-9]+)-[a-f]+")
            .ChooseAsync(["main-9-aa", "main-10-bb", "main-10-cc"], TestContext.Current.CancellationToken);

        Assert.Equal(["main-10-bb", "main-10-cc"], choice.Tags);
    }

    [Theory]
    [InlineData("semver:hello")]
    [InlineData("regex/numeric:(")]
    [InlineData("regex/numeric:main-(?<ts>[0-9]+)-([0-9a-f]+)")]
    [InlineData("regex/numeric:(?<2>[0-9]+)-(?<1>[0-9a-f]+)")]
    public void An_invalid_policy_is_reported(string policy)
    {
        var error = Assert.Throws<CvException>(() => Policy(policy));
        Assert.Equal("VersionPolicyInvalid", error.ErrorId);
        Assert.Contains(policy, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_catastrophic_expression_times_out() =>
        Assert.Empty(
            (await Policy("regex/alphabetical:(a+)+$").ChooseAsync([new string('a', 60) + "!"], TestContext.Current.CancellationToken)).Tags
        );

    [Theory]
    [InlineData("{tag: demo, versionPolicy: {newest: true}}", "spec.versionPolicy")]
    [InlineData("{}", "spec.tag")]
    [InlineData("{versionPolicy: {}}", "spec.versionPolicy")]
    [InlineData("{versionPolicy: {semver: '^1', newest: true}}", "spec.versionPolicy")]
    [InlineData("{versionPolicy: {semver: 'one'}}", "spec.versionPolicy.semver")]
    [InlineData("{versionPolicy: {regex: '('}}", "spec.versionPolicy.regex")]
    [InlineData("{versionPolicy: {regex: '(?<a>x)(y)'}}", "spec.versionPolicy.regex")]
    [InlineData("{versionPolicy: {semver: '>=1.0.0, <2.0.0'}}", null)]
    [InlineData("{versionPolicy: {semver: '^v1.2.0'}}", null)]
    [InlineData("{versionPolicy: {semver: '~12.5.5.200'}}", "spec.versionPolicy.semver")]
    [InlineData("{versionPolicy: {semver: '^1', order: numeric}}", "spec.versionPolicy.order")]
    [InlineData("{versionPolicy: {semver: '^1'}}", null)]
    [InlineData("{versionPolicy: {newest: true}}", null)]
    public void Exactly_one_policy_is_required(string followed, string? wrongField)
    {
        var manifest = YamlDocuments
            .Read(
                $"""
                apiVersion: custom.k8s.io/v1
                kind: ContainerVersion
                metadata: {"{name: app}"}
                spec: {followed}
                """
            )
            .Single()
            .AsObject();
        foreach (
            (var field, var value) in new[]
            {
                ("imageRepo", "\"r.example/app\""),
                ("selector", """{"cvapp":"app"}"""),
                ("container", """{"name":"main"}"""),
            }
        )
            manifest["spec"]![field] = System.Text.Json.Nodes.JsonNode.Parse(value);

        var errors = ContainerVersionValidator.Validate(manifest);

        Assert.Equal(wrongField is null ? [] : [wrongField], errors.Select(e => e.Field).Distinct());
    }

    private static VersionPolicy Policy(string text) => VersionPolicy.Of((FollowedPolicy)FollowedText.Parse(text));
}
