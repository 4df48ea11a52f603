using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Installation;

/// <summary>The outcome for one object of an installation.</summary>
public enum InstallationOutcome
{
    Created,
    Updated,
    Unchanged,
    Removed,
}

/// <summary>A step of an installation: an object to apply or to remove.</summary>
/// <param name="Path">The object.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Manifest">What to apply; null to remove the object.</param>
public sealed record InstallationStep(ResourcePath Path, string Kind, JsonObject? Manifest)
{
    public override string ToString() => Path.Namespace is null ? $"{Kind} {Path.Name}" : $"{Kind} {Path.Namespace}/{Path.Name}";
}

/// <summary>
/// Installs the controller in a cluster, upgrades it in place, and removes it. First prepare: that only reads, and refuses what cannot be
/// completed. Then carry out the steps one by one. Thread-safe.
/// </summary>
public sealed class ControllerInstallation(ClusterConnection cluster, TimeProvider time)
{
    /// <summary>The field manager of what is applied. It differs from that of the controller, which changes its own image when it follows a tag.</summary>
    private const string Manager = "cvmanager-install";

    /// <summary>The oldest minor version of Kubernetes 1.x that the tests run on.</summary>
    private const int OldestMinor = 20;

    /// <summary>The controller ends within 20 s of SIGTERM; a kubelet may remove a pod much later.</summary>
    private static readonly TimeSpan PodsGoneLimit = TimeSpan.FromSeconds(90);

    /// <summary>How long pods may fail repeatedly before a wait ends.</summary>
    private static readonly TimeSpan FailureLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly string[] VersionParts = ["major", "minor"];
    private static readonly string[] Verbs = ["get", "create", "patch"];
    private static readonly string[] DefinitionVerbs = ["get", "create", "update"];
    private static readonly string[] ChangingFields = ["managedFields", "resourceVersion", "generation"];
    private static readonly ResourcePath Deployments = new("apps", "v1", "deployments");
    private static readonly ResourcePath Definition = new(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        null,
        CustomResourceDefinition.Name
    );

    /// <summary>The step that installs only the custom resource definition.</summary>
    public static InstallationStep DefinitionStep { get; } = new(Definition, "CustomResourceDefinition", CustomResourceDefinition.Json);

    /// <summary>The steps of an installation or upgrade: objects to apply, then objects of a former installation that are obsolete.</summary>
    /// <exception cref="CvException"><c>InstallationOptionInvalid</c>, <c>ClusterVersionNotSupported</c>, <c>ControllerAlreadyInstalled</c>,
    /// <c>ControllerManagedByHelm</c>, <c>InstallationForbidden</c>, or a connection error.</exception>
    public async Task<IReadOnlyList<InstallationStep>> PrepareAsync(InstallationOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        await CheckVersionAsync(cancellationToken);
        var existing = await FindOwnAsync(options.Namespace, cancellationToken);
        await CheckOthersAsync(options, cancellationToken);
        await CheckNamespacesAsync(options, cancellationToken);
        var manifests = ControllerManifests.Create(KeepFollowedImage(options, existing));
        if (!await cluster.ServesAsync("policy", "v1", cancellationToken))
            manifests.Single(item => item.Text("kind") == "PodDisruptionBudget")["apiVersion"] = "policy/v1beta1";
        if (options.HasNetworkPolicy && !await cluster.ServesAsync("networking.k8s.io", "v1", cancellationToken))
        {
            throw new CvException(
                ErrorIds.ClusterVersionNotSupported,
                CvErrorKind.NotSupported,
                $"{cluster.Server} does not serve NetworkPolicies (networking.k8s.io/v1).",
                "Omit the NetworkPolicy. Nothing was installed."
            )
            {
                Target = cluster.Server.ToString(),
            };
        }

        var applied = manifests
            .Select(item =>
                item.Text("kind") == DefinitionStep.Kind
                    ? DefinitionStep
                    : new InstallationStep(InstalledKinds.PathOf(item), item.Text("kind")!, item)
            )
            .ToList();
        await CheckPermissionsAsync(applied, cancellationToken);
        var obsolete = (await FindInstalledAsync(options.Namespace, cancellationToken)).Where(step =>
            !applied.Exists(item => item.Path with { Version = "" } == step.Path with { Version = "" })
        );
        return [.. applied, .. obsolete];
    }

    /// <summary>The steps to remove an installation. ContainerVersions, histories and the namespace stay.</summary>
    /// <param name="ns">The namespace of the controller.</param>
    /// <param name="includeDefinition">True to remove the custom resource definition, and all ContainerVersions with it.</param>
    /// <exception cref="CvException"><c>ControllerNotInstalled</c>, <c>ControllerManagedByHelm</c>, or a connection error.</exception>
    public async Task<IReadOnlyList<InstallationStep>> PrepareRemovalAsync(
        string ns,
        bool includeDefinition,
        CancellationToken cancellationToken
    )
    {
        await FindOwnAsync(ns, cancellationToken);
        var steps = (await FindInstalledAsync(ns, cancellationToken)).ToList();
        ResourcePath lease = new("coordination.k8s.io", "v1", "leases", ns, ControllerManifests.LeaseName);
        if (steps.Count > 0 && await cluster.FindAsync(lease, cancellationToken) is not null)
            steps.Add(new InstallationStep(lease, "Lease", null));
        if (includeDefinition && await cluster.FindAsync(Definition, cancellationToken) is not null)
            steps.Add(DefinitionStep with { Manifest = null });
        return steps.Count > 0
            ? steps
            : throw new CvException(
                ErrorIds.ControllerNotInstalled,
                CvErrorKind.NotFound,
                $"No controller is installed in namespace {ns} of {cluster.Server}.",
                "Specify the namespace of the controller with -ControllerNamespace, or another cluster with -Context."
            )
            {
                Target = ns,
            };
    }

    /// <summary>Carries out one step. Applying an object takes over fields that others changed, and keeps what they added.</summary>
    public async Task<InstallationOutcome> ExecuteAsync(InstallationStep step, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(step);
        if (step.Manifest is not { } manifest)
        {
            await RemoveAsync(step, cancellationToken);
            return InstallationOutcome.Removed;
        }

        if (step.Path == Definition)
        {
            return await CrdInstallation.InstallAsync(cluster, time, cancellationToken) switch
            {
                CrdInstallationOutcome.Created => InstallationOutcome.Created,
                CrdInstallationOutcome.Updated => InstallationOutcome.Updated,
                _ => InstallationOutcome.Unchanged,
            };
        }

        var before = await cluster.FindAsync(step.Path, cancellationToken);
        // A namespace of others may contain pods that its pod security level would reject.
        if (before is not null && step.Kind == "Namespace" && !IsOurs(before))
            return InstallationOutcome.Unchanged;
        var after = await cluster.PatchAsync(step.Path, PatchKind.Apply, manifest, cancellationToken, Manager, force: true);
        return before is null ? InstallationOutcome.Created
            : JsonNode.DeepEquals(Comparable(before), Comparable(after)) ? InstallationOutcome.Unchanged
            : InstallationOutcome.Updated;
    }

    /// <summary>Waits until all replicas run what was installed, and one of them works.</summary>
    /// <param name="ns">The namespace of the controller.</param>
    /// <param name="changed">Called whenever what keeps it from being ready has changed.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="CvException"><c>ControllerNotReady</c>: a pod fails repeatedly.</exception>
    public async Task WaitAsync(string ns, Action<ControllerHealth> changed, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changed);
        IReadOnlyList<string>? shown = null;
        long? failedSince = null;
        while (true)
        {
            var health = await ControllerHealthReader.ReadAsync(cluster, ns, time, cancellationToken);
            if (health.IsRolledOut && (health.Replicas == 0 || health.IsReady))
                return;
            if (shown is null || !shown.SequenceEqual(health.Problems, StringComparer.Ordinal))
                changed(health);
            shown = health.Problems;
            // Pods of a former installation may fail until the Deployment has replaced them.
            failedSince = health.HasFailedPod ? failedSince ?? time.GetTimestamp() : null;
            if (failedSince is { } since && time.GetElapsedTime(since) >= FailureLimit)
                throw health.CreateError();
            await Task.Delay(Interval, time, cancellationToken);
        }
    }

    /// <summary>An error in a step, with what was done before and what was not.</summary>
    /// <param name="steps">All steps.</param>
    /// <param name="failed">The index of the step that failed.</param>
    /// <param name="error">Its error; returned unchanged if nothing was done before.</param>
    public static CvException Incomplete(IReadOnlyList<InstallationStep> steps, int failed, CvException error)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(error);
        return failed == 0
            ? error
            : new CvException(
                ErrorIds.InstallationIncomplete,
                error.Kind,
                $"{steps[failed]}: {error.Message}",
                $"{error.Remedy} Then run the command again: it continues, and does not repeat what is done.",
                error
            )
            {
                Target = steps[failed].ToString(),
                Details = [$"Done: {string.Join(", ", steps.Take(failed))}.", $"Not done: {string.Join(", ", steps.Skip(failed))}."],
            };
    }

    private async Task RemoveAsync(InstallationStep step, CancellationToken cancellationToken)
    {
        try
        {
            var isDeployment = step.Kind == "Deployment";
            await cluster.DeleteAsync(step.Path, cancellationToken, propagation: isDeployment ? "Foreground" : "Background");
            // The controller stores what is under way when it ends: it must not lose its permissions before that.
            if (isDeployment)
                await WaitUntilGoneAsync(step.Path, cancellationToken);
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceNotFound)
        {
            // Already removed.
        }
    }

    private async Task WaitUntilGoneAsync(ResourcePath path, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (await cluster.FindAsync(path, cancellationToken) is not null && time.GetElapsedTime(started) < PodsGoneLimit)
            await Task.Delay(Interval, time, cancellationToken);
    }

    private async Task CheckVersionAsync(CancellationToken cancellationToken)
    {
        var version = await cluster.GetRawAsync("version", cancellationToken);
        // Some distributions append "+".
        var parts = VersionParts.Select(part =>
            int.TryParse(version.Text(part)?.TrimEnd('+'), System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : 0
        );
        if (parts.ToList() is [1, > 0 and < OldestMinor])
        {
            throw new CvException(
                ErrorIds.ClusterVersionNotSupported,
                CvErrorKind.NotSupported,
                $"{cluster.Server} is Kubernetes {version.Text("gitVersion")}; the controller requires 1.{OldestMinor} or later.",
                "Upgrade the cluster. Nothing was installed."
            )
            {
                Target = cluster.Server.ToString(),
            };
        }
    }

    /// <summary>The Deployment of an installation; null for none.</summary>
    /// <exception cref="CvException"><c>ControllerManagedByHelm</c>.</exception>
    private async Task<JsonObject?> FindOwnAsync(string ns, CancellationToken cancellationToken)
    {
        var found = await cluster.FindAsync(Deployments with { Namespace = ns, Name = ControllerManifests.Name }, cancellationToken);
        if (found.Text("metadata", "labels", "app.kubernetes.io/managed-by") != "Helm")
            return found;
        var release = found.Text("metadata", "annotations", "meta.helm.sh/release-name") ?? ControllerManifests.Name;
        throw new CvException(
            ErrorIds.ControllerManagedByHelm,
            CvErrorKind.Conflict,
            $"The controller in namespace {ns} was installed with Helm (release {RemoteText.Show(release)}).",
            "Use helm upgrade or helm uninstall for it."
        )
        {
            Target = $"{ns}/{ControllerManifests.Name}",
        };
    }

    /// <summary>Two controllers without a common Lease would both roll out the same ContainerVersions.</summary>
    private async Task CheckOthersAsync(InstallationOptions options, CancellationToken cancellationToken)
    {
        var own = ControllerManifests.WatchedBy(options);
        var others = await cluster.ListAsync(
            Deployments,
            $"{ControllerManifests.NameLabel}={ControllerManifests.Name},{ControllerManifests.PartOfLabel}={ControllerManifests.Name}",
            null,
            cancellationToken
        );
        foreach (var other in others.Where(other => other.Text("metadata", "namespace") != options.Namespace))
        {
            var theirs = ControllerManifests.WatchedBy(other);
            if (own.Count > 0 && theirs.Count > 0 && !own.Intersect(theirs, StringComparer.Ordinal).Any())
                continue;
            var ns = RemoteText.Show(other.Text("metadata", "namespace") ?? "");
            throw new CvException(
                ErrorIds.ControllerAlreadyInstalled,
                CvErrorKind.Conflict,
                $"A controller is already installed in namespace {ns}; it watches "
                    + (theirs.Count == 0 ? "all namespaces." : $"{RemoteText.Show(string.Join(", ", theirs))}."),
                $"To change that controller, add -ControllerNamespace {ns}. To move it, run Uninstall-CvController -ControllerNamespace {ns} "
                    + "first. To run both, give them different namespaces with -Namespace."
            )
            {
                Target = $"{ns}/{ControllerManifests.Name}",
            };
        }
    }

    /// <summary>The Roles are created in the watched namespaces, which are not ours to create.</summary>
    private async Task CheckNamespacesAsync(InstallationOptions options, CancellationToken cancellationToken)
    {
        foreach (var ns in options.WatchedNamespaces.Where(ns => ns != options.Namespace))
        {
            try
            {
                await cluster.GetAsync(new ResourcePath("", "v1", "namespaces", null, ns), cancellationToken);
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                throw new CvException(
                    ErrorIds.InstallationOptionInvalid,
                    CvErrorKind.NotFound,
                    $"The namespace '{ns}' does not exist. Nothing was installed.",
                    "Create it, or omit it from the namespaces that the controller watches.",
                    e
                )
                {
                    Target = ns,
                };
            }
        }
    }

    /// <summary>When the controller follows a tag, it decides on its image.</summary>
    private static InstallationOptions KeepFollowedImage(InstallationOptions options, JsonObject? existing)
    {
        var image = existing
            .Items("spec", "template", "spec", "containers")
            .FirstOrDefault(container => container.Text("name") == ControllerManifests.ContainerName)
            .Text("image");
        return
            options.FollowTag is not null
            && existing.Text("metadata", "labels", ContainerVersion.SelectorKey) is not null
            && ImageReference.TryParse(image, out var current)
            && current.Repository == ImageReference.Parse(options.EffectiveImage).Repository
            ? options with
            {
                Image = image,
            }
            : options;
    }

    /// <summary>Asks before anything is written, so that an installation is not left half done. RBAC may still refuse to grant a role.</summary>
    private async Task CheckPermissionsAsync(IReadOnlyList<InstallationStep> steps, CancellationToken cancellationToken)
    {
        var asked = steps
            .Select(step => step.Path with { Name = null })
            .Distinct()
            .SelectMany(path => (path.Plural == Definition.Plural ? DefinitionVerbs : Verbs).Select(verb => (Path: path, Verb: verb)));
        var answers = await Task.WhenAll(
            asked.Select(async one => (one.Path, one.Verb, IsAllowed: await IsAllowedAsync(one.Path, one.Verb, cancellationToken)))
        );
        var denied = answers.Where(one => !one.IsAllowed).Select(one => $"{one.Verb} {one.Path.Title}").ToList();
        if (denied.Count == 0)
            return;
        throw new CvException(
            ErrorIds.InstallationForbidden,
            CvErrorKind.Forbidden,
            $"The permission to install the controller is missing at {cluster.Server}. Nothing was installed.",
            "Run it as a cluster administrator, or give one the manifest: Install-CvController -AsYaml."
        )
        {
            Target = cluster.Server.ToString(),
            Details = [.. denied.Select(one => $"Not allowed: {one}.")],
        };
    }

    private async Task<bool> IsAllowedAsync(ResourcePath path, string verb, CancellationToken cancellationToken)
    {
        try
        {
            return await SelfAccessReview.IsAllowedAsync(cluster, path, verb, cancellationToken);
        }
        catch (CvException e) when (e.Kind is CvErrorKind.NotFound or CvErrorKind.Forbidden)
        {
            // Not served, or not allowed to ask: the change itself shows it.
            return true;
        }
    }

    /// <summary>The objects with the labels of an installation, in the order of removal.</summary>
    private async Task<IReadOnlyList<InstallationStep>> FindInstalledAsync(string ns, CancellationToken cancellationToken)
    {
        List<InstallationStep> found = [];
        foreach (var (kind, collection) in InstalledKinds.Removed)
        {
            var path =
                collection.Group == "policy" && !await cluster.ServesAsync("policy", "v1", cancellationToken)
                    ? collection with
                    {
                        Version = "v1beta1",
                    }
                    : collection;
            try
            {
                var items = await cluster.ListAsync(
                    path,
                    $"{ControllerManifests.PartOfLabel}={ControllerManifests.Name},{ControllerManifests.InstanceLabel}={ns}",
                    null,
                    cancellationToken
                );
                found.AddRange(
                    items.Select(item => new InstallationStep(
                        path with
                        {
                            Namespace = item.Text("metadata", "namespace"),
                            Name = item.Text("metadata", "name"),
                        },
                        kind,
                        null
                    ))
                );
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                // The cluster does not serve this kind.
            }
        }

        return found;
    }

    private static bool IsOurs(JsonObject item) =>
        item.Text("metadata", "labels", ControllerManifests.PartOfLabel) == ControllerManifests.Name;

    /// <summary>An object without what changes by itself.</summary>
    private static JsonObject Comparable(JsonObject item)
    {
        var copy = (JsonObject)item.DeepClone();
        copy.Remove("status");
        foreach (var field in ChangingFields)
            copy["metadata"]?.AsObject().Remove(field);
        return copy;
    }
}
