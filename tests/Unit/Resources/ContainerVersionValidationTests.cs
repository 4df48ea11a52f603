using System.Text.Json.Nodes;
using CvManager.Resources;
using Xunit;

namespace CvManager.Unit.Resources;

public sealed class ContainerVersionValidationTests
{
    private const string Article = """
        kind: ContainerVersion
        apiVersion: custom.k8s.io/v1
        metadata:
          name: myappcv
        spec:
          imageRepo: 123456789012.dkr.ecr.us-east-1.amazonaws.com/nearmap/cvm-example
          tag: demo
          pollIntervalSeconds: 300
          selector:
            cvapp: myapp
          container:
            name: myapp
        """;

    [Fact]
    public void The_example_manifest_is_valid_and_gets_the_defaults()
    {
        var resource = ContainerVersionManifest.Read(Manifest(Article));

        Assert.Empty(resource.ValidationErrors);
        Assert.Equal("demo", resource.Spec.Tag);
        Assert.Equal(900, resource.Spec.TimeoutSeconds);
        Assert.Equal("Rolling", resource.Spec.Strategy.Kind);
        Assert.True(resource.Spec.PinDigest);
        Assert.Null(resource.Spec.VersionSyntax);
    }

    [Theory]
    [InlineData("imageRepo", "registry.example.com/app:v1", "spec.imageRepo")]
    [InlineData("imageRepo", "registry.example.com/app@sha256:abc", "spec.imageRepo")]
    [InlineData("imageRepo", "Upper/Case", "spec.imageRepo")]
    [InlineData("imageRepo", "app\n", "spec.imageRepo")]
    [InlineData("imageRepo", "", "spec.imageRepo")]
    [InlineData("tag", "a b", "spec.tag")]
    [InlineData("tag", "-a", "spec.tag")]
    [InlineData("versionSyntax", "([0-9", "spec.versionSyntax")]
    [InlineData("pinVersion", "a/b", "spec.pinVersion")]
    public void A_string_that_does_not_match_its_pattern_is_reported_with_value_and_remedy(string field, string value, string path)
    {
        var manifest = Manifest(Article);
        manifest["spec"]![field] = value;

        var error = Assert.Single(ContainerVersionValidator.Validate(manifest));

        Assert.Equal(path, error.Field);
        Assert.Equal(JsonValue.Create(value).ToJsonString(), error.Value);
        Assert.NotEmpty(error.Remedy);
    }

    [Theory]
    [InlineData("127.0.0.1:5000/nearmap/cvm-example")]
    [InlineData("[::1]:5000/app")]
    [InlineData("localhost/a/b/c")]
    [InlineData("nginx")]
    [InlineData("team/app__x")]
    public void Repositories_with_ports_and_nested_paths_are_valid(string repository)
    {
        var manifest = Manifest(Article);
        manifest["spec"]!["imageRepo"] = repository;

        Assert.Empty(ContainerVersionValidator.Validate(manifest));
    }

    [Theory]
    [InlineData("pollIntervalSeconds", 4)]
    [InlineData("pollIntervalSeconds", 86401)]
    [InlineData("timeoutSeconds", 0)]
    [InlineData("livenessSeconds", 604801)]
    public void A_number_out_of_range_is_reported_with_the_range(string field, int value)
    {
        var manifest = Manifest(Article);
        manifest["spec"]![field] = value;

        var error = Assert.Single(ContainerVersionValidator.Validate(manifest));

        Assert.Equal($"spec.{field}", error.Field);
        Assert.Matches(@"\d+\D+\d+", error.Message);
    }

    [Fact]
    public void A_tag_that_YAML_reads_as_a_number_must_be_quoted()
    {
        var error = Assert.Single(
            ContainerVersionValidator.Validate(Manifest(Article.Replace("tag: demo", "tag: 1.10", StringComparison.Ordinal)))
        );

        Assert.Equal("spec.tag", error.Field);
        Assert.Equal("1.1", error.Value);
    }

    [Theory]
    [InlineData("selector", """{"cvapp":5}""", "spec.selector.cvapp", "cv.spec.selector")]
    [InlineData("imagePullSecrets", "[5]", "spec.imagePullSecrets[0]", "cv.spec.imagePullSecrets")]
    [InlineData("container", """{"name":"a","verify":[5]}""", "spec.container.verify[0]", "cv.spec.container.verify")]
    public void A_remedy_refers_to_a_field_that_kubectl_explains(string field, string value, string path, string explained)
    {
        var manifest = Manifest(Article);
        manifest["spec"]![field] = JsonNode.Parse(value);

        var error = Assert.Single(ContainerVersionValidator.Validate(manifest), error => error.Field == path);

        Assert.Contains($"'kubectl explain {explained}'", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void All_errors_are_reported_at_once()
    {
        var error = Assert.Throws<CvException>(() =>
            ContainerVersionManifest.Read(
                Manifest(
                    """
                    apiVersion: custom.k8s.io/v2
                    kind: ContainerVersion
                    metadata: {name: My_App}
                    spec:
                      imageRepo: app:v1
                      tga: demo
                      selector: {app: x}
                      container: {name: app, verify: [{kind: Pod, image: tests, tag: demo}]}
                      strategy: {kind: ServiceBlueGreen}
                    """
                )
            )
        );

        Assert.Equal("ContainerVersionInvalid", error.ErrorId);
        Assert.Equal(CvErrorKind.Invalid, error.Kind);
        foreach (
            var field in (string[])
                [
                    "apiVersion",
                    "metadata.name",
                    "spec.imageRepo",
                    "spec.tag",
                    "spec.tga",
                    "spec.selector.cvapp",
                    "spec.container.verify[0].kind",
                    "spec.strategy.blueGreen",
                ]
        )
        {
            Assert.Contains(field, error.Message, StringComparison.Ordinal);
            Assert.Contains(field, error.Remedy, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_manifest_with_a_wrong_type_is_reported_by_field()
    {
        var manifest = Manifest(Article);
        manifest["spec"]!["selector"] = new JsonArray("cvapp");
        manifest["spec"]!["container"] = "myapp";
        manifest["metadata"] = 3;

        string[] expected = ["metadata", "metadata.name", "spec.container", "spec.selector"];
        Assert.Equal(expected, ContainerVersionValidator.Validate(manifest).Select(e => e.Field).Order(StringComparer.Ordinal));
    }

    private static JsonObject Manifest(string yaml) => YamlDocuments.Read(yaml).Single().AsObject();
}
