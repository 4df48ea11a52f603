using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>
/// Simulates the kubelets of all nodes: pulls images, simulates containers as their tags say (<see cref="ContainerBehavior"/>), and
/// reports the status of pods. Keys are pods.
/// </summary>
internal sealed class Kubelet(ClusterState cluster, EventRecorder events) : ControllerBase(cluster), IDisposable
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastBackOff = TimeSpan.FromMinutes(5);

    /// <summary>How long a crashed container is reported as terminated before CrashLoopBackOff: 10 to 13 s on a real node.</summary>
    private static readonly TimeSpan TerminatedStateShown = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, PodRun> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Node, string Image), string> _pulled = [];

    private static ResourceType Pods => BuiltInKinds.Pods;

    public void Dispose()
    {
        foreach (var run in _runs.Values)
            run.Dispose();
        _runs.Clear();
    }

    /// <summary>The simulated log of a container.</summary>
    public static string Log(StoredObject pod, string container)
    {
        var status = pod
            .Body.Items("status", "containerStatuses")
            .Concat(pod.Body.Items("status", "initContainerStatuses"))
            .FirstOrDefault(entry => entry.Str("name") == container);
        var log = new StringBuilder();
        var ended = status.Obj("state", "terminated") ?? status.Obj("lastState", "terminated");
        var started = status.Str("state", "running", "startedAt") is { Length: > 0 } running ? running : ended.Str("startedAt");
        if (started.Length > 0)
            log.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{started} starting {PodTemplates.AllContainers(pod.Body.Obj("spec") ?? []).First(spec => spec.Str("name") == container).Str("image")}\n"
            );
        if (status.Obj("state", "running") is not null)
            log.Append(System.Globalization.CultureInfo.InvariantCulture, $"{started} {(status.Bool("ready") ? "ready" : "not ready")}\n");
        if (ended is not null)
            log.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{ended.Str("finishedAt")} {(ended.Int("exitCode") == 0 ? "done" : "error: exiting with code " + ended.Int("exitCode"))}\n"
            );
        return log.ToString();
    }

    protected override void OnChange(StoreChange change)
    {
        if (!ReferenceEquals(change.Table.Type, Pods))
            return;
        if (change.Kind == ChangeKind.Deleted)
        {
            if (_runs.Remove(change.Current.Uid, out var run))
                run.Dispose();
        }
        else if (change.Current.Body.Str("spec", "nodeName").Length > 0)
        {
            Enqueue(change.Current.Key);
        }
    }

    protected override void Reconcile(string key)
    {
        if (Find(Pods, key) is not StoredObject pod)
            return;
        if (!_runs.TryGetValue(pod.Uid, out var run))
        {
            // A finished pod stays as it is; a pod bound to an unknown node has no kubelet.
            if (PodControl.IsFinished(pod) && !pod.Body.IsDeleting())
                return;
            if (Cluster.Store.Table(BuiltInKinds.Nodes).Find("", pod.Body.Str("spec", "nodeName")) is null)
                return;
            run = new PodRun(pod, Cluster.Timestamp);
            _runs[pod.Uid] = run;
            if (pod.Body.Int("spec", "activeDeadlineSeconds") is long seconds)
                run.Deadline = Cluster.Loop.Post(TimeSpan.FromSeconds(seconds), () => Expire(run));
        }
        if (pod.Body.IsDeleting())
        {
            Stop(pod, run);
            return;
        }
        Sync(pod, run);
    }

    /// <summary>Starts the containers that are due, and updates the pod's status.</summary>
    private void Sync(StoredObject pod, PodRun run)
    {
        var specs = PodTemplates.AllContainers(pod.Body.Obj("spec")!).ToDictionary(spec => spec.Str("name"), StringComparer.Ordinal);
        foreach (var container in run.Containers)
        {
            var image = specs[container.Name].Str("image");
            if (container.Image.Length > 0 && container.Image != image && !container.IsInit)
                Replace(pod, container);
            var isNext = container.IsInit ? ReferenceEquals(run.NextInit, container) : run.NextInit is null;
            if (isNext && container.Image != image && container.Phase is ContainerPhase.Creating or ContainerPhase.PullFailed)
            {
                container.Image = image;
                container.Reason = "ContainerCreating";
                Pull(pod, run, container, specs[container.Name]);
            }
        }
        Report(pod, run);
    }

    /// <summary>Restarts a container whose image was changed in place.</summary>
    private void Replace(StoredObject pod, ContainerRun container)
    {
        container.Pending?.Dispose();
        if (container.Phase is ContainerPhase.Running or ContainerPhase.Crashed or ContainerPhase.BackOff)
        {
            events.Normal(
                Pods,
                pod,
                ControllerIdentity.Kubelet,
                "Killing",
                $"Container {container.Name} definition changed, will be restarted"
            );
            if (container.Phase == ContainerPhase.Running)
                container.LastTerminated = container.End(0, Cluster.Timestamp);
            container.Restarts++;
        }
        container.Phase = ContainerPhase.Creating;
        container.ImageId = "";
        container.Ready = false;
        container.Failures = 0;
        container.Message = "";
    }

    private void Pull(StoredObject pod, PodRun run, ContainerRun container, JsonObject spec)
    {
        var image = container.Image;
        var policy = spec.Str("imagePullPolicy");
        var key = (pod.Body.Str("spec", "nodeName"), image);
        if (!ContainerBehavior.IsReference(image))
        {
            Fail(
                "InvalidImageName",
                $"Failed to apply default image tag \"{image}\": couldn't parse image reference \"{image}\": invalid reference format",
                "InspectFailed"
            );
            return;
        }
        if (policy != "Always" && _pulled.TryGetValue(key, out var present))
        {
            events.Normal(Pods, pod, ControllerIdentity.Kubelet, "Pulled", $"Container image \"{image}\" already present on machine");
            StartLater(run, container, present);
            return;
        }
        if (policy == "Never")
        {
            Fail("ErrImageNeverPull", $"Container image \"{image}\" is not present with pull policy of Never", "ErrImageNeverPull");
            return;
        }
        events.Normal(Pods, pod, ControllerIdentity.Kubelet, "Pulling", $"Pulling image \"{image}\"");
        var pull = Cluster.Options.Images is IImageSource images
            ? images.PullAsync(image, run.Ended)
            : ValueTask.FromResult(PretendPull(image));
        if (pull.IsCompletedSuccessfully)
        {
            var result = pull.Result;
            container.Pending = Cluster.Loop.Post(TimeSpan.Zero, () => Pulled(run, container, image, result));
        }
        else
        {
            _ = AwaitPullAsync(run, container, image, pull.AsTask());
        }

        void Fail(string reason, string message, string eventReason)
        {
            container.Phase = ContainerPhase.PullFailed;
            container.Reason = reason;
            container.Message = message;
            events.Warning(Pods, pod, ControllerIdentity.Kubelet, eventReason, message);
        }
    }

    private async Task AwaitPullAsync(PodRun run, ContainerRun container, string image, Task<ImagePull> pull)
    {
        ImagePull result;
        try
        {
            result = await pull;
        }
        catch (OperationCanceledException)
        {
            return; // The pod was deleted.
        }
        catch (Exception e)
        {
            // Sources should not throw; treat it as an unreachable registry.
            result = new ImagePull(ImagePullOutcome.Unreachable, null, e.Message);
        }
        Cluster.Loop.Post(TimeSpan.Zero, () => Pulled(run, container, image, result));
    }

    private static ImagePull PretendPull(string image) =>
        ContainerBehavior.Of(image).CannotBePulled
            ? new ImagePull(
                ImagePullOutcome.NotFound,
                null,
                $"rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference "
                    + $"\"{image}\": {image}: not found"
            )
            : new ImagePull(
                ImagePullOutcome.Pulled,
                "sha256:" + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(image))).ToLowerInvariant(),
                ""
            );

    private void Pulled(PodRun run, ContainerRun container, string image, ImagePull result) =>
        IfCurrent(
            run,
            container,
            image,
            pod =>
            {
                if (result.Outcome == ImagePullOutcome.Pulled)
                {
                    var id = $"{Repository(image)}@{result.Digest}";
                    _pulled[(pod.Body.Str("spec", "nodeName"), image)] = id;
                    events.Normal(
                        Pods,
                        pod,
                        ControllerIdentity.Kubelet,
                        "Pulled",
                        $"Successfully pulled image \"{image}\" in 0s (0s including waiting). Image size: 0 bytes."
                    );
                    container.Failures = 0;
                    StartLater(run, container, id);
                    return;
                }
                container.Phase = ContainerPhase.PullFailed;
                container.Reason = "ErrImagePull";
                container.Message = result.Message;
                events.Warning(Pods, pod, ControllerIdentity.Kubelet, "Failed", $"Failed to pull image \"{image}\": {result.Message}");
                events.Warning(Pods, pod, ControllerIdentity.Kubelet, "Failed", "Error: ErrImagePull");
                var delay = BackOff(container.Failures++);
                Report(pod, run);
                // A kubelet reports ErrImagePull first, and ImagePullBackOff when it next syncs the pod.
                container.Pending = Cluster.Loop.Post(
                    Cluster.Options.ContainerStartDelay,
                    () =>
                        IfCurrent(
                            run,
                            container,
                            image,
                            again =>
                            {
                                container.Reason = "ImagePullBackOff";
                                container.Message = $"Back-off pulling image \"{image}\": ErrImagePull: {result.Message}";
                                events.Normal(Pods, again, ControllerIdentity.Kubelet, "BackOff", $"Back-off pulling image \"{image}\"");
                                events.Warning(Pods, again, ControllerIdentity.Kubelet, "Failed", "Error: ImagePullBackOff");
                                Report(again, run);
                                container.Pending = Cluster.Loop.Post(
                                    delay,
                                    () =>
                                        IfCurrent(
                                            run,
                                            container,
                                            image,
                                            later =>
                                                Pull(
                                                    later,
                                                    run,
                                                    container,
                                                    PodTemplates
                                                        .AllContainers(later.Body.Obj("spec")!)
                                                        .First(spec => spec.Str("name") == container.Name)
                                                )
                                        )
                                );
                            }
                        )
                );
            }
        );

    private void StartLater(PodRun run, ContainerRun container, string imageId)
    {
        var image = container.Image;
        container.Phase = ContainerPhase.Creating;
        container.Reason = "ContainerCreating";
        container.Message = "";
        container.Pending?.Dispose();
        container.Pending = Cluster.Loop.Post(
            Cluster.Options.ContainerStartDelay,
            () => IfCurrent(run, container, image, pod => Start(pod, run, container, imageId))
        );
    }

    private void Start(StoredObject pod, PodRun run, ContainerRun container, string imageId)
    {
        var image = container.Image;
        var behavior = container.Behavior;
        var policy = pod.Body.Str("spec", "restartPolicy");
        if (run.Address.Length == 0)
            run.Address = Cluster.Identifiers.NewPodAddress();
        container.ImageId = imageId;
        container.ContainerId = "sandbox://" + Cluster.Identifiers.Suffix(32);
        container.StartedAt = Cluster.Timestamp;
        container.Phase = ContainerPhase.Running;
        container.Message = "";
        container.Terminated = null;
        events.Normal(Pods, pod, ControllerIdentity.Kubelet, "Created", $"Created container {container.Name}");
        events.Normal(Pods, pod, ControllerIdentity.Kubelet, "Started", $"Started container {container.Name}");
        if (behavior.NeverReady && !container.IsInit)
            events.Warning(
                Pods,
                pod,
                ControllerIdentity.Kubelet,
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
                $"spec.containers{{{container.Name}}}"
            );
        container.Ready = !container.IsInit && !behavior.NeverReady && !behavior.Crashes && !(behavior.Fails && policy == "Always");
        var crashes = behavior.Crashes || (behavior.Fails && policy != "Never");
        if (container.IsInit)
            container.Pending = Cluster.Loop.Post(
                TimeSpan.Zero,
                () => IfCurrent(run, container, image, later => End(later, run, container, crashes || behavior.Fails ? 1 : 0))
            );
        else if (crashes)
            container.Pending = Cluster.Loop.Post(
                Cluster.Options.ContainerStartDelay,
                () => IfCurrent(run, container, image, later => End(later, run, container, 1))
            );
        else if (policy != "Always" && !behavior.Sleeps)
            container.Pending = Cluster.Loop.Post(
                Cluster.Options.ContainerRunTime,
                () => IfCurrent(run, container, image, later => End(later, run, container, behavior.Fails ? 1 : 0))
            );
        Report(pod, run);
    }

    /// <summary>Handles the exit of a container: it ends, or is restarted according to the restart policy.</summary>
    private void End(StoredObject pod, PodRun run, ContainerRun container, long exitCode)
    {
        var ended = container.End(exitCode, Cluster.Timestamp);
        var policy = pod.Body.Str("spec", "restartPolicy");
        container.Ready = false;
        var willRestart = exitCode != 0 ? policy != "Never" : policy == "Always" && !container.IsInit;
        if (!willRestart)
        {
            container.Phase = ContainerPhase.Ended;
            container.Terminated = ended;
            Report(pod, run);
            if (container.IsInit && exitCode == 0)
                Sync(pod, run);
            return;
        }
        container.Phase = ContainerPhase.Crashed;
        container.Terminated = ended;
        events.Warning(
            Pods,
            pod,
            ControllerIdentity.Kubelet,
            "BackOff",
            $"Back-off restarting failed container {container.Name} in pod {pod.Name}_{pod.Namespace}({pod.Uid})"
        );
        var image = container.Image;
        // The first restart is immediate, the next ones wait for a back-off that doubles.
        if (container.Failures == 0)
        {
            container.Failures = 1;
            container.Pending = Cluster.Loop.Post(
                TimeSpan.FromSeconds(1),
                () => IfCurrent(run, container, image, later => Restart(later, run, container, ended))
            );
        }
        else
        {
            var delay = BackOff(container.Failures++ - 1);
            container.Pending = Cluster.Loop.Post(
                TerminatedStateShown,
                () =>
                    IfCurrent(
                        run,
                        container,
                        image,
                        later =>
                        {
                            container.LastTerminated = ended;
                            container.Phase = ContainerPhase.BackOff;
                            container.Reason = "CrashLoopBackOff";
                            container.Message =
                                $"back-off {(int)delay.TotalSeconds}s restarting failed container={container.Name} pod={pod.Name}_{pod.Namespace}({pod.Uid})";
                            container.Pending = Cluster.Loop.Post(
                                delay - TerminatedStateShown + TimeSpan.FromSeconds(2),
                                () => IfCurrent(run, container, image, last => Restart(last, run, container, ended))
                            );
                            Report(later, run);
                        }
                    )
            );
        }

        Report(pod, run);
    }

    private void Restart(StoredObject pod, PodRun run, ContainerRun container, JsonObject ended)
    {
        container.LastTerminated = ended;
        container.Restarts++;
        Start(pod, run, container, container.ImageId);
    }

    private void Stop(StoredObject pod, PodRun run)
    {
        if (run.Stopping)
            return;
        run.Stopping = true;
        foreach (var container in run.Containers)
        {
            container.Pending?.Dispose();
            if (container.Phase == ContainerPhase.Running)
                events.Normal(Pods, pod, ControllerIdentity.Kubelet, "Killing", $"Stopping container {container.Name}");
        }
        var grace = TimeSpan.FromSeconds(pod.Body.Int("metadata", "deletionGracePeriodSeconds") ?? 0);
        var delay = grace < Cluster.Options.ContainerStopDelay ? grace : Cluster.Options.ContainerStopDelay;
        Cluster.Loop.Post(delay, () => Stopped(run));
    }

    private void Stopped(PodRun run)
    {
        lock (Cluster.Store.Gate)
        {
            if (Cluster.Store.ByUid(run.Uid) is not var (_, pod))
                return;
            foreach (
                var container in run.Containers.Where(container =>
                    container.Phase is ContainerPhase.Running or ContainerPhase.Crashed or ContainerPhase.BackOff
                )
            )
            {
                container.Phase = ContainerPhase.Ended;
                container.Ready = false;
                container.Terminated = container.End(pod.Body.Str("spec", "restartPolicy") == "Always" ? 0 : 137, Cluster.Timestamp);
            }
            // Finalizers may keep the pod object after its containers have stopped.
            if (pod.Body.Arr("metadata", "finalizers") is { Count: > 0 })
                Report(pod, run);
            if (Cluster.Store.ByUid(run.Uid) is var (_, last))
                Cluster.Delete(Pods, last, new DeleteOptions { GracePeriodSeconds = 0 });
        }
    }

    /// <summary>Ends a pod whose activeDeadlineSeconds have passed.</summary>
    private void Expire(PodRun run)
    {
        lock (Cluster.Store.Gate)
        {
            if (
                run.Stopping
                || !_runs.ContainsKey(run.Uid)
                || Cluster.Store.ByUid(run.Uid) is not var (_, pod)
                || PodControl.IsFinished(pod)
            )
                return;
            run.IsExpired = true;
            foreach (var container in run.Containers)
            {
                container.Pending?.Dispose();
                container.Ready = false;
                if (container.Phase is not (ContainerPhase.Running or ContainerPhase.BackOff))
                    continue;
                container.Phase = ContainerPhase.Ended;
                container.Terminated = container.End(137, Cluster.Timestamp);
            }
            Report(pod, run);
        }
    }

    /// <summary>Runs an action unless the pod is deleted or the container has another image by then.</summary>
    private void IfCurrent(PodRun run, ContainerRun container, string image, Action<StoredObject> action)
    {
        lock (Cluster.Store.Gate)
        {
            if (run.Stopping || run.IsExpired || container.Image != image || !_runs.ContainsKey(run.Uid))
                return;
            if (Cluster.Store.ByUid(run.Uid) is var (_, pod) && !pod.Body.IsDeleting())
                action(pod);
        }
    }

    private void Report(StoredObject pod, PodRun run)
    {
        if (Cluster.Store.ByUid(pod.Uid) is var (_, current))
            Cluster.UpdateStatus(Pods, current, run.Status(current.Body, Cluster.Timestamp), ControllerIdentity.Kubelet);
    }

    /// <param name="before">Consecutive failures before this one.</param>
    private static TimeSpan BackOff(int before) =>
        TimeSpan.FromSeconds(Math.Min(FirstBackOff.TotalSeconds * Math.Pow(2, Math.Min(before, 10)), LastBackOff.TotalSeconds));

    private static string Repository(string image)
    {
        var name = image.Split('@', 2)[0];
        var slash = name.LastIndexOf('/');
        var colon = name.IndexOf(':', slash + 1);
        return colon < 0 ? name : name[..colon];
    }
}
