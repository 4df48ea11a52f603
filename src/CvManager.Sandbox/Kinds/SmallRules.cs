using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Kinds;

/// <summary>Leases: leader election depends on their being refused when they make no sense.</summary>
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

/// <summary>Events: written in two forms, and overwritten to count.</summary>
internal sealed class EventRules : KindRules
{
    public override bool CreatesOnUpdate => true;

    public override void Default(JsonObject body)
    {
        body.Default("reportingComponent", "");
        body.Default("reportingInstance", "");
        body.Default("source", new JsonObject());
        foreach (string field in (string[])["firstTimestamp", "lastTimestamp", "eventTime"])
        {
            if (!body.ContainsKey(field))
                body[field] = null;
        }
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        string about = body.Str("involvedObject", "namespace");
        if (about.Length > 0 ? about != body.Namespace() : body.Namespace() is not ("default" or "kube-system"))
            causes.Invalid("involvedObject.namespace", about, "does not match event.namespace");
    }
}

/// <summary>Roles and bindings may be called anything that fits into a path.</summary>
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

/// <summary>Kinds with a specification and a status, and nothing more to say.</summary>
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

/// <summary>Endpoints may be made by a PUT.</summary>
internal sealed class EndpointsRules : KindRules
{
    public override bool CreatesOnUpdate => true;
}

/// <summary>Claims: what the API server itself fills in.</summary>
internal sealed class ClaimRules : KindRules
{
    public override bool ReturnsDeleted => true;

    public override void Default(JsonObject body)
    {
        body.Ensure("spec").Default("volumeMode", "Filesystem");
        body.Ensure("status").Default("phase", "Pending");
    }
}

/// <summary>Nodes are not confined to DNS labels, and have a status that others patch.</summary>
internal sealed class NodeRules : KindRules
{
    public override void Default(JsonObject body)
    {
        body.Ensure("spec");
        body.Ensure("status");
    }
}
