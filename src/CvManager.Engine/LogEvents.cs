namespace CvManager;

/// <summary>
/// The event ids of all log messages of the engine; the names are the event names. Stable, while the text of messages may change.
/// Ranges: 2100 versions; 3100 secrets; 4000 workers; 4100 tags; 4200 leader election; 4300 watches; 4400 service accounts; 4500
/// ContainerVersions; 4600 records; 4700 requests; 4800 the web server; 4900 the log itself (cmdlets).
/// </summary>
public static class LogEvents
{
    public const int TagSkipped = 2101;
    public const int PullSecretNotFound = 3101;
    public const int PullSecretUnusable = 3102;
    public const int WorkFailed = 4001;
    public const int TaskFailed = 4002;
    public const int TagUnreadable = 4101;
    public const int TagReadableAgain = 4102;
    public const int TagPollFailed = 4103;
    public const int VersionLookupFailed = 4104;
    public const int LeaseAcquired = 4201;
    public const int LeaseLost = 4202;
    public const int LeaseReleased = 4203;
    public const int LeaderObserved = 4204;
    public const int LeaseFailed = 4205;
    public const int KindNotServed = 4301;
    public const int WatchFailed = 4302;
    public const int WatchRecovered = 4303;
    public const int WatchExpired = 4304;
    public const int WatchSilent = 4305;
    public const int ObjectUnreadable = 4306;
    public const int ServiceAccountSkipped = 4401;
    public const int InitialSyncComplete = 4501;
    public const int ResourceFailed = 4502;
    public const int ResourceRecovered = 4503;
    public const int InitialSyncIncomplete = 4504;
    public const int ClusterRestored = 4505;
    public const int RepeatedConflicts = 4506;
    public const int TasksAbandoned = 4507;
    public const int RolloutEnded = 4511;
    public const int VersionProblem = 4512;
    public const int HistorySetAside = 4601;
    public const int HistoryUnreadable = 4602;
    public const int EventNotWritten = 4603;
    public const int RecordNotWritten = 4604;
    public const int RecordsGivenUp = 4605;
    public const int RequestSent = 4701;
    public const int RequestFailed = 4702;
    public const int CredentialsUsed = 4703;
    public const int PageFailed = 4801;
}
