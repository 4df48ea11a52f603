namespace CvManager.Support.Resources;

/// <summary>
/// YAML manifests of workloads and of the ContainerVersion that updates them: the least that an API server accepts. Additional fields are
/// in flow style (<c>replicas: 3, minReadySeconds: 1</c>). REPO stands for the repository.
/// </summary>
internal static class Manifests
{
    /// <summary>A workload of apps/v1 with the container main, whose image is REPO with a version.</summary>
    /// <param name="cvapp">The label by which a ContainerVersion selects it, and the label app of its pods; its name if null.</param>
    /// <param name="spec">Fields of its spec.</param>
    /// <param name="labels">Labels of its pods, in addition to app.</param>
    /// <param name="pod">Fields of the spec of its pods.</param>
    /// <param name="container">Fields of the container.</param>
    public static string Workload(
        string version,
        string name = "app",
        string? cvapp = null,
        string kind = "Deployment",
        string spec = "",
        string labels = "",
        string pod = "",
        string container = ""
    )
    {
        var podLabels = $"{{app: {cvapp ?? name}{And(labels)}}}";
        return $$$"""
            apiVersion: apps/v1
            kind: {{{kind}}}
            metadata: {name: {{{name}}}, labels: {cvapp: {{{cvapp ?? name}}} } }
            spec:
              { selector: {matchLabels: {{{podLabels}}} }, template: {
                metadata: {labels: {{{podLabels}}} },
                spec: {containers: [{name: main, image: "REPO:{{{version}}}"{{{And(container)}}} }]{{{And(pod)}}} }
              }{{{And(spec)}}} }
            """;
    }

    /// <summary>A ContainerVersion for the container main of the workloads with its name in their label cvapp.</summary>
    /// <param name="follow">What it follows, such as <c>tag: demo</c>.</param>
    /// <param name="container">Fields of spec.container.</param>
    /// <param name="spec">Fields of its spec.</param>
    public static string ContainerVersion(string follow, string name = "app", string container = "", string spec = "") =>
        $$$"""
            apiVersion: custom.k8s.io/v1
            kind: ContainerVersion
            metadata: {name: {{{name}}} }
            spec:
              { imageRepo: REPO, {{{follow}}}, pollIntervalSeconds: 5, selector: {cvapp: {{{name}}} },
                container: {name: main{{{And(container)}}} }{{{And(spec)}}} }
            """;

    /// <summary>One document per manifest.</summary>
    public static string Documents(params string[] manifests) => string.Join("\n---\n", manifests);

    private static string And(string fields) => fields.Length == 0 ? "" : ", " + fields;
}
