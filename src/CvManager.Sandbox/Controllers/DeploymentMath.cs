using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Replica counts, limits and template hashes of rollouts.</summary>
internal static class DeploymentMath
{
    public const string HashLabel = "pod-template-hash";
    public const string Revision = "deployment.kubernetes.io/revision";
    public const string DesiredReplicas = "deployment.kubernetes.io/desired-replicas";
    public const string MaxReplicas = "deployment.kubernetes.io/max-replicas";

    public static long Replicas(StoredObject item) => item.Body.Int("spec", "replicas") ?? 1;

    public static long Replicas(IEnumerable<StoredObject> sets) => sets.Sum(Replicas);

    public static long Status(StoredObject? set, string field) => set?.Body.Int("status", field) ?? 0;

    public static bool IsRolling(StoredObject deployment) => deployment.Body.Str("spec", "strategy", "type") == "RollingUpdate";

    public static long MaxSurge(StoredObject deployment) => IsRolling(deployment) ? Resolve(deployment, "maxSurge", roundUp: true) : 0;

    public static long MaxUnavailable(StoredObject deployment)
    {
        var replicas = Replicas(deployment);
        if (!IsRolling(deployment) || replicas == 0)
            return 0;
        var unavailable = Resolve(deployment, "maxUnavailable", roundUp: false);
        // With both rounded to 0, the rollout could not progress.
        if (unavailable == 0 && MaxSurge(deployment) == 0)
            unavailable = 1;
        return Math.Min(unavailable, replicas);
    }

    public static long? RevisionOf(StoredObject item) =>
        long.TryParse(item.Body.Annotations().Str(Revision), NumberStyles.None, CultureInfo.InvariantCulture, out var revision)
            ? revision
            : null;

    /// <summary>A short hash of a pod template and a collision count.</summary>
    public static string TemplateHash(JsonNode template, long? collisions)
    {
        var hash = 2166136261;
        foreach (var value in Encoding.UTF8.GetBytes(JsonText.Text(template) + collisions))
            hash = unchecked((hash ^ value) * 16777619);
        const string Letters = "bcdfghjklmnpqrstvwxz2456789";
        return string.Concat(hash.ToString(CultureInfo.InvariantCulture).Select(digit => Letters[digit % Letters.Length]));
    }

    /// <summary>Whether two pod templates are equal, ignoring the hash label.</summary>
    public static bool SameTemplate(JsonObject? left, JsonObject? right) => JsonAccess.Same(WithoutHash(left), WithoutHash(right));

    /// <summary>Resolves an absolute number or a percentage of the total, such as maxSurge or maxUnavailable.</summary>
    public static long Resolve(JsonNode? value, long total, bool roundUp)
    {
        if (value.AsInteger() is long number)
            return number;
        if (
            value.AsText() is not string text
            || !int.TryParse(text.TrimEnd('%'), NumberStyles.None, CultureInfo.InvariantCulture, out var percent)
        )
            return 0;
        return roundUp ? ((percent * total) + 99) / 100 : percent * total / 100;
    }

    private static long Resolve(StoredObject deployment, string field, bool roundUp) =>
        Resolve(deployment.Body.At("spec", "strategy", "rollingUpdate", field), Replicas(deployment), roundUp);

    private static JsonObject? WithoutHash(JsonObject? template)
    {
        if (template is null)
            return null;
        var copy = template.Clone();
        var labels = copy.Labels();
        labels?.Remove(HashLabel);
        if (labels is { Count: 0 })
            copy.Meta().Remove("labels");
        return copy;
    }
}
