using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Leading;
using CvManager.Support.Clocks;
using CvManager.Support.Cluster;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Leading;

public sealed class LeaderElectionTests : IAsyncLifetime
{
    private const string LeasePath = "/apis/coordination.k8s.io/v1/namespaces/cvm/leases/cvmanager-controller";
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly FakeApiServer _server = new();
    private readonly List<Replica> _replicas = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
        {
            replica.Cut = false;
            await replica.Stop.CancelAsync();
            replica.WindDown.TrySetResult();
            Seconds(60);
            await replica.Running;
            replica.Dispose();
        }
    }

    [Fact]
    public void The_first_replica_leads_at_once_and_the_other_stands_by()
    {
        Replica a = Start("a"),
            b = Start("b");
        Seconds(60);

        Assert.True(a.Leads);
        Assert.False(b.Leads);
        Assert.Equal("a", b.Election.Leader);
        var spec = _server.Find(LeasePath)!["spec"]!;
        Assert.Equal("a", spec["holderIdentity"]!.GetValue<string>());
        Assert.Equal(15, spec["leaseDurationSeconds"]!.GetValue<int>());
        Assert.Equal(0, spec["leaseTransitions"]!.GetValue<int>());
        // metav1.MicroTime needs its six digits.
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", spec["renewTime"]!.GetValue<string>());
    }

    [Fact]
    public void A_renewal_is_one_request_in_five_seconds()
    {
        Start("a");
        _server.Requests.Clear();
        Seconds(60);

        Assert.Equal(12, _server.Requests.Count);
        Assert.All(_server.Requests, request => Assert.Equal("PUT", request.Method));
    }

    [Fact]
    public void The_leader_annotates_its_lease_with_its_renewals_and_without_further_requests()
    {
        Dictionary<string, string?> annotations = new() { ["cvmanager/version"] = "1.2.3", ["cvmanager/synced-at"] = null };
        Start("a", annotations: annotations);
        Seconds(1);
        Assert.Equal(("1.2.3", null), (Annotation("cvmanager/version"), Annotation("cvmanager/synced-at")));
        var lease = _server.Find(LeasePath)!.DeepClone().AsObject();
        lease["metadata"]!["annotations"]!["acme.example/owner"] = "sam";
        _server.Put(LeasePath, lease);
        Seconds(6);
        _server.Requests.Clear();

        annotations["cvmanager/synced-at"] = "2026-01-02T03:04:05Z";
        Seconds(60);

        Assert.Equal("2026-01-02T03:04:05Z", Annotation("cvmanager/synced-at"));
        Assert.Equal("sam", Annotation("acme.example/owner"));
        Assert.Equal(12, _server.Requests.Count);
    }

    [Fact]
    public void A_released_lease_has_no_annotations_of_its_former_holder_and_the_next_holder_writes_its_own()
    {
        var a = Start("a", annotations: new() { ["cvmanager/version"] = "1.2.3", ["cvmanager/synced-at"] = "2026-01-02T03:04:05Z" });
        Seconds(1);
        a.Stop.Cancel();
        Assert.Equal("", _server.Find(LeasePath)!["spec"]!["holderIdentity"]!.GetValue<string>());
        Assert.Equal((null, null), (Annotation("cvmanager/version"), Annotation("cvmanager/synced-at")));

        Start("b", annotations: new() { ["cvmanager/version"] = "1.2.4", ["cvmanager/synced-at"] = null });
        Assert.Equal(("1.2.4", null), (Annotation("cvmanager/version"), Annotation("cvmanager/synced-at")));
    }

    [Fact]
    public void A_takeover_replaces_the_annotations_of_the_former_holder()
    {
        var a = Start("a", annotations: new() { ["cvmanager/version"] = "1.2.3", ["cvmanager/synced-at"] = "2026-01-02T03:04:05Z" });
        var b = Start("b", annotations: new() { ["cvmanager/version"] = "1.2.4", ["cvmanager/synced-at"] = null });
        Seconds(20);
        a.Cut = true;
        Seconds(30);

        Assert.True(b.Leads);
        Assert.Equal(("1.2.4", null), (Annotation("cvmanager/version"), Annotation("cvmanager/synced-at")));
    }

    [Fact]
    public void Leader_and_standby_are_current_while_the_lease_answers()
    {
        Replica a = Start("a"),
            b = Start("b");
        Seconds(60);
        Assert.True(a.Election.IsCurrent);
        Assert.True(b.Election.IsCurrent);

        foreach (var replica in new[] { a, b })
            replica.Answer = HttpStatusCode.Forbidden;
        Seconds(16);
        Assert.False(a.Election.IsCurrent);
        Assert.False(b.Election.IsCurrent);
        // An API server that is down does not make it look stuck.
        Seconds(3600);
        Assert.InRange(a.Election.SinceAttempt, TimeSpan.Zero, 10 * Second);
        Assert.InRange(b.Election.SinceAttempt, TimeSpan.Zero, 10 * Second);

        foreach (var replica in new[] { a, b })
            replica.Answer = null;
        Seconds(6);
        Assert.True(a.Election.IsCurrent);
        Assert.True(b.Election.IsCurrent);
    }

    [Fact]
    public void A_killed_leader_is_replaced_after_its_lease_has_expired_and_not_before()
    {
        Replica a = Start("a"),
            b = Start("b");
        Seconds(21);
        a.Cut = true;
        var lastRenewal = RenewTime();

        while (!b.Leads)
        {
            Assert.True(_time.GetUtcNow() - lastRenewal <= 18 * Second, "took longer than the lease and one retry");
            Seconds(1);
        }

        Assert.True(_time.GetUtcNow() - lastRenewal >= 15 * Second);
        Assert.Equal(1, _server.Find(LeasePath)!["spec"]!["leaseTransitions"]!.GetValue<int>());
    }

    [Fact]
    public void A_leader_that_is_cut_off_stops_before_another_leads()
    {
        Replica a = Start("a"),
            b = Start("b");
        Seconds(20);
        a.Cut = true;

        for (var i = 0; i < 30 && !b.Leads; i++)
        {
            Seconds(1);
            Assert.False(a.Leads && b.Leads);
        }

        Assert.True(b.Leads);
        Assert.False(a.Leads);
        a.Cut = false;
        Seconds(60);
        Assert.True(b.Leads);
        Assert.False(a.Leads);
    }

    [Fact]
    public void Stopping_releases_the_lease_after_the_leader_has_wound_down()
    {
        Replica a = Start("a", windsDown: true),
            b = Start("b");
        Seconds(5);
        a.Stop.Cancel();
        // Longer than the lease duration: the lease is renewed while the leader winds down.
        Seconds(40);
        Assert.False(b.Leads);

        a.WindDown.SetResult();
        Assert.Equal("", _server.Find(LeasePath)!["spec"]!["holderIdentity"]!.GetValue<string>());
        Assert.True(a.Running.IsCompletedSuccessfully);
        Seconds(2);
        Assert.True(b.Leads);
    }

    [Fact]
    public void Errors_of_the_API_server_are_tolerated_until_the_deadline()
    {
        var a = Start("a");
        Seconds(20);
        a.Answer = HttpStatusCode.InternalServerError;
        Seconds(8);
        Assert.True(a.Leads);

        a.Answer = null;
        Seconds(20);
        Assert.True(a.Leads);
        Assert.Equal(1, a.Terms);

        a.Answer = HttpStatusCode.TooManyRequests;
        Seconds(11);
        Assert.False(a.Leads);
        a.Answer = null;
        Seconds(5);
        Assert.True(a.Leads);
        Assert.Equal(2, a.Terms);
    }

    [Fact]
    public void A_single_hanging_request_does_not_lose_the_lease()
    {
        var a = Start("a");
        a.HangOnce = true;
        Seconds(30);

        Assert.False(a.HangOnce);
        Assert.Equal(1, a.Terms);
        Assert.True(a.Leads);
    }

    [Fact]
    public void A_renewal_whose_response_was_lost_keeps_the_lease()
    {
        var a = Start("a");
        Seconds(6);
        a.LoseResponses = true;
        Seconds(5);
        a.LoseResponses = false;
        Seconds(30);

        Assert.Equal(1, a.Terms);
        Assert.True(a.Leads);
    }

    [Fact]
    public void A_lease_taken_by_another_client_ends_the_term_at_the_next_renewal()
    {
        var a = Start("a");
        Seconds(6);
        var lease = _server.Find(LeasePath)!.DeepClone().AsObject();
        lease["spec"]!["holderIdentity"] = "intruder";
        _server.Put(LeasePath, lease);
        Seconds(5);

        Assert.False(a.Leads);
        Assert.Equal("intruder", a.Election.Leader);
    }

    [Fact]
    public void A_deleted_lease_is_not_taken_while_its_holder_may_still_act()
    {
        Replica a = Start("a"),
            b = Start("b");
        Seconds(20);
        a.Cut = true;
        _server.Delete(LeasePath);

        for (var i = 0; i < 30 && !b.Leads; i++)
        {
            Seconds(1);
            Assert.False(a.Leads && b.Leads);
        }

        Assert.True(b.Leads);
    }

    [Fact]
    public void A_deleted_lease_is_recreated_by_its_holder()
    {
        Replica a = Start("a"),
            b = Start("b");
        Seconds(20);
        _server.Delete(LeasePath);
        Seconds(30);

        Assert.Equal(1, a.Terms);
        Assert.False(b.Leads);
        Assert.NotNull(_server.Find(LeasePath));
    }

    [Fact]
    public void Different_or_jumping_clocks_have_no_effect()
    {
        JumpingClock ahead = new(_time) { WallClockAhead = TimeSpan.FromHours(5) };
        Replica a = Start("a"),
            b = Start("b", clock: ahead);
        Seconds(60);
        Assert.True(a.Leads);
        Assert.False(b.Leads);

        ahead.WallClockAhead = TimeSpan.FromHours(-5);
        Seconds(60);
        Assert.True(a.Leads);
        Assert.False(b.Leads);
        Assert.Equal(1, a.Terms);
    }

    [Fact]
    public void A_restarted_process_takes_over_its_own_lease_at_once()
    {
        var a = Start("a");
        Seconds(20);
        a.Cut = true;
        var again = Start("a");

        Assert.True(again.Leads);
        Assert.Equal(0, _server.Find(LeasePath)!["spec"]!["leaseTransitions"]!.GetValue<int>());
    }

    [Fact]
    public void The_earlier_of_two_processes_with_one_identity_stops_at_its_next_renewal()
    {
        var a = Start("a");
        Seconds(21);
        Start("a");
        Seconds(6);

        Assert.False(a.Leads);
    }

    [Fact]
    public void A_leader_whose_machine_slept_past_its_lease_changes_nothing_even_before_its_timers_fire()
    {
        // While a machine sleeps, the monotonic clock stops and the wall clock does not; no timer has fired yet when it wakes.
        JumpingClock clock = new(_time);
        var a = Start("a", clock: clock);
        Seconds(6);
        Assert.True(a.Leads);
        clock.WallClockAhead = TimeSpan.FromSeconds(15);

        Assert.False(a.Leads);
        Assert.Throws<OperationCanceledException>(a.Change);
        Assert.Equal(0, a.Changes);

        Seconds(5);
        a.Change();
        Assert.Equal(1, a.Changes);
        Assert.Equal(2, a.Terms);
    }

    [Fact]
    public void A_stopped_leader_is_replaced_within_the_lease_and_changes_nothing_after_it_wakes()
    {
        StoppableClock[] clocks = [new(_time), new(_time)];
        Replica[] both = [Start("a", clock: clocks[0]), Start("b", clock: clocks[1])];
        Seconds(10);
        for (var round = 0; round < 20; round++)
        {
            var leader = Array.FindIndex(both, replica => replica.Leads);
            Replica stopped = both[leader],
                other = both[1 - leader];
            clocks[leader].Stop();
            var lastRenewal = RenewTime();
            while (!other.Leads)
            {
                // One retry observes the renewal, and a later one that it has expired: each comes within 2.4 s.
                Assert.True(_time.GetUtcNow() - lastRenewal <= 20 * Second, $"round {round}: took longer than the lease and two retries");
                Seconds(1);
                Assert.False(stopped.Leads && other.Leads);
            }

            Seconds(round % 7);
            clocks[leader].Continue(() => Assert.Throws<OperationCanceledException>(stopped.Change));
            Assert.Equal(0, stopped.Changes);
            Assert.False(stopped.Leads);
            Seconds(10 + round);
            Assert.True(other.Leads);
        }
    }

    [Fact]
    public async Task A_guarded_connection_reads_but_changes_nothing_once_its_guard_refuses()
    {
        using var cluster = _server.Connect();
        ResourcePath path = new("", "v1", "configmaps", "cvm", "a");
        _server.Put("/api/v1/namespaces/cvm/configmaps/a", new JsonObject { ["metadata"] = new JsonObject { ["name"] = "a" } });
        var guarded = cluster.GuardedBy(() => throw new OperationCanceledException());
        var body = await guarded.GetAsync(path, TestContext.Current.CancellationToken);
        _server.Requests.Clear();

        await Assert.ThrowsAnyAsync<Exception>(() => guarded.ReplaceAsync(path, body, TestContext.Current.CancellationToken));
        await Assert.ThrowsAnyAsync<Exception>(() =>
            guarded.CreateAsync(path with { Name = null }, body, TestContext.Current.CancellationToken)
        );
        await Assert.ThrowsAnyAsync<Exception>(() =>
            guarded.PatchAsync(path, PatchKind.Merge, body, TestContext.Current.CancellationToken)
        );
        await Assert.ThrowsAnyAsync<Exception>(() => guarded.DeleteAsync(path, TestContext.Current.CancellationToken));
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_leader_that_fails_releases_the_lease_and_rethrows_the_exception()
    {
        using var cluster = _server.Connect();
        LeaderElection election = new(cluster, Options("a"), new(_time, NullLogger.Instance) { Random = new Random(1) });

        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            election.RunAsync((_, _) => throw new InvalidOperationException("broken"), TestContext.Current.CancellationToken)
        );

        Assert.Equal("", _server.Find(LeasePath)!["spec"]!["holderIdentity"]!.GetValue<string>());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void There_are_never_two_leaders_under_any_schedule_of_disconnections_and_errors(int seed)
    {
        Random random = new(seed);
        Replica[] all = [Start("a"), Start("b"), Start("c")];
        var led = 0;
        DateTimeOffset deleted = default;
        for (var i = 0; i < 2000; i++)
        {
            var chosen = all[random.Next(all.Length)];
            switch (random.Next(30))
            {
                case 0:
                    chosen.Cut = true;
                    break;
                case 1:
                    chosen.Answer = HttpStatusCode.InternalServerError;
                    break;
                case 2:
                    chosen.LoseResponses = true;
                    break;
                case 3 when _time.GetUtcNow() - deleted > 60 * Second:
                    _server.Delete(LeasePath);
                    deleted = _time.GetUtcNow();
                    break;
                case < 12:
                    (chosen.Cut, chosen.Answer, chosen.LoseResponses) = (false, null, false);
                    break;
            }

            _time.Advance(TimeSpan.FromMilliseconds(random.Next(1, 1500)));
            var leaders = all.Count(replica => replica.Leads);
            Assert.InRange(leaders, 0, 1);
            led += leaders;
        }

        Assert.InRange(led, 600, 2000);
    }

    [Theory]
    [InlineData(15, 15, 5, 2)]
    [InlineData(15, 10, 6, 2)]
    [InlineData(15, 10, 5, 6)]
    [InlineData(15.5, 10, 5, 2)]
    public void Contradictory_times_are_rejected(double lease, double deadline, double renew, double retry) =>
        Assert.Throws<ArgumentException>(
            (
                Options("a") with
                {
                    LeaseDuration = lease * Second,
                    RenewDeadline = deadline * Second,
                    RenewPeriod = renew * Second,
                    RetryPeriod = retry * Second,
                }
            ).Validate
        );

    private static LeaderElectionOptions Options(string identity) => new() { Namespace = "cvm", Identity = identity };

    private string? Annotation(string name) => _server.Find(LeasePath)!["metadata"]!["annotations"]?[name]?.GetValue<string>();

    private Replica Start(
        string identity,
        bool windsDown = false,
        TimeProvider? clock = null,
        Dictionary<string, string?>? annotations = null
    )
    {
        Replica replica = new(_server, identity, windsDown, clock ?? _time, annotations ?? []);
        _replicas.Add(replica);
        return replica;
    }

    private void Seconds(int count)
    {
        for (var i = 0; i < count * 4; i++)
            _time.Advance(Second / 4);
    }

    private DateTimeOffset RenewTime() =>
        DateTimeOffset.Parse(_server.Find(LeasePath)!["spec"]!["renewTime"]!.GetValue<string>(), CultureInfo.InvariantCulture);

    private sealed class Replica : IDisposable
    {
        private readonly ClusterConnection _cluster;
        private Leadership? _leadership;

        public Replica(FakeApiServer server, string identity, bool windsDown, TimeProvider clock, Dictionary<string, string?> annotations)
        {
            _cluster = server.Connect(intercept: InterceptAsync);
            Election = new LeaderElection(
                _cluster,
                Options(identity) with
                {
                    Annotations = () => annotations,
                },
                new(clock, NullLogger.Instance) { Random = new Random(1) }
            );
            Running = Election.RunAsync(
                async (term, token) =>
                {
                    _leadership = term;
                    Terms++;
                    try
                    {
                        await new TaskCompletionSource().Task.WaitAsync(token);
                    }
                    finally
                    {
                        _leadership = null;
                        if (windsDown)
                            await WindDown.Task;
                    }
                },
                Stop.Token
            );
        }

        public LeaderElection Election { get; }

        public Task Running { get; }

        public CancellationTokenSource Stop { get; } = new();

        public TaskCompletionSource WindDown { get; } = new();

        /// <summary>No request reaches the server.</summary>
        public bool Cut { get; set; }

        /// <summary>Requests reach the server, but their responses are lost.</summary>
        public bool LoseResponses { get; set; }

        /// <summary>The next write gets no response.</summary>
        public bool HangOnce { get; set; }

        public HttpStatusCode? Answer { get; set; }

        public int Terms { get; private set; }

        public bool Leads => _leadership is { IsHeld: true };

        public int Changes { get; private set; }

        /// <summary>Makes a change, unless the leadership is lost.</summary>
        public void Change()
        {
            _leadership!.ThrowIfLost();
            Changes++;
        }

        public void Dispose()
        {
            _cluster.Dispose();
            Stop.Dispose();
        }

        private async Task<HttpResponseMessage> InterceptAsync(
            HttpRequestMessage request,
            Func<Task<HttpResponseMessage>> next,
            CancellationToken token
        )
        {
            if (Cut || (HangOnce && request.Method == HttpMethod.Put))
            {
                HangOnce = false;
                await new TaskCompletionSource().Task.WaitAsync(token);
            }

            if (Answer is { } code)
                return FakeApiServer.Answer((int)code, FakeApiServer.Status((int)code, "", "made to fail"));
            var response = await next();
            if (LoseResponses)
                throw new HttpRequestException("the connection broke");
            return response;
        }
    }
}
