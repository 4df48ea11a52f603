using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Scheduling;
using Microsoft.Extensions.Logging;

namespace CvManager.Watching;

/// <summary>
/// Keeps a copy of one collection of the API server up to date: lists it once, then watches it, and lists it again only when the resource
/// version of the watch has expired (410). Like client-go's Reflector (tools/cache/reflector.go).
/// </summary>
/// <remarks>
/// A kind that is not served (404) counts as empty; one that may not be read (403) keeps its last known objects. Both are retried
/// periodically and logged once. While the API server is unavailable, the last known objects are kept. An object that cannot be parsed is
/// ignored and logged by name. <see cref="RunAsync"/> must not run twice at the same time; all other members are thread-safe.
/// </remarks>
internal sealed partial class Reflector<T> : IReflector
{
    /// <summary>A watch is abandoned if it is silent for this long after its requested duration (the limit in ClusterConnection).</summary>
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromMinutes(1);

    private readonly ClusterConnection _cluster;
    private readonly IReadOnlyList<ResourcePath> _paths;
    private readonly string? _labelSelector;
    private readonly Func<JsonObject, ResourcePath, T> _read;
    private readonly IReflection<T> _reflection;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILogger _logger;
    private readonly ReflectorOptions _options;
    private readonly TaskCompletionSource _synced = new();
    private readonly HashSet<string> _unreadable = new(StringComparer.Ordinal);
    private volatile CancellationTokenSource? _watching;
    private volatile bool _isHealthy;
    private volatile bool _isRelisting;
    private long _activeAt;
    private long _attemptAt;
    private string? _loggedError;
    private bool _absent;
    private bool _watchFailed;
    private int _failures;

    /// <param name="cluster">What is watched.</param>
    /// <param name="paths">The collection in each supported API version, in order of preference; the first that is served is used.</param>
    /// <param name="labelSelector">Null for all.</param>
    /// <param name="read">Parses an object; must be fast. Its exception is logged as the reason why the object cannot be read.</param>
    /// <param name="reflection">The store for the objects.</param>
    /// <param name="environment">Its log gets each problem once.</param>
    /// <param name="options">Null for the defaults.</param>
    public Reflector(
        ClusterConnection cluster,
        IReadOnlyList<ResourcePath> paths,
        string? labelSelector,
        Func<JsonObject, ResourcePath, T> read,
        IReflection<T> reflection,
        EngineEnvironment environment,
        ReflectorOptions? options = null
    )
    {
        _cluster = cluster;
        _paths = paths;
        _labelSelector = labelSelector;
        _read = read;
        _reflection = reflection;
        _time = environment.Time;
        _random = environment.Random;
        _logger = environment.Logger;
        _options = options ?? new ReflectorOptions();
    }

    public string Name => _paths[0].Title;

    public Task Synced => _synced.Task;

    public bool IsCurrent => _isHealthy && Age <= _options.WatchTime.Most + SilenceLimit;

    public TimeSpan Age => _time.GetElapsedTime(Interlocked.Read(ref _activeAt));

    public TimeSpan SinceAttempt => Interlocked.Read(ref _attemptAt) is not 0 and var at ? _time.GetElapsedTime(at) : TimeSpan.Zero;

    public bool IsRelisting => _isRelisting;

    public void Relist()
    {
        _isRelisting = true;
        try
        {
            _watching?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // That watch has just ended; the flag is checked before the next one starts.
        }
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                if (await ListAsync(cancellationToken) is { } from)
                    await WatchAsync(from, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested) { }
        finally
        {
            _isHealthy = false;
            if (cancellationToken.IsCancellationRequested)
                _synced.TrySetCanceled(CancellationToken.None);
        }
    }

    /// <summary>Lists the collection; null, after a backoff, if that failed.</summary>
    private async Task<Position?> ListAsync(CancellationToken cancellationToken)
    {
        var asked = _isRelisting;
        MarkAttempt();
        CvException? failure = null;
        foreach (var path in _paths)
        {
            try
            {
                var list = await _cluster.ListAsync(path, _labelSelector, null, item => _read(item, path), cancellationToken);
                foreach (var readable in _unreadable.Except(list.Unreadable.Select(bad => bad.Name)).ToList())
                    _unreadable.Remove(readable);
                foreach (var bad in list.Unreadable)
                    LogOnce(bad, path);
                _reflection.Replace(list.Items);
                if (asked)
                    _isRelisting = false;
                MarkActivity();
                // If it may be listed but not watched, a successful list is not a recovery.
                if (!_watchFailed)
                {
                    _failures = 0;
                    MarkHealthy(path);
                }

                _synced.TrySetResult();
                return new Position(path, list.ResourceVersion);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                failure = Described(e);
                if (failure.Kind != CvErrorKind.NotFound)
                    break;
            }
        }

        await FailedAsync(failure!, cancellationToken);
        return null;
    }

    /// <summary>Watches until the collection has to be listed again.</summary>
    private async Task WatchAsync(Position from, CancellationToken cancellationToken)
    {
        var version = from.ResourceVersion;
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _watching = watching;
        while (!_isRelisting)
        {
            var begun = _time.GetTimestamp();
            var length = _options.WatchTime.Least + ((_options.WatchTime.Most - _options.WatchTime.Least) * _random.NextDouble());
            var told = false;
            MarkAttempt();
            try
            {
                await foreach (
                    var change in _cluster.WatchAsync(
                        from.Path,
                        _labelSelector,
                        version,
                        (int)length.TotalSeconds,
                        item => _read(item, from.Path),
                        watching.Token,
                        MarkOpened
                    )
                )
                {
                    told = true;
                    MarkActivity();
                    MarkHealthy(from.Path);
                    version = change.ResourceVersion ?? version;
                    Take(change, from.Path);
                }

                var lasted = _time.GetElapsedTime(begun);
                // The server ended the watch as requested. Back off from a server that ends every watch at once.
                _failures = lasted < _options.WatchTime.Least / 2 ? _failures + 1 : 0;
                // Not even a bookmark in the whole time: after a restore from a backup, the API server silently waits for a resource
                // version that the cluster has not reached yet.
                if (!told && _failures == 0)
                    return;
                MarkActivity();
                MarkHealthy(from.Path);
                if (_failures > 1)
                    await _time.PauseAsync(_options.Backoff.After(_failures - 1, _random), watching.Token);
                cancellationToken.ThrowIfCancellationRequested();
            }
            catch (CvException e) when (e.ErrorId == ErrorIds.ResourceExpired)
            {
                LogExpired(_logger, from.Path.Title);
                return;
            }
            catch (CvException e) when (e.ErrorId == ErrorIds.ClusterTimeout && _time.GetElapsedTime(begun) >= length)
            {
                // Probably a half-open connection; the next watch continues from the same version.
                LogSilent(_logger, from.Path.Title);
            }
            catch (OperationCanceledException) when (_isRelisting && !cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                _watchFailed = true;
                await FailedAsync(Described(e), cancellationToken);
                // An unexpected exception may have interrupted the processing of a change.
                if (_absent || e is not CvException)
                    return;
            }
        }
    }

    private void Take(WatchChange<T> change, ResourcePath path)
    {
        if (change.Type == "BOOKMARK")
            return;
        if (change.Unreadable is { } bad)
        {
            if (change.Type == "DELETED")
                _unreadable.Remove(bad.Name);
            else
                LogOnce(bad, path);
            _reflection.Skip(bad.Name);
            return;
        }

        if (change.Type == "DELETED")
            _reflection.Remove(change.Item!);
        else
            _reflection.Set(change.Item!);
    }

    /// <summary>Logs the problem once, and waits.</summary>
    private async Task FailedAsync(CvException error, CancellationToken cancellationToken)
    {
        _failures = Math.Min(_failures + 1, 1000);
        // For an optional kind, "not served" is a known state and not a failure.
        _isHealthy = error.Kind == CvErrorKind.NotFound && !_options.IsRequired;
        if (_isHealthy)
            MarkActivity();
        var absent = error.Kind is CvErrorKind.NotFound or CvErrorKind.Forbidden;
        if (_loggedError != error.ErrorId)
        {
            _loggedError = error.ErrorId;
            if (error.Kind == CvErrorKind.NotFound)
                LogNotServed(_logger, _paths[0].Title, error.ErrorId, error.Remedy);
            else
                LogFails(_logger, _paths[0].Title, error.ErrorId, error.Message, error.Remedy, error.InnerException);
            if (absent)
                _reflection.Blocked(error.Kind == CvErrorKind.Forbidden ? error : null);
        }

        if (absent)
        {
            // 404: the objects were deleted with their definition. 403: the last known objects may still exist.
            if (error.Kind == CvErrorKind.NotFound)
                _reflection.Replace([]);
            if (!_absent)
                _failures = 1;
            _absent = true;
            _synced.TrySetResult();
        }

        await _time.PauseAsync((absent ? _options.AbsentBackoff : _options.Backoff).After(_failures, _random), cancellationToken);
    }

    private void MarkAttempt() => Interlocked.Exchange(ref _attemptAt, _time.GetTimestamp());

    private void MarkActivity() => Interlocked.Exchange(ref _activeAt, _time.GetTimestamp());

    /// <summary>
    /// The API server has accepted the watch. A collection that does not change must not wait for a change to be current again. Whether the
    /// watch works is known only after a change or its regular end: until then, failures still count.
    /// </summary>
    private void MarkOpened()
    {
        MarkActivity();
        _isHealthy = true;
    }

    private void MarkHealthy(ResourcePath path)
    {
        _isHealthy = true;
        if (_loggedError is null)
            return;
        LogRecovered(_logger, path.Title);
        _loggedError = null;
        _absent = false;
        _watchFailed = false;
        _failures = 0;
        _reflection.Blocked(null);
    }

    /// <summary>An unreadable object does not affect others. It is logged once, until it becomes readable.</summary>
    private void LogOnce(UnreadableObject bad, ResourcePath path)
    {
        if (_unreadable.Add(bad.Name))
            LogUnreadable(_logger, path.Title, bad.Name, bad.Why.ErrorId, bad.Why.Message, bad.Why.Remedy);
    }

    private CvException Described(Exception error) =>
        error as CvException
        ?? new CvException(
            ErrorIds.WatchFailed,
            CvErrorKind.Unavailable,
            $"a response could not be parsed: {error.Message}",
            "Check whether a proxy answers instead of the API server. The watch is retried.",
            error
        )
        {
            Target = Name,
        };

    /// <summary>Where a watch starts.</summary>
    private sealed record Position(ResourcePath Path, string ResourceVersion);

    [LoggerMessage(
        EventId = LogEvents.KindNotServed,
        EventName = nameof(LogEvents.KindNotServed),
        Level = LogLevel.Warning,
        Message = "{Collection} is not served by this cluster ({ErrorId}); it is ignored until it is served. {Remedy}"
    )]
    private static partial void LogNotServed(ILogger logger, string collection, string errorId, string remedy);

    [LoggerMessage(
        EventId = LogEvents.WatchFailed,
        EventName = nameof(LogEvents.WatchFailed),
        Level = LogLevel.Error,
        Message = "{Collection} cannot be watched ({ErrorId}): {Reason} {Remedy}"
    )]
    private static partial void LogFails(ILogger logger, string collection, string errorId, string reason, string remedy, Exception? error);

    [LoggerMessage(
        EventId = LogEvents.WatchRecovered,
        EventName = nameof(LogEvents.WatchRecovered),
        Level = LogLevel.Information,
        Message = "{Collection}: watch restored"
    )]
    private static partial void LogRecovered(ILogger logger, string collection);

    [LoggerMessage(
        EventId = LogEvents.WatchExpired,
        EventName = nameof(LogEvents.WatchExpired),
        Level = LogLevel.Debug,
        Message = "{Collection}: the watch's resource version expired; listing again"
    )]
    private static partial void LogExpired(ILogger logger, string collection);

    [LoggerMessage(
        EventId = LogEvents.WatchSilent,
        EventName = nameof(LogEvents.WatchSilent),
        Level = LogLevel.Warning,
        Message = "{Collection}: the watch timed out without receiving anything; starting a new watch"
    )]
    private static partial void LogSilent(ILogger logger, string collection);

    [LoggerMessage(
        EventId = LogEvents.ObjectUnreadable,
        EventName = nameof(LogEvents.ObjectUnreadable),
        Level = LogLevel.Error,
        Message = "{Collection}: {Resource} could not be read and is ignored ({ErrorId}): {Reason} {Remedy}"
    )]
    private static partial void LogUnreadable(
        ILogger logger,
        string collection,
        string resource,
        string errorId,
        string reason,
        string remedy
    );
}
