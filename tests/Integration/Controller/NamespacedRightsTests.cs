using System.Text.Json.Nodes;
using CvManager.Installation;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>A controller for two namespaces with only the permissions of a namespaced installation, checked with the audit log.</summary>
public sealed class NamespacedRightsTests
{
    private const string Former = "aaaaaa1";
    private const string Next = "aaaaaa2";

    [Fact]
    public async Task A_role_in_each_namespace_is_sufficient_and_every_rule_of_it_is_used()
    {
        await using var first = await Scene.CreateAsync("roles-a", Former, Next);
        await using var second = await Scene.CreateOnAsync(Servers.RegistryWithLogin, "roles-b", Former);
        var own = $"cvmanager-{Guid.NewGuid().ToString("N")[..6]}";
        var installed = await ControllerAccount.ApplyAsync(
            new InstallationOptions { Namespace = own, WatchedNamespaces = [first.Namespace, second.Namespace] }
        );
        using var login = await TemporaryLogin.CreateAsync(first.Cluster, own, "cvmanager", TestContext.Current.CancellationToken);

        first.MoveTag(Former);
        await first.ApplyAsync(SevenKindsTests.Workloads(await first.CronJobApiVersionAsync()));
        foreach (var kind in SevenKindsTests.Kinds)
            await first.ApplyAsync(
                SevenKindsTests.Resource(kind, kind == "deployment" ? "verify: [{kind: Image, image: tests, tag: demo}]" : "")
            );
        await second.KubeCtlAsync(
            "create",
            "secret",
            "docker-registry",
            "regcred",
            $"--docker-server={Servers.RegistryWithLogin}",
            $"--docker-username={Servers.RegistryUser}",
            $"--docker-password={Servers.RegistryPassword}"
        );
        await second.ApplyAsync(BlueGreen);
        await using var controller = ControllerProcess.StartIn([first.Namespace, second.Namespace], own, login.KubeConfig);
        await Task.WhenAll(
            SevenKindsTests.Kinds.Select(kind => first.UntilSuccessAsync(kind, Former)).Append(second.UntilSuccessAsync("app", Former))
        );

        first.MoveTag(Next);
        await second.PushAsync(Next);
        await Task.WhenAll(
            SevenKindsTests.Kinds.Select(kind => first.UntilSuccessAsync(kind, Next)).Append(second.UntilSuccessAsync("app", Next))
        );
        await controller.TerminateAsync();

        var requests = await RequestsAsync($"system:serviceaccount:{own}:cvmanager");
        Assert.Empty(requests.Where(one => one["responseStatus"]?["code"]?.GetValue<int>() == 403).Select(Describe));
        Assert.Empty(
            requests
                .Where(one =>
                    one["objectRef"]?["resource"] is not null && one["objectRef"]!["namespace"]?.GetValue<string>() is not { Length: > 0 }
                )
                .Select(Describe)
        );
        HashSet<string> used = [.. requests.Select(Right)];
        var role = installed.First(item => item["kind"]!.GetValue<string>() == "Role");
        List<string> unused = [];
        foreach (var rule in role["rules"]!.AsArray())
        {
            foreach (var resource in rule!["resources"]!.AsArray().Select(name => name!.GetValue<string>()))
            {
                var right = $"{rule["apiGroups"]![0]} {resource}";
                if (!rule["verbs"]!.AsArray().Any(verb => used.Contains($"{right} {verb}")))
                    unused.Add(right);
            }
        }

        Assert.Empty(unused);
    }

    private static string Right(JsonObject request) =>
        $"{request["objectRef"]?["apiGroup"]} {request["objectRef"]?["resource"]}"
        + $"{(request["objectRef"]?["subresource"] is { } sub ? $"/{sub}" : "")} {request["verb"]}";

    private static string Describe(JsonObject request) => $"{request["verb"]} {request["requestURI"]}";

    private static async Task<IReadOnlyList<JsonObject>> RequestsAsync(string user)
    {
        List<JsonObject> requests = [];
        using StreamReader reader = new(new FileStream(Servers.AuditLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            if (
                line.EndsWith('}')
                && line.Contains(user, StringComparison.Ordinal)
                && JsonNode.Parse(line) is JsonObject entry
                && entry["user"]?["username"]?.GetValue<string>() == user
            )
                requests.Add(entry);
        }

        Assert.NotEmpty(requests);
        return requests;
    }

    private static string BlueGreen =>
        Manifests.Documents(
            Colour("blue", 1),
            Colour("green", 0),
            """
            apiVersion: v1
            kind: Service
            metadata: {name: app}
            spec: {selector: {app: app, colour: blue}, ports: [{port: 80}]}
            """,
            Manifests.ContainerVersion(
                "versionPolicy: {regex: 'aaaaaa([0-9])'}",
                spec: """
                config: {name: app-version},
                strategy: {kind: ServiceBlueGreen, blueGreen: {serviceName: app, labelNames: [colour], scaleDownDelaySeconds: 1} }
                """
            )
        );

    private static string Colour(string colour, int replicas) =>
        Manifests.Workload(
            Former,
            colour,
            "app",
            spec: $"replicas: {replicas}",
            labels: $"colour: {colour}",
            pod: "imagePullSecrets: [{name: regcred}]"
        );
}
