using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Http;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Api;

/// <summary>Handles GET of a single object, a list, or a watch. Called with the store's lock held.</summary>
internal sealed class ObjectReader(ObjectStore store, Identifiers identifiers, EventLoop loop, SandboxOptions options)
{
    private const int DefaultWatchSeconds = 1800;

    public ApiResponse Get(ObjectRequest request)
    {
        var item = Find(request);
        return new ApiResponse { Body = Encoder(request, isList: false).One(item) };
    }

    /// <exception cref="ApiException">404.</exception>
    public StoredObject Find(ObjectRequest request) =>
        store.Table(request.Type).Find(request.Namespace, request.Name)
        ?? throw ApiException.NotFound(request.Type.Group, request.Type.Plural, request.Name);

    public ApiResponse List(ObjectRequest request)
    {
        var filter = Filter(request);
        var table = store.Table(request.Type);
        var limit = request.Query.Integer("limit") ?? 0;
        var token = ContinueToken.Parse(request.Query["continue"]);
        if (request.Query["sendInitialEvents"].Length > 0)
        {
            var causes = new CauseList();
            causes.Forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
            throw ApiException.Invalid("meta.k8s.io", "ListOptions", "", causes.Causes);
        }
        var requested = Revision(request.Query["resourceVersion"]);
        var match = CheckMatch(request, requested, token is not null);
        var revision = store.Revision;
        IReadOnlyList<StoredObject> all;
        if (token is not null && token.Revision > 0)
        {
            revision = token.Revision;
            all = table.ListAt(
                filter.Namespace,
                revision,
                "The provided continue parameter is too old to display a consistent list result. "
                    + "You can start a new list without the continue parameter."
            );
        }
        else if (requested is > 0 && (match == "Exact" || (match.Length == 0 && limit > 0)))
        {
            CheckRevisionReached(requested.Value);
            revision = requested.Value;
            all = table.ListAt(filter.Namespace, revision, "The resourceVersion for the provided list is too old.");
        }
        else
        {
            CheckRevisionReached(requested ?? 0);
            all = table.List(filter.Namespace);
        }
        var page = new List<StoredObject>();
        var meta = new JsonObject();
        var index = 0;
        for (; index < all.Count && (limit <= 0 || page.Count < limit); index++)
        {
            if (token is not null && string.CompareOrdinal(all[index].Key, token.After) <= 0)
                continue;
            if (filter.Matches(all[index]))
                page.Add(all[index]);
        }
        meta["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture);
        if (index < all.Count && page.Count > 0)
        {
            meta["continue"] = new ContinueToken(revision, page[^1].Key).ToString();
            if (filter.IsEverything)
                meta["remainingItemCount"] = all.Count - index;
        }
        return new ApiResponse { Body = Encoder(request, isList: true).List(page, meta), Warnings = Warnings(request) };
    }

    public ApiResponse Watch(ObjectRequest request)
    {
        var filter = Filter(request);
        var table = store.Table(request.Type);
        var encoder = Encoder(request, isList: false);
        var initial = CheckInitialEvents(request);
        var bookmarks = request.Query.Flag("allowWatchBookmarks");
        var from = Revision(request.Query["resourceVersion"]) ?? 0;
        if (initial == true)
            CheckRevisionReached(from);
        Watch? watch = null;
        var timers = new List<LoopEntry>();
        var stream = new WatchStream(Wake, _ => Close());
        watch = new Watch(table, filter, encoder.Event, stream);
        if (initial ?? from == 0)
        {
            foreach (var item in table.List(filter.Namespace))
                watch.OfferInitial(item);
            if (initial == true && bookmarks)
                watch.Write(encoder.Bookmark(store.Revision, endsInitialEvents: true));
        }
        else if (from == 0)
        {
            // sendInitialEvents=false: only changes from now on.
        }
        else if (from < table.HistoryStart)
        {
            // After parameter validation, errors of a watch are sent as events.
            stream.Write(ObjectEncoder.Error(ApiException.Expired($"too old resource version: {from} ({table.HistoryStart})")));
            stream.End();
            return new ApiResponse { Stream = stream };
        }
        else
        {
            foreach (var change in table.ChangesAfter(from))
                watch.Offer(change);
        }
        table.Attach(watch);
        var seconds = request.Query.Integer("timeoutSeconds") is > 0 and long given
            ? given
            : DefaultWatchSeconds + identifiers.Next(DefaultWatchSeconds);
        timers.Add(loop.Post(TimeSpan.FromSeconds(seconds), EndWatch));
        if (bookmarks)
            timers.Add(loop.Post(options.BookmarkInterval, Bookmark));
        return new ApiResponse { Stream = stream, Warnings = Warnings(request) };

        void EndWatch()
        {
            lock (store.Gate)
            {
                if (bookmarks)
                    watch.Write(encoder.Bookmark(store.Revision));
                watch.End();
            }
        }

        void Bookmark()
        {
            lock (store.Gate)
            {
                watch.Write(encoder.Bookmark(store.Revision));
                timers[1] = loop.Post(options.BookmarkInterval, Bookmark);
            }
        }

        void Close()
        {
            lock (store.Gate)
            {
                table.Detach(watch!);
                foreach (var timer in timers)
                    timer.Dispose();
            }
        }
    }

    public ObjectEncoder Encoder(ObjectRequest request, bool isList) =>
        new(
            request.Type,
            request.Version,
            OutputForm.Negotiate(request.Http.Accept, isList),
            request.Query["includeObject"],
            options.TimeProvider
        );

    public static ObjectFilter Filter(ObjectRequest request)
    {
        var fields = FieldSelector.Parse(request.Query["fieldSelector"], request.Type.SelectableFields);
        return new ObjectFilter(request.Namespace, LabelSelector.Parse(request.Query["labelSelector"]), fields);
    }

    private static string[] Warnings(ObjectRequest request) =>
        request.Version.DeprecationWarning.Length > 0 ? [request.Version.DeprecationWarning] : [];

    private static long? Revision(string text)
    {
        if (text.Length == 0)
            return null;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var revision)
            ? revision
            : throw new ApiException(
                500,
                "",
                $"resourceVersion: Invalid value: {JsonAccess.Quoted(text)}: strconv.ParseUint: parsing "
                    + $"{JsonAccess.Quoted(text)}: invalid syntax"
            );
    }

    private static string CheckMatch(ObjectRequest request, long? revision, bool continued)
    {
        var match = request.Query["resourceVersionMatch"];
        if (match.Length == 0)
            return match;
        var problem =
            revision is null ? "resourceVersionMatch is forbidden unless resourceVersion is provided"
            : continued ? "resourceVersionMatch is forbidden when continue is provided"
            : match == "Exact" && revision == 0 ? "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""
            : null;
        var causes = new CauseList();
        if (problem is not null)
            causes.Forbidden("resourceVersionMatch", problem);
        else if (match is not ("Exact" or "NotOlderThan"))
            causes.NotSupported("resourceVersionMatch", match, "Exact", "NotOlderThan", "");
        return causes.IsEmpty ? match : throw ApiException.Invalid("meta.k8s.io", "ListOptions", "", causes.Causes);
    }

    /// <summary>
    /// Whether a watch starts with the existing objects and a bookmark ("Streaming lists" in the API documentation). Null if the client did
    /// not specify it; the resource version decides then.
    /// </summary>
    /// <exception cref="ApiException">422, by the rules of ValidateListOptions in k8s.io/apimachinery.</exception>
    private static bool? CheckInitialEvents(ObjectRequest request)
    {
        var match = request.Query["resourceVersionMatch"];
        var specified = request.Query["sendInitialEvents"].Length > 0;
        var causes = new CauseList();
        if (specified && match != "NotOlderThan")
            causes.Forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        if (match.Length > 0 && !specified)
            causes.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
        if (match.Length > 0 && match != "NotOlderThan")
            causes.NotSupported("resourceVersionMatch", match, "NotOlderThan");
        if (match.Length > 0 && request.Query["continue"].Length > 0)
            causes.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
        if (!causes.IsEmpty)
            throw ApiException.Invalid("meta.k8s.io", "ListOptions", "", causes.Causes);
        return specified ? request.Query.Flag("sendInitialEvents") : null;
    }

    private void CheckRevisionReached(long revision)
    {
        if (revision <= store.Revision)
            return;
        throw new ApiException(504, "Timeout", $"Timeout: Too large resource version: {revision}, current: {store.Revision}")
        {
            RetryAfterSeconds = 1,
            Details = new("", "", "") { Causes = [new StatusCause("ResourceVersionTooLarge", "Too large resource version", "")] },
        };
    }

    private void Wake(Action reader)
    {
        if (options.Deterministic)
            loop.Post(TimeSpan.Zero, reader);
        else
            ThreadPool.UnsafeQueueUserWorkItem(static action => action(), reader, preferLocal: false);
    }

    /// <summary>The position in a paged list: opaque to clients, in the API server's own encoding.</summary>
    private sealed record ContinueToken(long Revision, string After)
    {
        public static ContinueToken? Parse(string text)
        {
            if (text.Length == 0)
                return null;
            try
            {
                var padded = text.Replace('-', '+').Replace('_', '/');
                padded += new string('=', (4 - (padded.Length % 4)) % 4);
                var token = JsonText.Parse(Convert.FromBase64String(padded));
                if (token.Str("v") == "meta.k8s.io/v1" && token.Str("start") is { Length: > 0 } start)
                    return new ContinueToken(token.Int("rv") ?? 0, start.TrimEnd('\0'));
                throw ApiException.BadRequest(
                    "invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
                );
            }
            catch (Exception e) when (e is FormatException or JsonException)
            {
                throw ApiException.BadRequest("invalid continue token: continue key is not valid: " + e.Message);
            }
        }

        public override string ToString()
        {
            var token = new JsonObject
            {
                ["v"] = "meta.k8s.io/v1",
                ["rv"] = Revision,
                ["start"] = After + "\0",
            };
            return Convert.ToBase64String(Encoding.UTF8.GetBytes(token.ToJsonString())).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        }
    }
}
