using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

/// <summary>Leases: leader election relies on their validation.</summary>
internal sealed class LeaseRules : KindRules
{
    public override bool CreatesOnUpdate => true;

    public override bool AllowsUnconditionalUpdate => false;

    public override void Default(JsonObject body) => body.Ensure("spec");

    public override void Validate(JsonObject body, CauseList causes)
    {
        if (body.Int("spec", "leaseDurationSeconds") is <= 0 and var duration)
            causes.Invalid("spec.leaseDurationSeconds", duration, "must be greater than 0");
        if (body.Int("spec", "leaseTransitions") is < 0 and var transitions)
            causes.Invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0");
    }
}

/// <summary>Events: written in two API versions, and updated to count repetitions.</summary>
internal sealed class EventRules : KindRules
{
    public override bool CreatesOnUpdate => true;

    public override void Default(JsonObject body)
    {
        body.Default("reportingComponent", "");
        body.Default("reportingInstance", "");
        body.Default("source", new JsonObject());
        foreach (var field in (string[])["firstTimestamp", "lastTimestamp", "eventTime"])
        {
            if (!body.ContainsKey(field))
                body[field] = null;
        }
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        var about = body.Str("involvedObject", "namespace");
        if (about.Length > 0 ? about != body.Namespace() : body.Namespace() is not ("default" or "kube-system"))
            causes.Invalid("involvedObject.namespace", about, "does not match event.namespace");
    }
}

/// <summary>Roles and bindings: any name that is a valid path segment.</summary>
internal sealed class RbacRules : KindRules
{
    public override string? CheckName(string name) => NameRules.PathSegment(name);

    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
        if (!JsonAccess.Same(body["roleRef"], old["roleRef"]))
            causes.Invalid("roleRef", body["roleRef"], "cannot change roleRef");
    }

    public override void Default(JsonObject body)
    {
        body.Obj("roleRef")?.Default("apiGroup", "rbac.authorization.k8s.io");
        foreach (var subject in body.Items("subjects"))
        {
            if (subject.Str("kind") is "User" or "Group")
                subject.Default("apiGroup", "rbac.authorization.k8s.io");
        }
    }
}

/// <summary>Kinds with a spec and a status but no further rules.</summary>
internal sealed class SpecAndStatusRules(bool hasGeneration) : KindRules
{
    public override bool HasGeneration => hasGeneration;

    public override void Default(JsonObject body)
    {
        body.Ensure("spec");
        body.Ensure("status");
    }
}

internal sealed class ServiceAccountRules : KindRules
{
    public override bool ReturnsDeleted => true;
}

internal sealed class ControllerRevisionRules : KindRules
{
    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
        if (!JsonAccess.Same(body["data"], old["data"]))
            causes.Invalid("data", body["data"], "field is immutable");
    }
}

/// <summary>PersistentVolumeClaims: the API server's defaults.</summary>
internal sealed class ClaimRules : KindRules
{
    public override bool ReturnsDeleted => true;

    public override void Default(JsonObject body)
    {
        body.Ensure("spec").Default("volumeMode", "Filesystem");
        body.Ensure("status").Default("phase", "Pending");
    }
}
