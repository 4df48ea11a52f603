using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Patching;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Api;

/// <summary>
/// Carries out every change of an object, for clients and for the cluster's own controllers alike. Called with the store's lock held.
/// Bodies are in the resource's storage version, and the writer takes ownership of them.
/// </summary>
internal sealed class ObjectWriter(ObjectStore store, Identifiers identifiers, TimeProvider time)
{
    public string Now => Timestamps.Format(time.GetUtcNow());

    /// <exception cref="ApiException">404 (no such namespace), 403 (namespace is terminating), 409 (already exists), 422.</exception>
    public StoredObject Create(ResourceType type, string ns, JsonObject body, WriteContext context, FieldOwners? owners = null)
    {
        var meta = body.Meta();
        if (type.Namespaced)
            meta["namespace"] = ns;
        else
            meta.Remove("namespace");
        if (meta.Str("resourceVersion") is { Length: > 0 } and not "0")
            throw new ApiException(500, "", "resourceVersion should not be set on objects to be created");
        meta["uid"] = identifiers.NewUid();
        meta["creationTimestamp"] = Now;
        meta.Remove("selfLink");
        meta.Remove("deletionTimestamp");
        meta.Remove("deletionGracePeriodSeconds");
        meta.Remove("generation");
        if (type.Rules.HasGeneration)
            meta["generation"] = 1L;
        var prefix = meta.Str("generateName");
        var generated = meta.Str("name").Length == 0 && prefix.Length > 0;
        if (context.Version.HasStatus && context.Subresource.Length == 0 && !KeepsStatus(context))
            body.Remove("status");
        if (type.Namespaced)
            CheckNamespace(type, ns, body.Name());
        var table = store.Table(type);
        if (generated)
            meta["name"] = identifiers.NewName(prefix, name => table.Find(ns, name) is not null);
        type.Rules.Default(body);
        type.Rules.PrepareForCreate(body);
        Validate(type, body, null);
        if (table.Find(ns, body.Name()) is not null)
            throw ApiException.AlreadyExists(type.Group, type.Plural, body.Name());
        owners ??= FieldOwners.Parse(meta.Arr("managedFields")).AfterUpdate(type.Storage.Schema, null, body, Manager(context));
        body = Finish(type, body, owners);
        return context.DryRun ? new StoredObject(body, 0) { Owners = owners } : store.Add(table, body, owners);
    }

    /// <summary>Replaces an object, except for what the subresource cannot change. An update without changes is not written.</summary>
    /// <exception cref="ApiException">409 (modified concurrently), 422.</exception>
    public StoredObject Update(ResourceType type, StoredObject old, JsonObject body, WriteContext context, FieldOwners? owners = null)
    {
        var meta = body.Meta();
        var revision = meta.Str("resourceVersion");
        if (revision is "" or "0")
        {
            if (!type.Rules.AllowsUnconditionalUpdate)
            {
                var causes = new CauseList();
                causes.InvalidPrinted("metadata.resourceVersion", "0x0", "must be specified for an update");
                throw ApiException.Invalid(type.Group, type.Plural, old.Name, causes.Causes);
            }
        }
        else if (revision != old.Revision.ToString(CultureInfo.InvariantCulture))
        {
            throw ApiException.Modified(type.Group, type.Plural, old.Name);
        }
        if (meta.Str("uid") is { Length: > 0 } uid && uid != old.Uid)
            throw ApiException.Conflict(
                type.Group,
                type.Plural,
                old.Name,
                $"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.Uid}"
            );
        KeepMetadata(meta, old.Body, type);
        if (context.Subresource == "status")
        {
            type.Rules.PrepareForStatusUpdate(body, old.Body);
        }
        else
        {
            if (context.Version.HasStatus && !KeepsStatus(context))
                RestoreStatus(body, old.Body);
            type.Rules.PrepareForUpdate(body, old.Body);
        }
        type.Rules.Default(body);
        if (type.Rules.HasGeneration && context.Subresource != "status" && type.Rules.SpecChanged(body, old.Body))
            meta["generation"] = (old.Body.Int("metadata", "generation") ?? 0) + 1;
        Validate(type, body, old.Body);
        if (owners is null)
        {
            // A client that sends managedFields unchanged, or omits them, does not reset them.
            var sent = meta.Arr("managedFields");
            var before =
                sent is null or { Count: 0 } || JsonAccess.Same(sent, old.Body.Arr("metadata", "managedFields"))
                    ? old.Owners
                    : FieldOwners.Parse(sent);
            owners = before.AfterUpdate(type.Storage.Schema, old.Body, body, Manager(context));
        }
        body = Finish(type, body, owners);
        meta = body.Meta();
        meta["resourceVersion"] = old.Body.Str("metadata", "resourceVersion");
        if (JsonAccess.Same(body, old.Body))
            return old;
        if (context.DryRun)
            return new StoredObject(body, old.Revision) { Owners = owners };
        var unfinished = meta.Arr("finalizers") is { Count: > 0 } || NamespaceRules.HasFinalizers(type, body);
        if (
            meta["deletionTimestamp"] is not null
            && !unfinished
            && meta.Int("deletionGracePeriodSeconds") is null or 0
            && body.IsDeleting()
        )
        {
            store.Delete(store.Table(type), old);
            return new StoredObject(body, old.Revision) { Owners = owners };
        }
        return store.Replace(store.Table(type), old, body, owners);
    }

    /// <summary>Deletes an object, or sets its deletionTimestamp if finalizers or a grace period delay the deletion.</summary>
    /// <returns>The object, and whether it was removed.</returns>
    public (StoredObject Object, bool Removed) Delete(ResourceType type, StoredObject item, DeleteOptions options)
    {
        CheckPreconditions(type, item, options);
        var body = item.Body.Clone();
        var meta = body.Meta();
        var policy = options.PropagationPolicy.Length > 0 ? options.PropagationPolicy : type.Rules.DefaultPropagation;
        var grace = type.Rules.GracePeriod(body, options.GracePeriodSeconds) ?? 0;
        var changed = SetPropagation(meta, policy, options.PropagationPolicy.Length > 0 || !item.Body.IsDeleting());
        var unfinished = meta.Arr("finalizers") is { Count: > 0 } || NamespaceRules.HasFinalizers(type, body);
        if (item.Body.IsDeleting())
        {
            var present = meta.Int("deletionGracePeriodSeconds") ?? 0;
            if (grace >= present && present > 0 && !changed)
                return (item, false);
            if (grace < present)
            {
                meta["deletionGracePeriodSeconds"] = grace;
                meta["deletionTimestamp"] = Timestamps.Format(
                    (Timestamps.Parse(meta["deletionTimestamp"]) ?? time.GetUtcNow()) - TimeSpan.FromSeconds(present - grace)
                );
                changed = true;
            }
            if (grace == 0 && !unfinished)
                return Removed();
            return changed && !options.DryRun ? (store.Replace(store.Table(type), item, body, item.Owners), false) : (item, false);
        }
        if (grace == 0 && !unfinished)
            return Removed();
        meta["deletionTimestamp"] = Timestamps.Format(time.GetUtcNow() + TimeSpan.FromSeconds(grace));
        meta["deletionGracePeriodSeconds"] = grace;
        if (meta.Int("generation") is long generation)
            meta["generation"] = generation + 1;
        NamespaceRules.MarkTerminating(type, body);
        body = Order(body);
        return options.DryRun
            ? (new StoredObject(body, item.Revision) { Owners = item.Owners }, false)
            : (store.Replace(store.Table(type), item, body, item.Owners), false);

        (StoredObject, bool) Removed() => options.DryRun ? (item, true) : (store.Delete(store.Table(type), item), true);
    }

    /// <summary>Puts kind and apiVersion first, then metadata: the API server's order, which also lets lists omit the first two.</summary>
    public static JsonObject Order(JsonObject body)
    {
        var ordered = new JsonObject();
        foreach (var first in (string[])["kind", "apiVersion", "metadata"])
            Move(first);
        foreach (var name in body.Select(pair => pair.Key).ToList())
            Move(name);
        return ordered;

        void Move(string name)
        {
            if (body.Remove(name, out var value))
                ordered[name] = value;
        }
    }

    private static bool KeepsStatus(WriteContext context) => context.FieldManager == ControllerIdentity.Internal;

    private static void RestoreStatus(JsonObject body, JsonObject old)
    {
        if (old["status"] is JsonNode status)
            body["status"] = status.DeepClone();
        else
            body.Remove("status");
    }

    /// <summary>Restores the metadata that only the server may set.</summary>
    private static void KeepMetadata(JsonObject meta, JsonObject old, ResourceType type)
    {
        foreach (
            var name in (string[])
                [
                    "name",
                    "namespace",
                    "uid",
                    "creationTimestamp",
                    "generation",
                    "deletionTimestamp",
                    "deletionGracePeriodSeconds",
                    "selfLink",
                ]
        )
        {
            if (old.At("metadata", name) is JsonNode value)
                meta[name] = value.DeepClone();
            else
                meta.Remove(name);
        }
        if (!type.Namespaced)
            meta.Remove("namespace");
    }

    private static bool SetPropagation(JsonObject meta, string policy, bool decide)
    {
        if (!decide)
            return false;
        const string Orphan = "orphan";
        const string Foreground = "foregroundDeletion";
        var before = meta.Texts("finalizers").ToList();
        var after = before.Where(name => name is not (Orphan or Foreground)).ToList();
        if (policy == "Orphan")
            after.Add(Orphan);
        else if (policy == "Foreground")
            after.Add(Foreground);
        if (after.SequenceEqual(before))
            return false;
        if (after.Count == 0)
            meta.Remove("finalizers");
        else
            meta["finalizers"] = new JsonArray([.. after.Select(name => JsonValue.Create(name))]);
        return true;
    }

    private static void CheckPreconditions(ResourceType type, StoredObject item, DeleteOptions options)
    {
        if (options.PreconditionUid.Length > 0 && options.PreconditionUid != item.Uid)
        {
            throw ApiException.Conflict(
                type.Group,
                type.Plural,
                item.Name,
                $"the UID in the precondition ({options.PreconditionUid}) does not match the UID in record ({item.Uid}). "
                    + "The object might have been deleted and then recreated"
            );
        }
        var revision = item.Body.Str("metadata", "resourceVersion");
        if (options.PreconditionRevision.Length > 0 && options.PreconditionRevision != revision)
        {
            throw ApiException.Conflict(
                type.Group,
                type.Plural,
                item.Name,
                $"the ResourceVersion in the precondition ({options.PreconditionRevision}) does not match the ResourceVersion in "
                    + $"record ({revision}). The object might have been modified"
            );
        }
    }

    private static void Validate(ResourceType type, JsonObject body, JsonObject? old)
    {
        var causes = new CauseList();
        MetadataValidation.Validate(type, body, old, causes);
        type.Rules.Validate(body, causes);
        if (old is not null)
            type.Rules.ValidateUpdate(body, old, causes);
        causes.Throw(type.Group, type.Kind, body.Name());
    }

    private static JsonObject Finish(ResourceType type, JsonObject body, FieldOwners owners)
    {
        body["kind"] = type.Kind;
        body["apiVersion"] = type.Storage.ApiVersion;
        if (owners.Entries.Count == 0)
            body.Meta().Remove("managedFields");
        else
            body.Meta()["managedFields"] = owners.ToJson();
        return Order(body);
    }

    private FieldManager Manager(WriteContext context) => new(context.FieldManager, context.Version.ApiVersion, context.Subresource, Now);

    private void CheckNamespace(ResourceType type, string ns, string name)
    {
        var found = store.Table(BuiltInKinds.Namespaces).Find("", ns) ?? throw ApiException.NotFound("", "namespaces", ns);
        if (found.Body.IsDeleting())
        {
            throw new ApiException(
                403,
                "Forbidden",
                $"{type.QualifiedName} \"{name}\" is forbidden: unable to create new content in namespace {ns} because it is "
                    + "being terminated"
            )
            {
                Details = new(name, type.Group, type.Plural)
                {
                    Causes = [new StatusCause("NamespaceTerminating", $"namespace {ns} is being terminated", "metadata.namespace")],
                },
            };
        }
    }
}
