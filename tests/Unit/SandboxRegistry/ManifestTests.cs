using System.Net;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Registry;
using Xunit;

namespace CvManager.Unit.SandboxRegistry;

public sealed class ManifestTests
{
    private static readonly byte[] Config = [1, 2];

    private static readonly byte[] Layer = [3, 4];

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_manifest_is_kept_byte_for_byte_under_its_tag_and_its_digest(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket);
        byte[] manifest = RegistryFronts.ImageManifest(await fronts.PushBlobAsync("a/b", Config), await fronts.PushBlobAsync("a/b", Layer));
        string digest = ContentNames.Sha256(manifest);

        var put = await fronts.ExpectAsync(HttpStatusCode.Created, HttpMethod.Put, "/v2/a/b/manifests/demo", manifest, Manifest.OciImage);
        Assert.Equal(digest, RegistryFronts.Header(put, "Docker-Content-Digest"));
        foreach (string reference in (string[])["demo", digest])
        {
            var head = await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/a/b/manifests/{reference}");
            var got = await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/b/manifests/{reference}");

            Assert.Equal(digest, RegistryFronts.Header(head, "Docker-Content-Digest"));
            Assert.Equal(manifest.Length, head.Content.Headers.ContentLength);
            Assert.Equal(Manifest.OciImage, head.Content.Headers.ContentType?.MediaType);
            Assert.Equal(manifest, await got.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }
        await fronts.ExpectAsync(HttpStatusCode.NotModified, HttpMethod.Get, "/v2/a/b/manifests/demo", null, null, ("If-None-Match", $"\"{digest}\""));
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/b/manifests/demo", null, null, ("Accept", $"{Manifest.OciIndex}, {Manifest.OciImage}"));
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/b/manifests/demo", null, null, ("Accept", Manifest.DockerImage));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_manifest_whose_parts_are_missing_is_refused(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket);
        string config = await fronts.PushBlobAsync("a", Config);
        byte[] image = RegistryFronts.ImageManifest(config, ContentNames.Sha256(Layer));
        byte[] index = RegistryFronts.Utf8(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["manifests"] = new JsonArray(RegistryFronts.Descriptor(Manifest.OciImage, ContentNames.Sha256(image), image.Length)),
        });

        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_BLOB_UNKNOWN", HttpMethod.Put, "/v2/a/manifests/demo", image, Manifest.OciImage);
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_BLOB_UNKNOWN", HttpMethod.Put, "/v2/a/manifests/demo", index, Manifest.OciIndex);
        await fronts.PushBlobAsync("a", Layer);
        await fronts.ExpectAsync(HttpStatusCode.Created, HttpMethod.Put, $"/v2/a/manifests/{ContentNames.Sha256(image)}", image, Manifest.OciImage);
        await fronts.ExpectAsync(HttpStatusCode.Created, HttpMethod.Put, "/v2/a/manifests/demo", index, Manifest.OciIndex);
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
    public async Task What_is_no_manifest_is_refused(string body, string type)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket: false);

        await fronts.ExpectErrorAsync(HttpStatusCode.BadRequest, "MANIFEST_INVALID", HttpMethod.Put, "/v2/a/manifests/demo",
            System.Text.Encoding.UTF8.GetBytes(body), type);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Errors_have_the_codes_of_the_specification(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket);
        fronts.Registry.PushImage("a", "demo");
        string other = ContentNames.Sha256(Layer);

        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "NAME_UNKNOWN", HttpMethod.Get, "/v2/b/manifests/demo");
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", HttpMethod.Get, "/v2/a/manifests/prod");
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", HttpMethod.Get, $"/v2/a/manifests/{other}");
        await fronts.ExpectErrorAsync(HttpStatusCode.BadRequest, "TAG_INVALID", HttpMethod.Put, "/v2/a/manifests/-x", [1]);
        await fronts.ExpectErrorAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", HttpMethod.Put, $"/v2/a/manifests/{other}", [1]);
        await fronts.ExpectErrorAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", HttpMethod.Get, "/v2/a/manifests/md5:1");
        await fronts.ExpectErrorAsync(HttpStatusCode.RequestEntityTooLarge, "SIZE_INVALID", HttpMethod.Put, "/v2/a/manifests/demo", new byte[Manifest.SizeLimit + 1]);
        await fronts.ExpectErrorAsync(HttpStatusCode.MethodNotAllowed, "UNSUPPORTED", HttpMethod.Post, "/v2/a/manifests/demo", []);
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "NAME_UNKNOWN", HttpMethod.Get, "/elsewhere");
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/");
        Assert.Empty(await (await fronts.ExpectAsync(HttpStatusCode.NotFound, HttpMethod.Head, "/v2/a/manifests/prod"))
            .Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Deleting_a_tag_leaves_the_image_and_deleting_a_digest_takes_its_tags(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket);
        string digest = fronts.Registry.PushImage("a", "6e4ae1c");
        fronts.Registry.Tag("a", "demo", digest);
        fronts.Registry.Tag("a", "prod", digest);
        fronts.Registry.PushImage("a", "other");

        await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, "/v2/a/manifests/demo");
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", HttpMethod.Delete, "/v2/a/manifests/demo");
        Assert.Equal(["6e4ae1c", "other", "prod"], fronts.Registry.Tags("a"));
        await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, $"/v2/a/manifests/{digest}");
        Assert.Equal(["other"], fronts.Registry.Tags("a"));
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", HttpMethod.Delete, $"/v2/a/manifests/{digest}");
    }

    [Theory]
    [InlineData(RegistryDeletion.DigestsOnly, 405, 202)]
    [InlineData(RegistryDeletion.None, 405, 405)]
    public async Task Older_registries_refuse_to_delete(RegistryDeletion deletion, int tag, int digest)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket: false, new() { Deletion = deletion });
        string pushed = fronts.Registry.PushImage("a", "demo");

        var byTag = await fronts.SendAsync(HttpMethod.Delete, "/v2/a/manifests/demo");
        var byDigest = await fronts.SendAsync(HttpMethod.Delete, $"/v2/a/manifests/{pushed}");

        Assert.Equal((tag, digest), ((int)byTag.StatusCode, (int)byDigest.StatusCode));
        Assert.Equal("UNSUPPORTED", (await RegistryFronts.JsonAsync(byTag))["errors"]![0]!["code"]!.GetValue<string>());
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task What_refers_to_an_image_is_listed_with_it(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket);
        string subject = fronts.Registry.PushImage("a", "demo");
        JsonNode signature = JsonNode.Parse(RegistryFronts.ImageManifest(await fronts.PushBlobAsync("a", Config)))!;
        signature["artifactType"] = "application/x-signature";
        signature["subject"] = RegistryFronts.Descriptor(Manifest.OciImage, subject);
        signature["annotations"] = new JsonObject { ["by"] = "ci" };

        var put = await fronts.ExpectAsync(HttpStatusCode.Created, HttpMethod.Put, "/v2/a/manifests/sig", RegistryFronts.Utf8(signature), Manifest.OciImage);
        Assert.Equal(subject, RegistryFronts.Header(put, "OCI-Subject"));
        var all = await RegistryFronts.JsonAsync(await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/referrers/{subject}"));
        var filtered = await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/referrers/{subject}?artifactType=application/x-other");

        Assert.Equal("application/x-signature", Assert.Single(all["manifests"]!.AsArray())!["artifactType"]!.GetValue<string>());
        Assert.Equal("ci", all["manifests"]![0]!["annotations"]!["by"]!.GetValue<string>());
        Assert.Equal("artifactType", RegistryFronts.Header(filtered, "OCI-Filters-Applied"));
        Assert.Empty((await RegistryFronts.JsonAsync(filtered))["manifests"]!.AsArray());
    }
}
