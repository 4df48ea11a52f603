using CvManager.Registries;
using Xunit;

namespace CvManager.Unit.Registries;

public sealed class ImageReferenceTests
{
    private static readonly string Digest = "sha256:" + new string('a', 64);

    [Theory]
    [InlineData("nginx", "docker.io", "library/nginx")]
    [InlineData("nearmap/cvm-example", "docker.io", "nearmap/cvm-example")]
    [InlineData("docker.io/nginx", "docker.io", "library/nginx")]
    [InlineData("index.docker.io/library/nginx", "docker.io", "library/nginx")]
    [InlineData("localhost/app", "localhost", "app")]
    [InlineData("localhost:5000/team/sub/app", "localhost:5000", "team/sub/app")]
    [InlineData("[::1]:5000/app", "[::1]:5000", "app")]
    [InlineData("Registry/app", "registry", "app")]
    [InlineData("[0:0::1]:5000/app", "[::1]:5000", "app")]
    [InlineData("10.0.0.1:5000/app", "10.0.0.1:5000", "app")]
    [InlineData("Docker.IO/acme/app", "docker.io", "acme/app")]
    [InlineData("registry-1.docker.io/nginx", "docker.io", "library/nginx")]
    [InlineData("registry.hub.docker.com/acme/app", "docker.io", "acme/app")]
    [InlineData(
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/nearmap/cvm-example",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com",
        "nearmap/cvm-example"
    )]
    public void A_repository_is_host_and_path_and_prints_as_it_was_written(string text, string registry, string path)
    {
        var repository = ImageRepository.Parse(text);

        Assert.Equal((registry, path, text), (repository.Registry, repository.Path, repository.ToString()));
    }

    [Fact]
    public void Spellings_of_the_same_repository_are_equal()
    {
        Assert.Equal(ImageRepository.Parse("nginx"), ImageRepository.Parse("docker.io/library/nginx"));
        Assert.NotEqual(ImageRepository.Parse("nginx"), ImageRepository.Parse("localhost/nginx"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("UPPER")]
    [InlineData("a//b")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a__-b")]
    [InlineData("host:port/app")]
    [InlineData("https://ghcr.io/app")]
    [InlineData("app:tag")]
    [InlineData("app name")]
    [InlineData("app\n")]
    [InlineData("host:0/app")]
    [InlineData("host:65536/app")]
    [InlineData("host.:5000/app")]
    [InlineData("127.1:5000/app")]
    [InlineData("127.000.000.001:5000/app")]
    [InlineData("0x7f000001:5000/app")]
    [InlineData("0x7f.0.0.1/app")]
    [InlineData("017700000001:5000/app")]
    [InlineData("2130706433:5000/app")]
    [InlineData("1.2.3.4.5/app")]
    [InlineData("256.1.1.1/app")]
    [InlineData("[::ffff:7f00:1]:5000/app")]
    [InlineData("[1::2::3]/app")]
    public void Invalid_repositories_are_rejected(string text)
    {
        var error = Assert.Throws<CvException>(() => ImageRepository.Parse(text));

        Assert.Equal("ImageRepositoryInvalid", error.ErrorId);
    }

    [Fact]
    public void A_repository_with_a_tag_is_rejected_with_the_repository_as_remedy()
    {
        var error = Assert.Throws<CvException>(() => ImageRepository.Parse("localhost:5000/app:demo"));

        Assert.Contains("'localhost:5000/app'", error.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nginx", null, false)]
    [InlineData("nginx:1.25", "1.25", false)]
    [InlineData("localhost:5000/app", null, false)]
    [InlineData("localhost:5000/app:v1", "v1", false)]
    [InlineData("localhost:5000/app:v1@D", "v1", true)]
    [InlineData("app@D", null, true)]
    public void A_reference_is_read_and_prints_as_it_was_written(string text, string? tag, bool digest)
    {
        text = text.Replace("D", Digest, StringComparison.Ordinal);
        var reference = ImageReference.Parse(text);

        Assert.Equal((tag, digest ? Digest : null, text), (reference.Tag, reference.Digest, reference.ToString()));
    }

    [Theory]
    [InlineData("app:")]
    [InlineData("app:-x")]
    [InlineData("app:a/b")]
    [InlineData("app@sha256:abc")]
    [InlineData("app@")]
    [InlineData("app:ä")]
    public void Invalid_references_are_rejected(string text) =>
        Assert.Equal("ImageReferenceInvalid", Assert.Throws<CvException>(() => ImageReference.Parse(text)).ErrorId);
}
