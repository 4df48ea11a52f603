using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

internal sealed class JobRules : KindRules
{
    public override bool HasGeneration => true;

    public override string DefaultPropagation => "Orphan";

    public override void Default(JsonObject body)
    {
        var spec = body.Ensure("spec");
        DefaultSpec(spec);
        body.Ensure("status");
    }

    public static void DefaultSpec(JsonObject spec)
    {
        PodTemplates.DefaultTemplate(spec.Obj("template"));
        if (spec["completions"] is null && spec["parallelism"] is null)
            spec["completions"] = 1L;
        spec.Default("parallelism", 1L);
        spec.Default("backoffLimit", 6L);
        spec.Default("completionMode", "NonIndexed");
        spec.Default("suspend", false);
        spec.Default("podReplacementPolicy", "TerminatingOrFailed");
    }

    /// <summary>Sets the selector and the matching pod labels, unless manualSelector is set.</summary>
    public override void PrepareForCreate(JsonObject body)
    {
        var spec = body.Ensure("spec");
        if (spec.Bool("manualSelector"))
            return;
        var labels = spec.Ensure("template", "metadata", "labels");
        var uid = body.Uid();
        labels.Default("controller-uid", uid);
        labels.Default("batch.kubernetes.io/controller-uid", uid);
        labels.Default("job-name", body.Name());
        labels.Default("batch.kubernetes.io/job-name", body.Name());
        spec.Ensure("selector", "matchLabels").Default("batch.kubernetes.io/controller-uid", uid);
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        var spec = body.Ensure("spec");
        ValidateSpec(spec, "spec", causes);
        if (spec.Bool("manualSelector"))
            SelectorRules.Validate(body, "job", causes);
    }

    public static void ValidateSpec(JsonObject spec, string path, CauseList causes)
    {
        foreach (var field in (string[])["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"])
            PodTemplates.NotNegative(spec, field, path, causes);
        if (spec.Str("completionMode") is var mode and not ("NonIndexed" or "Indexed"))
            causes.NotSupported($"{path}.completionMode", mode, "NonIndexed", "Indexed");
        if (spec.Str("template", "spec", "restartPolicy") is "" && spec.Obj("template") is null)
            causes.Required($"{path}.template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\"");
        PodTemplates.ValidateTemplate(spec.Obj("template") ?? [], $"{path}.template", causes, mayFinish: true);
    }

    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
        SelectorRules.ValidateUnchanged(body, old, causes);
        if (!JsonAccess.Same(body.At("spec", "template"), old.At("spec", "template")))
            causes.InvalidPrinted(
                "spec.template",
                "core.PodTemplateSpec{" + JsonText.Text(body.At("spec", "template")) + "}",
                "field is immutable"
            );
        foreach (var field in (string[])["completions", "completionMode"])
        {
            if (!JsonAccess.Same(body.At("spec", field), old.At("spec", field)))
                causes.Invalid($"spec.{field}", body.At("spec", field), "field is immutable");
        }
    }
}

internal sealed class CronJobRules : KindRules
{
    /// <summary>Leaves room for the 11 characters appended to job names, which must fit into 63 characters.</summary>
    private const int NameLimit = 52;

    public override bool HasGeneration => true;

    public override void Default(JsonObject body)
    {
        var spec = body.Ensure("spec");
        spec.Default("concurrencyPolicy", "Allow");
        spec.Default("suspend", false);
        spec.Default("successfulJobsHistoryLimit", 3L);
        spec.Default("failedJobsHistoryLimit", 1L);
        if (spec.Obj("jobTemplate") is JsonObject template)
        {
            var meta = template.Ensure("metadata");
            if (!meta.ContainsKey("creationTimestamp"))
                meta["creationTimestamp"] = null;
            if (template.Obj("spec") is JsonObject job)
                PodTemplates.DefaultTemplate(job.Obj("template"));
        }
        body.Ensure("status");
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        if (body.Name().Length > NameLimit)
            causes.Invalid("metadata.name", body.Name(), $"must be no more than {NameLimit} characters");
        var spec = body.Ensure("spec");
        var schedule = spec.Str("schedule");
        if (schedule.Length == 0)
            causes.Required("spec.schedule");
        else if (CronSchedule.Problem(schedule) is string problem)
            causes.Invalid("spec.schedule", schedule, problem);
        if (spec.Str("timeZone") is { Length: > 0 } zone && CronSchedule.Zone(zone) is null)
            causes.Invalid("spec.timeZone", zone, $"unknown time zone {zone}");
        if (spec.Str("concurrencyPolicy") is var policy and not ("Allow" or "Forbid" or "Replace"))
            causes.NotSupported("spec.concurrencyPolicy", policy, "Allow", "Forbid", "Replace");
        var job = (spec.Obj("jobTemplate", "spec") ?? []).Clone();
        job.Default("completionMode", "NonIndexed");
        JobRules.ValidateSpec(job, "spec.jobTemplate.spec", causes);
    }
}
