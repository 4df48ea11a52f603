using System.Net;
using System.Security.Cryptography;
using System.Text;
using CvManager.Sandbox.Registry;
using Xunit;

namespace CvManager.Unit.SandboxRegistry;

public sealed class BlobTests
{
    private static readonly byte[] Content = Encoding.UTF8.GetBytes("0123456789abcdef");

    private static readonly string Digest = ContentNames.Sha256(Content);

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_blob_pushed_in_one_request_comes_back_byte_for_byte(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket);

        await fronts.PushBlobAsync("a/b", Content);
        var head = await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/a/b/blobs/{Digest}");
        var got = await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/b/blobs/{Digest}");

        Assert.Equal(Content.Length, head.Content.Headers.ContentLength);
        Assert.Equal(Digest, RegistryFronts.Header(head, "Docker-Content-Digest"));
        Assert.Equal(Content, await got.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", HttpMethod.Get, $"/v2/a/other/blobs/{Digest}");
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task An_upload_in_chunks_says_where_it_stands_and_refuses_what_is_out_of_order(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket);

        var begun = await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Post, "/v2/a/b/blobs/uploads/", []);
        string address = RegistryFronts.Header(begun, "Location");
        var first = await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Patch, address, Content[..10], "application/octet-stream", ("Content-Range", "0-9"));
        Assert.Equal("0-9", RegistryFronts.Header(first, "Range"));
        var again = await fronts.ExpectAsync(HttpStatusCode.RequestedRangeNotSatisfiable, HttpMethod.Patch, address, Content[..10],
            "application/octet-stream", ("Content-Range", "0-9"));
        Assert.Equal("0-9", RegistryFronts.Header(again, "Range"));
        var stands = await fronts.ExpectAsync(HttpStatusCode.NoContent, HttpMethod.Get, address);
        Assert.Equal("0-9", RegistryFronts.Header(stands, "Range"));
        await fronts.ExpectErrorAsync(HttpStatusCode.BadRequest, "BLOB_UPLOAD_INVALID", HttpMethod.Patch, address, Content[10..],
            "application/octet-stream", ("Content-Range", "ten"));
        var done = await fronts.ExpectAsync(HttpStatusCode.Created, HttpMethod.Put, $"{address}?digest={Digest}", Content[10..],
            "application/octet-stream", ("Content-Range", "10-15"));

        Assert.EndsWith($"/v2/a/b/blobs/{Digest}", RegistryFronts.Header(done, "Location"));
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN", HttpMethod.Get, address);
        var got = await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/b/blobs/{Digest}");
        Assert.Equal(Content, await got.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Content_that_is_not_its_digest_is_refused(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket);

        await fronts.ExpectErrorAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", HttpMethod.Post, $"/v2/a/b/blobs/uploads/?digest={Digest}", [1]);
        await fronts.ExpectErrorAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", HttpMethod.Get, "/v2/a/b/blobs/sha256:12");
        await fronts.ExpectErrorAsync(HttpStatusCode.BadRequest, "NAME_INVALID", HttpMethod.Post, "/v2/A/blobs/uploads/", []);
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", HttpMethod.Get, $"/v2/a/b/blobs/{Digest}");
    }

    [Fact]
    public async Task A_sha512_digest_is_checked_too()
    {
        await using var fronts = await RegistryFronts.StartAsync(socket: false);
        string digest = "sha512:" + Convert.ToHexStringLower(SHA512.HashData(Content));

        await fronts.ExpectAsync(HttpStatusCode.Created, HttpMethod.Post, $"/v2/a/b/blobs/uploads/?digest={digest}", Content);
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/a/b/blobs/{digest}");
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_blob_is_mounted_from_another_repository_or_uploaded_where_that_has_none(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket);
        await fronts.PushBlobAsync("a/b", Content);

        await fronts.ExpectAsync(HttpStatusCode.Created, HttpMethod.Post, $"/v2/c/blobs/uploads/?mount={Digest}&from=a/b", []);
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/c/blobs/{Digest}");
        var upload = await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Post, $"/v2/c/blobs/uploads/?mount={Digest}&from=nowhere", []);
        string address = RegistryFronts.Header(upload, "Location");
        await fronts.ExpectAsync(HttpStatusCode.NoContent, HttpMethod.Delete, address);
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN", HttpMethod.Patch, address, [1]);

        await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, $"/v2/a/b/blobs/{Digest}");
        await fronts.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", HttpMethod.Delete, $"/v2/a/b/blobs/{Digest}");
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/c/blobs/{Digest}");
    }

    [Theory]
    [InlineData("bytes=2-5", 206, "2345")]
    [InlineData("bytes=12-", 206, "cdef")]
    [InlineData("bytes=-3", 206, "def")]
    [InlineData("bytes=10-99", 206, "abcdef")]
    [InlineData("bytes=16-", 416, "")]
    [InlineData("lines=1-2", 200, "0123456789abcdef")]
    public async Task A_range_gives_a_part_of_a_blob(string range, int status, string part)
    {
        foreach (bool socket in (bool[])[true, false])
        {
            await using var fronts = await RegistryFronts.StartAsync(socket);
            await fronts.PushBlobAsync("a", Content);

            var got = await fronts.ExpectAsync((HttpStatusCode)status, HttpMethod.Get, $"/v2/a/blobs/{Digest}", null, null, ("Range", range));

            Assert.Equal(part, await got.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Memory_is_bounded_and_comes_back_with_what_is_deleted_or_given_up()
    {
        await using var fronts = await RegistryFronts.StartAsync(socket: false, new() { BlobLimit = 16, TotalLimit = 40 });
        byte[] second = [.. Content.Reverse()];
        byte[] third = [.. Content.Order().Select(b => (byte)(b + 1))];

        await fronts.ExpectErrorAsync(HttpStatusCode.RequestEntityTooLarge, "SIZE_INVALID", HttpMethod.Post,
            $"/v2/a/blobs/uploads/?digest={Digest}", [.. Content, 1]);
        await fronts.PushBlobAsync("a", Content);
        await fronts.PushBlobAsync("b", Content);
        await fronts.PushBlobAsync("a", second);
        await fronts.ExpectErrorAsync(HttpStatusCode.RequestEntityTooLarge, "SIZE_INVALID", HttpMethod.Post,
            $"/v2/a/blobs/uploads/?digest={ContentNames.Sha256(third)}", third);
        var upload = await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Post, "/v2/a/blobs/uploads/", []);
        string address = RegistryFronts.Header(upload, "Location");
        await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Patch, address, third[..8]);
        await fronts.ExpectErrorAsync(HttpStatusCode.RequestEntityTooLarge, "SIZE_INVALID", HttpMethod.Patch, address, third[8..]);
        await fronts.ExpectAsync(HttpStatusCode.NoContent, HttpMethod.Delete, address);
        await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, $"/v2/a/blobs/{ContentNames.Sha256(second)}");

        await fronts.PushBlobAsync("a", third);
    }
}
