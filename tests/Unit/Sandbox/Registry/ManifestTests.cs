using System.Net;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Registry;
using Xunit;

namespace CvManager.Unit.Sandbox.Registry;

public sealed class ManifestTests
{
    private static readonly byte[] Config = [1, 2];

    private static readonly byte[] Layer = [3, 4];

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_manifest_is_returned_byte_for_byte_by_its_tag_and_its_digest(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);
        var manifest = RegistryFixture.ImageManifest(await fixture.PushBlobAsync("a/b", Config), await fixture.PushBlobAsync("a/b", Layer));
        var digest = ContentNames.Sha256(manifest);

        var put = await fixture.ExpectAsync(HttpStatusCode.Created, HttpMethod.Put, "/v2/a/b/manifests/demo", manifest, Manifest.OciImage);
        Assert.Equal(digest, RegistryFixture.Header(put, "Docker-Content-Digest"));
        foreach (var reference in (string[])["demo", digest])
        {
            var head = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/a/b/manifests/{reference}");
            var got = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/b/manifests/{reference}");

            Assert.Equal(digest, RegistryFixture.Header(head, "Docker-Content-Digest"));
            Assert.Equal(manifest.Length, head.Content.Headers.ContentLength);
            Assert.Equal(Manifest.OciImage, head.Content.Headers.ContentType?.MediaType);
            Assert.Equal(manifest, await got.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }
        await fixture.ExpectAsync(
            HttpStatusCode.NotModified,
            HttpMethod.Get,
            "/v2/a/b/manifests/demo",
            null,
            null,
            ("If-None-Match", $"\"{digest}\"")
        );
        await fixture.ExpectAsync(
            HttpStatusCode.OK,
            HttpMethod.Get,
            "/v2/a/b/manifests/demo",
            null,
            null,
            ("Accept", $"{Manifest.OciIndex}, {Manifest.OciImage}")
        );
        await fixture.ExpectAsync(
            HttpStatusCode.OK,
            HttpMethod.Get,
            "/v2/a/b/manifests/demo",
            null,
            null,
            ("Accept", Manifest.DockerImage)
        );
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_manifest_that_references_missing_content_is_rejected(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);
        var config = await fixture.PushBlobAsync("a", Config);
        var image = RegistryFixture.ImageManifest(config, ContentNames.Sha256(Layer));
        var index = RegistryFixture.Utf8(
            new JsonObject
            {
                ["schemaVersion"] = 2,
                ["manifests"] = new JsonArray(RegistryFixture.Descriptor(Manifest.OciImage, ContentNames.Sha256(image), image.Length)),
            }
        );

        await fixture.ExpectErrorAsync(
            HttpStatusCode.NotFound,
            "MANIFEST_BLOB_UNKNOWN",
            HttpMethod.Put,
            "/v2/a/manifests/demo",
            image,
            Manifest.OciImage
        );
        await fixture.ExpectErrorAsync(
            HttpStatusCode.NotFound,
            "MANIFEST_BLOB_UNKNOWN",
            HttpMethod.Put,
            "/v2/a/manifests/demo",
            index,
            Manifest.OciIndex
        );
        await fixture.PushBlobAsync("a", Layer);
        await fixture.ExpectAsync(
            HttpStatusCode.Created,
            HttpMethod.Put,
            $"/v2/a/manifests/{ContentNames.Sha256(image)}",
            image,
            Manifest.OciImage
        );
        await fixture.ExpectAsync(HttpStatusCode.Created, HttpMethod.Put, "/v2/a/manifests/demo", index, Manifest.OciIndex);
    }

    [Theory]
    [InlineData("{", Manifest.OciImage)]
    [InlineData("[]", Manifest.OciImage)]
    [InlineData("{}", Manifest.OciImage)]
    [InlineData("{}", "application/vnd.docker.distribution.manifest.v1+prettyjws")]
    [InlineData("""{"mediaType":"application/vnd.oci.image.index.v1+json"}""", Manifest.OciImage)]
    [InlineData("""{"config":{"digest":"sha256:1"}}""", Manifest.OciImage)]
    [InlineData("""{"config":"c"}""", Manifest.OciImage)]
    [InlineData("""{"manifests":[null]}""", Manifest.OciIndex)]
    public async Task An_invalid_manifest_is_rejected(string body, string type)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket: false);

        await fixture.ExpectErrorAsync(
            HttpStatusCode.BadRequest,
            "MANIFEST_INVALID",
            HttpMethod.Put,
            "/v2/a/manifests/demo",
            System.Text.Encoding.UTF8.GetBytes(body),
            type
        );
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Errors_have_the_codes_of_the_specification(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);
        fixture.Registry.PushImage("a", "demo");
        var other = ContentNames.Sha256(Layer);

        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "NAME_UNKNOWN", HttpMethod.Get, "/v2/b/manifests/demo");
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", HttpMethod.Get, "/v2/a/manifests/prod");
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", HttpMethod.Get, $"/v2/a/manifests/{other}");
        await fixture.ExpectErrorAsync(HttpStatusCode.BadRequest, "TAG_INVALID", HttpMethod.Put, "/v2/a/manifests/-x", [1]);
        await fixture.ExpectErrorAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", HttpMethod.Put, $"/v2/a/manifests/{other}", [1]);
        await fixture.ExpectErrorAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", HttpMethod.Get, "/v2/a/manifests/md5:1");
        await fixture.ExpectErrorAsync(
            HttpStatusCode.RequestEntityTooLarge,
            "SIZE_INVALID",
            HttpMethod.Put,
            "/v2/a/manifests/demo",
            new byte[Manifest.SizeLimit + 1]
        );
        await fixture.ExpectErrorAsync(HttpStatusCode.MethodNotAllowed, "UNSUPPORTED", HttpMethod.Post, "/v2/a/manifests/demo", []);
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "NAME_UNKNOWN", HttpMethod.Get, "/elsewhere");
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/");
        Assert.Empty(
            await (
                await fixture.ExpectAsync(HttpStatusCode.NotFound, HttpMethod.Head, "/v2/a/manifests/prod")
            ).Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)
        );
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Deleting_a_tag_keeps_the_image_and_deleting_a_digest_removes_its_tags(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);
        var digest = fixture.Registry.PushImage("a", "6e4ae1c");
        fixture.Registry.Tag("a", "demo", digest);
        fixture.Registry.Tag("a", "prod", digest);
        fixture.Registry.PushImage("a", "other");

        await fixture.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, "/v2/a/manifests/demo");
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", HttpMethod.Delete, "/v2/a/manifests/demo");
        Assert.Equal(["6e4ae1c", "other", "prod"], fixture.Registry.Tags("a"));
        await fixture.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, $"/v2/a/manifests/{digest}");
        Assert.Equal(["other"], fixture.Registry.Tags("a"));
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", HttpMethod.Delete, $"/v2/a/manifests/{digest}");
    }

    [Theory]
    [InlineData(RegistryDeletion.DigestsOnly, 405, 202)]
    [InlineData(RegistryDeletion.None, 405, 405)]
    public async Task Deletion_can_be_disabled_as_in_older_registries(RegistryDeletion deletion, int tag, int digest)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket: false, new() { Deletion = deletion });
        var pushed = fixture.Registry.PushImage("a", "demo");

        var byTag = await fixture.SendAsync(HttpMethod.Delete, "/v2/a/manifests/demo");
        var byDigest = await fixture.SendAsync(HttpMethod.Delete, $"/v2/a/manifests/{pushed}");

        Assert.Equal((tag, digest), ((int)byTag.StatusCode, (int)byDigest.StatusCode));
        Assert.Equal("UNSUPPORTED", (await RegistryFixture.JsonAsync(byTag))["errors"]![0]!["code"]!.GetValue<string>());
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Referrers_of_an_image_are_listed(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);
        var subject = fixture.Registry.PushImage("a", "demo");
        var signature = JsonNode.Parse(RegistryFixture.ImageManifest(await fixture.PushBlobAsync("a", Config)))!;
        signature["artifactType"] = "application/x-signature";
        signature["subject"] = RegistryFixture.Descriptor(Manifest.OciImage, subject);
        signature["annotations"] = new JsonObject { ["by"] = "ci" };

        var put = await fixture.ExpectAsync(
            HttpStatusCode.Created,
            HttpMethod.Put,
            "/v2/a/manifests/sig",
            RegistryFixture.Utf8(signature),
            Manifest.OciImage
        );
        Assert.Equal(subject, RegistryFixture.Header(put, "OCI-Subject"));
        var all = await RegistryFixture.JsonAsync(
            await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/referrers/{subject}")
        );
        var filtered = await fixture.ExpectAsync(
            HttpStatusCode.OK,
            HttpMethod.Get,
            $"/v2/a/referrers/{subject}?artifactType=application/x-other"
        );

        Assert.Equal("application/x-signature", Assert.Single(all["manifests"]!.AsArray())!["artifactType"]!.GetValue<string>());
        Assert.Equal("ci", all["manifests"]![0]!["annotations"]!["by"]!.GetValue<string>());
        Assert.Equal("artifactType", RegistryFixture.Header(filtered, "OCI-Filters-Applied"));
        Assert.Empty((await RegistryFixture.JsonAsync(filtered))["manifests"]!.AsArray());
    }
}
