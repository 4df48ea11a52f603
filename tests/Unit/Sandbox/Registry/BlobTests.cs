using System.Net;
using System.Security.Cryptography;
using System.Text;
using CvManager.Sandbox.Registry;
using Xunit;

namespace CvManager.Unit.Sandbox.Registry;

public sealed class BlobTests
{
    private static readonly byte[] Content = Encoding.UTF8.GetBytes("0123456789abcdef");

    private static readonly string Digest = ContentNames.Sha256(Content);

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_blob_pushed_in_one_request_is_returned_byte_for_byte(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);

        await fixture.PushBlobAsync("a/b", Content);
        var head = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/a/b/blobs/{Digest}");
        var got = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/b/blobs/{Digest}");

        Assert.Equal(Content.Length, head.Content.Headers.ContentLength);
        Assert.Equal(Digest, RegistryFixture.Header(head, "Docker-Content-Digest"));
        Assert.Equal(Content, await got.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", HttpMethod.Get, $"/v2/a/other/blobs/{Digest}");
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_chunked_upload_reports_its_progress_and_rejects_chunks_out_of_order(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);

        var begun = await fixture.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Post, "/v2/a/b/blobs/uploads/", []);
        var address = RegistryFixture.Header(begun, "Location");
        var first = await fixture.ExpectAsync(
            HttpStatusCode.Accepted,
            HttpMethod.Patch,
            address,
            Content[..10],
            "application/octet-stream",
            ("Content-Range", "0-9")
        );
        Assert.Equal("0-9", RegistryFixture.Header(first, "Range"));
        var again = await fixture.ExpectAsync(
            HttpStatusCode.RequestedRangeNotSatisfiable,
            HttpMethod.Patch,
            address,
            Content[..10],
            "application/octet-stream",
            ("Content-Range", "0-9")
        );
        Assert.Equal("0-9", RegistryFixture.Header(again, "Range"));
        var stands = await fixture.ExpectAsync(HttpStatusCode.NoContent, HttpMethod.Get, address);
        Assert.Equal("0-9", RegistryFixture.Header(stands, "Range"));
        await fixture.ExpectErrorAsync(
            HttpStatusCode.BadRequest,
            "BLOB_UPLOAD_INVALID",
            HttpMethod.Patch,
            address,
            Content[10..],
            "application/octet-stream",
            ("Content-Range", "ten")
        );
        var done = await fixture.ExpectAsync(
            HttpStatusCode.Created,
            HttpMethod.Put,
            $"{address}?digest={Digest}",
            Content[10..],
            "application/octet-stream",
            ("Content-Range", "10-15")
        );

        Assert.EndsWith($"/v2/a/b/blobs/{Digest}", RegistryFixture.Header(done, "Location"));
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN", HttpMethod.Get, address);
        var got = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/b/blobs/{Digest}");
        Assert.Equal(Content, await got.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Content_that_does_not_match_its_digest_is_rejected(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);

        await fixture.ExpectErrorAsync(
            HttpStatusCode.BadRequest,
            "DIGEST_INVALID",
            HttpMethod.Post,
            $"/v2/a/b/blobs/uploads/?digest={Digest}",
            [1]
        );
        await fixture.ExpectErrorAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", HttpMethod.Get, "/v2/a/b/blobs/sha256:12");
        await fixture.ExpectErrorAsync(HttpStatusCode.BadRequest, "NAME_INVALID", HttpMethod.Post, "/v2/A/blobs/uploads/", []);
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", HttpMethod.Get, $"/v2/a/b/blobs/{Digest}");
    }

    [Fact]
    public async Task A_sha512_digest_is_checked_too()
    {
        await using var fixture = await RegistryFixture.StartAsync(socket: false);
        var digest = "sha512:" + Convert.ToHexStringLower(SHA512.HashData(Content));

        await fixture.ExpectAsync(HttpStatusCode.Created, HttpMethod.Post, $"/v2/a/b/blobs/uploads/?digest={digest}", Content);
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/a/b/blobs/{digest}");
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_blob_is_mounted_from_another_repository_or_uploaded_if_it_is_missing_there(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);
        await fixture.PushBlobAsync("a/b", Content);

        await fixture.ExpectAsync(HttpStatusCode.Created, HttpMethod.Post, $"/v2/c/blobs/uploads/?mount={Digest}&from=a/b", []);
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/c/blobs/{Digest}");
        var upload = await fixture.ExpectAsync(
            HttpStatusCode.Accepted,
            HttpMethod.Post,
            $"/v2/c/blobs/uploads/?mount={Digest}&from=nowhere",
            []
        );
        var address = RegistryFixture.Header(upload, "Location");
        await fixture.ExpectAsync(HttpStatusCode.NoContent, HttpMethod.Delete, address);
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN", HttpMethod.Patch, address, [1]);

        await fixture.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, $"/v2/a/b/blobs/{Digest}");
        await fixture.ExpectErrorAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", HttpMethod.Delete, $"/v2/a/b/blobs/{Digest}");
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/c/blobs/{Digest}");
    }

    [Theory]
    [InlineData("bytes=2-5", 206, "2345")]
    [InlineData("bytes=12-", 206, "cdef")]
    [InlineData("bytes=-3", 206, "def")]
    [InlineData("bytes=10-99", 206, "abcdef")]
    [InlineData("bytes=16-", 416, "")]
    [InlineData("lines=1-2", 200, "0123456789abcdef")]
    public async Task A_range_request_returns_part_of_a_blob(string range, int status, string part)
    {
        foreach (var socket in (bool[])[true, false])
        {
            await using var fixture = await RegistryFixture.StartAsync(socket);
            await fixture.PushBlobAsync("a", Content);

            var got = await fixture.ExpectAsync(
                (HttpStatusCode)status,
                HttpMethod.Get,
                $"/v2/a/blobs/{Digest}",
                null,
                null,
                ("Range", range)
            );

            Assert.Equal(part, await got.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Memory_is_limited_and_freed_by_deleted_blobs_and_cancelled_uploads()
    {
        await using var fixture = await RegistryFixture.StartAsync(socket: false, new() { BlobLimit = 16, TotalLimit = 40 });
        byte[] second = [.. Content.Reverse()];
        byte[] third = [.. Content.Order().Select(b => (byte)(b + 1))];

        await fixture.ExpectErrorAsync(
            HttpStatusCode.RequestEntityTooLarge,
            "SIZE_INVALID",
            HttpMethod.Post,
            $"/v2/a/blobs/uploads/?digest={Digest}",
            [.. Content, 1]
        );
        await fixture.PushBlobAsync("a", Content);
        await fixture.PushBlobAsync("b", Content);
        await fixture.PushBlobAsync("a", second);
        await fixture.ExpectErrorAsync(
            HttpStatusCode.RequestEntityTooLarge,
            "SIZE_INVALID",
            HttpMethod.Post,
            $"/v2/a/blobs/uploads/?digest={ContentNames.Sha256(third)}",
            third
        );
        var upload = await fixture.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Post, "/v2/a/blobs/uploads/", []);
        var address = RegistryFixture.Header(upload, "Location");
        await fixture.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Patch, address, third[..8]);
        await fixture.ExpectErrorAsync(HttpStatusCode.RequestEntityTooLarge, "SIZE_INVALID", HttpMethod.Patch, address, third[8..]);
        await fixture.ExpectAsync(HttpStatusCode.NoContent, HttpMethod.Delete, address);
        await fixture.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, $"/v2/a/blobs/{ContentNames.Sha256(second)}");

        await fixture.PushBlobAsync("a", third);
    }
}
