using CsCheck;
using CvManager.Scheduling;
using CvManager.Support.Clocks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Scheduling;

/// <summary>Compares the queue with a simple model over random schedules.</summary>
public sealed class WorkQueueModelTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly ExponentialBackoff Backoff = new(2 * Second, 20 * Second);

    private enum Act
    {
        Enqueue,
        EnqueueAfter,
        Dequeue,
        CancelDequeue,
        Done,
        Failed,
        RequeueAfter,
        Advance,
    }

    private static readonly Gen<(Act Act, int Key, int Seconds)> Step = Gen.Select(
        Gen.Frequency(
            (4, Gen.Const(Act.Enqueue)),
            (3, Gen.Const(Act.EnqueueAfter)),
            (5, Gen.Const(Act.Dequeue)),
            (1, Gen.Const(Act.CancelDequeue)),
            (2, Gen.Const(Act.Done)),
            (2, Gen.Const(Act.Failed)),
            (2, Gen.Const(Act.RequeueAfter)),
            (4, Gen.Const(Act.Advance))
        ),
        Gen.Int[0, 3],
        Gen.Int[0, 9]
    );

    [Fact]
    public void The_queue_behaves_like_the_model_for_any_schedule() => Step.Array[0, 60].Sample(Run, iter: 3000, threads: 1);

    private static void Run((Act Act, int Key, int Seconds)[] steps)
    {
        FakeTimeProvider time = new();
        using WorkQueue queue = new(
            new(time, NullLogger.Instance) { AllowSynchronousContinuations = true, Random = new WidestJitter() },
            Backoff
        );
        Model model = new();
        List<(Task<string?> Task, CancellationTokenSource Cancellation)> dequeues = [];

        foreach ((var act, var number, var seconds) in steps)
        {
            var key = "k" + number;
            switch (act)
            {
                case Act.Enqueue:
                    queue.Enqueue(key);
                    model.Ask(key, 0);
                    break;
                case Act.EnqueueAfter:
                    queue.EnqueueAfter(key, seconds * Second);
                    model.Ask(key, seconds);
                    break;
                case Act.Dequeue:
                    CancellationTokenSource cancellation = new();
                    dequeues.Add((queue.DequeueAsync(cancellation.Token), cancellation));
                    model.Dequeue();
                    break;
                case Act.CancelDequeue when number < dequeues.Count:
                    dequeues[number].Cancellation.Cancel();
                    model.Cancel(number);
                    break;
                case Act.Done when model.IsWorking(key):
                    queue.Complete(key, WorkResult.Done);
                    model.Complete(key, failed: false, again: null);
                    break;
                case Act.RequeueAfter when model.IsWorking(key):
                    queue.Complete(key, WorkResult.RequeueAfter(seconds * Second));
                    model.Complete(key, failed: false, again: seconds);
                    break;
                case Act.Failed when model.IsWorking(key):
                    queue.Complete(key, WorkResult.Failed);
                    model.Complete(key, failed: true, again: null);
                    break;
                case Act.Advance:
                    // Second by second, because the model does not cover time that passes within a step.
                    for (var i = 0; i < seconds; i++)
                    {
                        time.Advance(Second);
                        model.Tick();
                    }

                    break;
            }

            Assert.Equal(model.Outcomes, dequeues.Select(Outcome));
            Assert.Equal(model.Waiting, queue.Waiting);
            Assert.Equal(model.Working, queue.Working);
        }

        foreach ((_, var cancellation) in dequeues)
            cancellation.Dispose();
    }

    private static string Outcome((Task<string?> Task, CancellationTokenSource Cancellation) dequeue) =>
        dequeue.Task switch
        {
            { IsCanceled: true } => "cancelled",
#pragma warning disable xUnit1031 // It is completed.
            { IsCompletedSuccessfully: true } task => task.Result ?? "null",
#pragma warning restore xUnit1031
            _ => "waits",
        };

    private sealed class Model
    {
        private sealed class Key
        {
            public int? Due;
            public int Order;
            public bool Working;
            public int Failures;
            public int NotBefore;
        }

        private readonly Dictionary<string, Key> _keys = [];
        private int _now;
        private int _order;

        public List<string> Outcomes { get; } = [];

        public int Waiting => _keys.Values.Count(key => key.Due is not null && !key.Working);

        public int Working => _keys.Values.Count(key => key.Working);

        public bool IsWorking(string name) => _keys.TryGetValue(name, out var key) && key.Working;

        public void Ask(string name, int seconds)
        {
            var key = _keys.TryGetValue(name, out var known) ? known : _keys[name] = new Key();
            var due = Math.Max(_now + seconds, key.NotBefore);
            if (key.Due is null || due < key.Due)
                (key.Due, key.Order) = (due, ++_order);
            Hand();
        }

        public void Dequeue()
        {
            Outcomes.Add("waits");
            Hand();
        }

        public void Cancel(int number)
        {
            if (Outcomes[number] == "waits")
                Outcomes[number] = "cancelled";
        }

        public void Complete(string name, bool failed, int? again)
        {
            var key = _keys[name];
            key.Working = false;
            key.Failures = failed ? key.Failures + 1 : 0;
            key.NotBefore = failed ? _now + 1 : 0;
            if (key.Due < key.NotBefore)
                key.Due = key.NotBefore;
            if (failed)
                again = (int)Math.Min(2 * Math.Pow(2, key.Failures - 1), 20);
            if (again is { } seconds)
                Ask(name, seconds);
            else
                Hand();
        }

        public void Tick()
        {
            _now++;
            Hand();
        }

        private void Hand()
        {
            while (Outcomes.IndexOf("waits") is var waiter and >= 0)
            {
                var next = _keys
                    .Where(pair => pair.Value is { Working: false, Due: not null } && pair.Value.Due <= _now)
                    .OrderBy(pair => pair.Value.Due)
                    .ThenBy(pair => pair.Value.Order)
                    .FirstOrDefault();
                if (next.Value is null)
                    return;
                Outcomes[waiter] = next.Key;
                next.Value.Due = null;
                next.Value.Working = true;
            }
        }
    }
}
