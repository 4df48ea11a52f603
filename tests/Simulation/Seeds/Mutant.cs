using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Support.Network;

namespace CvManager.Simulation.Seeds;

/// <summary>A rule that a controller breaks, to verify that the invariant with the number detects it.</summary>
internal enum Mutation
{
    None,

    /// <summary>3: patches before its intent is written: the first status write of a rollout is dropped.</summary>
    NoIntent,

    /// <summary>3: the end of rollouts is never written.</summary>
    NoOutcome,

    /// <summary>4 and 6: uses what a tag pointed at two moves ago.</summary>
    StaleTag,

    /// <summary>5: does not see quarantined digests.</summary>
    NoQuarantine,

    /// <summary>6: always reports Ready.</summary>
    Boasting,

    /// <summary>7: writes whenever it reads.</summary>
    Chatter,

    /// <summary>1: treats every gate as passed.</summary>
    NoGates,

    /// <summary>3: history writes are dropped.</summary>
    NoRecords,

    /// <summary>8: every request to the registry is sent many times.</summary>
    Flood,

    /// <summary>12: writes a password into a status.</summary>
    Talkative,

    /// <summary>2 and 9: two controllers work at the same time, and each sees one of the two ContainerVersions.</summary>
    NoRivals,

    /// <summary>10: does not see holds.</summary>
    NoHolds,

    /// <summary>11: changes more than an image.</summary>
    BroadPatches,
}

/// <summary>Breaks one rule, between a controller and its servers.</summary>
/// <param name="hidden">For <see cref="Mutation.NoRivals"/>: the ContainerVersion that this one does not see.</param>
internal sealed class Mutant(Mutation mutation, string hidden)
{
    private readonly Dictionary<string, List<string>> _tags = new(StringComparer.Ordinal);
    private int _notes;

    /// <summary>How many additional times each request to the registry is sent.</summary>
    public int Extra => mutation == Mutation.Flood ? 20 : 0;

    /// <summary>Changes a request to the API server, or its response.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request,
        Func<HttpRequestMessage, Task<HttpResponseMessage>> send,
        CancellationToken cancellationToken
    )
    {
        var path = request.RequestUri!.AbsolutePath;
        var isStatus = path.EndsWith("/status", StringComparison.Ordinal) && path.Contains("containerversions", StringComparison.Ordinal);
        var isPatch =
            request.Method == HttpMethod.Patch && WorkloadShape.All.Any(s => path.StartsWith(s.Collection + "/", StringComparison.Ordinal));
        var body = request.Content is null ? null : JsonNode.Parse(await request.Content.ReadAsStringAsync(cancellationToken));
        var phase = Fields.Text(body, "status", "rollout", "phase");
        switch (mutation)
        {
            case Mutation.NoIntent when isStatus && phase == "Progressing":
                return Answer(body!);
            case Mutation.NoOutcome when isStatus && Names.IsFinal(phase):
                body!["status"]!.AsObject().Remove("rollout");
                request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
                break;
            case Mutation.Boasting when isStatus:
                foreach (var condition in body!["status"]?["conditions"] as JsonArray ?? [])
                    condition!["status"] = Fields.Text(condition, "type") == "Ready" ? "True" : "False";
                request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
                break;
            case Mutation.NoRecords
                when body is not null && $"{path} {Fields.Text(body, "metadata", "name")}".Contains(".history", StringComparison.Ordinal):
                return Answer(body);
            case Mutation.Talkative when isStatus:
                body!["status"]!["currVersion"] = Names.Password;
                request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
                break;
            case Mutation.BroadPatches when isPatch && body is JsonArray operations:
                operations.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["op"] = "add",
                            ["path"] = "/metadata/annotations",
                            ["value"] = new JsonObject { ["touched"] = "true" },
                        }
                );
                request.Content = new StringContent(operations.ToJsonString(), Encoding.UTF8, "application/json-patch+json");
                break;
            case Mutation.Chatter when request.Method == HttpMethod.Get && path.EndsWith("/containerversions", StringComparison.Ordinal):
                await NoteAsync(request, send);
                break;
        }

        var response = await send(request);
        if (
            mutation == Mutation.NoGates
            && response.IsSuccessStatusCode
            && path.Contains("/pods/", StringComparison.Ordinal)
            && !path.EndsWith("/log", StringComparison.Ordinal)
        )
            response.Content = await PassAsync(response.Content, cancellationToken);
        if (
            mutation is Mutation.NoQuarantine or Mutation.NoHolds or Mutation.NoRivals
            && path.Contains("containerversions", StringComparison.Ordinal)
            && response.IsSuccessStatusCode
        )
            response.Content = await BlindAsync(request, response.Content, cancellationToken);
        return response;
    }

    /// <summary>Changes the registry's response for a tag.</summary>
    public void Answer(string tag, HttpResponseMessage response)
    {
        if (mutation != Mutation.StaleTag)
            return;
        var digest = response.Headers.GetValues("Docker-Content-Digest").First();
        if (!_tags.TryGetValue(tag, out var seen))
            _tags.Add(tag, seen = []);
        if (seen.LastOrDefault() != digest)
            seen.Add(digest);
        response.Headers.Remove("Docker-Content-Digest");
        response.Headers.Add("Docker-Content-Digest", seen[Math.Max(0, seen.Count - 3)]);
    }

    private static HttpResponseMessage Answer(JsonNode body) =>
        new(HttpStatusCode.OK) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };

    private static async Task<HttpContent> PassAsync(HttpContent content, CancellationToken cancellationToken)
    {
        var body = JsonNode.Parse(await content.ReadAsStringAsync(cancellationToken))!;
        if (Fields.Text(body, "metadata", "labels", Names.RolloutLabel).Length > 0)
            body["status"] = new JsonObject { ["phase"] = "Succeeded" };
        return new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
    }

    private async Task NoteAsync(HttpRequestMessage request, Func<HttpRequestMessage, Task<HttpResponseMessage>> send)
    {
        HttpRequestMessage note = new(HttpMethod.Post, new Uri(request.RequestUri!, $"/api/v1/namespaces/{Names.Namespace}/configmaps"))
        {
            Content = new StringContent(
                $$$"""{"metadata":{"generateName":"note-"},"data":{"n":"{{{_notes++}}}"}}""",
                Encoding.UTF8,
                "application/json"
            ),
        };
        note.Headers.Authorization = request.Headers.Authorization;
        (await send(note)).Dispose();
    }

    private async Task<HttpContent> BlindAsync(HttpRequestMessage request, HttpContent content, CancellationToken cancellationToken)
    {
        if (request.RequestUri!.Query.Contains("watch=", StringComparison.Ordinal))
            return new StreamContent(new BlindStream(await content.ReadAsStreamAsync(cancellationToken), Blind));
        var body = JsonNode.Parse(await content.ReadAsStringAsync(cancellationToken))!;
        if (body["items"] is JsonArray items)
        {
            foreach (var item in items.Where(item => !Blind(item!)).ToList()!)
                items.Remove(item);
        }
        else
        {
            Blind(body);
        }

        return new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
    }

    /// <returns>False to hide the object.</returns>
    private bool Blind(JsonNode item)
    {
        if (mutation == Mutation.NoQuarantine)
            (item["status"] as JsonObject)?.Remove("quarantined");
        if (mutation == Mutation.NoHolds && item["spec"] is JsonObject held)
        {
            held.Remove("suspend");
            held.Remove("pinVersion");
        }

        return mutation != Mutation.NoRivals || Fields.Text(item, "metadata", "name") != hidden;
    }

    /// <summary>The lines of a watch, with changed objects.</summary>
    private sealed class BlindStream(Stream inner, Func<JsonNode, bool> blind) : ReadOnlyStream
    {
        private readonly StreamReader _lines = new(inner);
        private ReadOnlyMemory<byte> _rest;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (_rest.IsEmpty)
            {
                if (await _lines.ReadLineAsync(cancellationToken) is not { } line)
                    return 0;
                var change = JsonNode.Parse(line)!;
                if (blind(change["object"]!))
                    _rest = Encoding.UTF8.GetBytes(change.ToJsonString() + "\n");
            }

            var size = Math.Min(_rest.Length, buffer.Length);
            _rest[..size].CopyTo(buffer);
            _rest = _rest[size..];
            return size;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _lines.Dispose();
            base.Dispose(disposing);
        }
    }
}
