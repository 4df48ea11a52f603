using System.Text.Json.Nodes;
using CvManager.Cluster;
using Microsoft.Extensions.Logging;

namespace CvManager.Controller;

/// <summary>
/// Keeps a copy of one collection of the API server up to date: reads it once, then watches it, and reads it again only where the watch's
/// history is gone (410). As client-go's Reflector (tools/cache/reflector.go).
/// </summary>
/// <remarks>
/// A kind that is not served (404), or that may not be read (403), counts as empty and is tried again now and then; each is said once.
/// What was seen before stays seen while the API server cannot be asked. Runs once; thread-safe for <see cref="Synced"/>.
/// </remarks>
internal sealed partial class Reflector<T>
{
    private readonly ClusterConnection _cluster;
    private readonly IReadOnlyList<ResourcePath> _paths;
    private readonly string? _labelSelector;
    private readonly Func<JsonObject, ResourcePath, T> _read;
    private readonly IReflection<T> _reflection;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ReflectorOptions _options;
    private readonly TaskCompletionSource _synced = new();
    private string? _complaint;
    private bool _absent;
    private bool _watchFails;
    private int _failures;

    /// <param name="cluster">What is watched.</param>
    /// <param name="paths">The collection in each version that can be read, the best first; the first that is served is used.</param>
    /// <param name="labelSelector">Null for all.</param>
    /// <param name="read">What is kept of an object that was read there; quick. What it cannot read is passed over, and said with its name.</param>
    /// <param name="reflection">Where it is kept.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Gets what is wrong, once for each thing that is.</param>
    /// <param name="options">Null for the defaults.</param>
    public Reflector(ClusterConnection cluster, IReadOnlyList<ResourcePath> paths, string? labelSelector, Func<JsonObject, ResourcePath, T> read, IReflection<T> reflection,
        TimeProvider time, ILogger logger, ReflectorOptions? options = null)
    {
        _cluster = cluster;
        _paths = paths;
        _labelSelector = labelSelector;
        _read = read;
        _reflection = reflection;
        _time = time;
        _logger = logger;
        _options = options ?? new ReflectorOptions();
    }

    /// <summary>Ends when the collection was read once, or is known not to be there.</summary>
    public Task Synced => _synced.Task;

    /// <summary>Goes on until the token is cancelled; throws nothing then.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                if (await ListAsync(cancellationToken).ConfigureAwait(false) is { } from)
                    await WatchAsync(from, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
        finally
        {
            _synced.TrySetCanceled(CancellationToken.None);
        }
    }

    /// <summary>Reads all; null where that failed, after a pause.</summary>
    private async Task<Position?> ListAsync(CancellationToken cancellationToken)
    {
        CvException? failure = null;
        foreach (ResourcePath path in _paths)
        {
            try
            {
                ObjectList<T> list = await _cluster.ListAsync(path, _labelSelector, null, item => _read(item, path), cancellationToken).ConfigureAwait(false);
                foreach (UnreadableObject bad in list.Unreadable)
                    LogUnreadable(_logger, bad.Why.Message, bad.Why.Remedy);
                _reflection.Replace(list.Items);
                _synced.TrySetResult();
                // Where it may be read but not watched, it does not work for having been read.
                if (!_watchFails)
                {
                    _failures = 0;
                    Works(path);
                }

                return new Position(path, list.ResourceVersion);
            }
            catch (CvException error)
            {
                failure = error;
                if (error.Kind != CvErrorKind.NotFound)
                    break;
            }
        }

        await FailedAsync(failure!, cancellationToken).ConfigureAwait(false);
        return null;
    }

    /// <summary>Watches until all has to be read again.</summary>
    private async Task WatchAsync(Position from, CancellationToken cancellationToken)
    {
        string version = from.ResourceVersion;
        while (true)
        {
            long begun = _time.GetTimestamp();
            TimeSpan length = _options.WatchTime.Least + ((_options.WatchTime.Most - _options.WatchTime.Least) * _options.Random.NextDouble());
            try
            {
                await foreach (WatchChange<T> change in _cluster.WatchAsync(
                    from.Path, _labelSelector, version, (int)length.TotalSeconds, item => _read(item, from.Path), cancellationToken).ConfigureAwait(false))
                {
                    Works(from.Path);
                    version = change.ResourceVersion ?? version;
                    // One object that cannot be read keeps no other one from being seen.
                    if (change.Unreadable is { } bad)
                        LogUnreadable(_logger, bad.Why.Message, bad.Why.Remedy);
                    else if (change.Type == "DELETED")
                        _reflection.Remove(change.Item!);
                    else if (change.Type != "BOOKMARK")
                        _reflection.Set(change.Item!);
                }

                Works(from.Path);
                // The server ended it, as it was asked to. One that ends every watch at once is not asked again at once.
                _failures = _time.GetElapsedTime(begun) < _options.WatchTime.Least / 2 ? _failures + 1 : 0;
                if (_failures > 1)
                    await _time.PauseAsync(_options.Backoff.After(_failures - 1, _options.Random), cancellationToken).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }
            catch (CvException error) when (error.ErrorId == "ResourceExpired")
            {
                LogExpired(_logger, from.Path.Title);
                return;
            }
            catch (CvException error) when (error.ErrorId == "ClusterTimeout")
            {
                // Half open, most likely: nothing was missed that the next watch does not tell.
                LogSilent(_logger, from.Path.Title);
            }
            catch (CvException error)
            {
                _watchFails = true;
                await FailedAsync(error, cancellationToken).ConfigureAwait(false);
                if (_absent)
                    return;
            }
        }
    }

    /// <summary>Says what is wrong, once, and waits.</summary>
    private async Task FailedAsync(CvException error, CancellationToken cancellationToken)
    {
        _failures = Math.Min(_failures + 1, 1000);
        bool absent = error.Kind is CvErrorKind.NotFound or CvErrorKind.Forbidden;
        if (_complaint != error.ErrorId)
        {
            _complaint = error.ErrorId;
            if (error.Kind == CvErrorKind.NotFound)
                LogNotServed(_logger, _paths[0].Title, error.Remedy);
            else
                LogFails(_logger, _paths[0].Title, error.Message, error.Remedy);
            if (absent)
                _reflection.Blocked(error.Kind == CvErrorKind.Forbidden ? error : null);
        }

        if (absent)
        {
            // Removed with its definition (404): nothing of it is left. Not to be read (403): what was seen may be true still.
            if (error.Kind == CvErrorKind.NotFound)
                _reflection.Replace([]);
            if (!_absent)
                _failures = 1;
            _absent = true;
            _synced.TrySetResult();
        }

        await _time.PauseAsync((absent ? _options.AbsentBackoff : _options.Backoff).After(_failures, _options.Random), cancellationToken).ConfigureAwait(false);
    }

    private void Works(ResourcePath path)
    {
        if (_complaint is null)
            return;
        LogWorksAgain(_logger, path.Title);
        _complaint = null;
        _absent = false;
        _watchFails = false;
        _failures = 0;
        _reflection.Blocked(null);
    }

    /// <summary>Where a watch begins.</summary>
    private sealed record Position(ResourcePath Path, string ResourceVersion);

    [LoggerMessage(EventId = 4301, Level = LogLevel.Warning, Message = "{Collection} is not served by this cluster; what is of that kind is passed over until it is. {Remedy}")]
    private static partial void LogNotServed(ILogger logger, string collection, string remedy);

    [LoggerMessage(EventId = 4302, Level = LogLevel.Error, Message = "{Collection} cannot be watched: {Reason} {Remedy}")]
    private static partial void LogFails(ILogger logger, string collection, string reason, string remedy);

    [LoggerMessage(EventId = 4303, Level = LogLevel.Information, Message = "{Collection} is watched again")]
    private static partial void LogWorksAgain(ILogger logger, string collection);

    [LoggerMessage(EventId = 4304, Level = LogLevel.Debug, Message = "{Collection}: the watch's history is gone, all is read again")]
    private static partial void LogExpired(ILogger logger, string collection);

    [LoggerMessage(EventId = 4305, Level = LogLevel.Warning, Message = "{Collection}: the watch fell silent, another one is begun")]
    private static partial void LogSilent(ILogger logger, string collection);

    [LoggerMessage(EventId = 4306, Level = LogLevel.Error, Message = "{Reason} {Remedy}")]
    private static partial void LogUnreadable(ILogger logger, string reason, string remedy);
}
