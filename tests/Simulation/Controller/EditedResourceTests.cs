using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>A resource is changed by a user, also during a rollout.</summary>
public sealed class EditedResourceTests : ControllerStage
{
    public static TheoryData<string, string, string, string> Nonsense =>
        new()
        {
            { """{"versionSyntax":"["}""", """{"versionSyntax":"v[0-9]+(-[a-z]+)?"}""", "InvalidSpec", "spec.versionSyntax" },
            { """{"tag":"nope"}""", """{"tag":"demo"}""", "TagNotFound", "nope" },
            { """{"versionSyntax":"release-[0-9]+"}""", """{"versionSyntax":"v[0-9]+(-[a-z]+)?"}""", "VersionNotFound", "release-[0-9]+" },
            { """{"container":{"name":"nobody"}}""", """{"container":{"name":"main"}}""", "ContainerNotFound", "side" },
            { """{"selector":{"cvapp":"nobody"}}""", """{"selector":{"cvapp":"app"}}""", "WorkloadNotFound", "cvapp=nobody" },
            { """{"pinVersion":"v99"}""", """{"pinVersion":null}""", "VersionNotFound", "v99" },
            { """{"strategy":{"kind":"ServiceBlueGreen"}}""", """{"strategy":null}""", "InvalidSpec", "spec.strategy.blueGreen" },
            {
                """{"strategy":{"kind":"ServiceBlueGreen","blueGreen":{"serviceName":"nobody","labelNames":["colour"]}}}""",
                """{"strategy":null}""",
                "BlueGreenIncomplete",
                "Deployment/app"
            },
        };

    [Theory]
    [MemberData(nameof(Nonsense))]
    public async Task A_resource_that_is_edited_to_an_invalid_one_is_Stalled_and_continues_after_it_is_corrected(
        string nonsense,
        string corrected,
        string reason,
        string mention
    )
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Start();
        await SettlesAsync("v1");

        await EditAsync(nonsense);
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Status == "True",
            TimeSpan.FromMinutes(2),
            "it says what is wrong"
        );
        (_, var actual, var message) = await ConditionAsync("Stalled");
        Assert.Equal(reason, actual);
        Assert.Contains(mention, message, StringComparison.Ordinal);
        await StaysQuietAsync();
        Assert.Equal(["default/app v1"], Images);

        await EditAsync(corrected);
        await SettlesAsync("v2");
        await StaysQuietAsync();
    }

    [Theory]
    [MemberData(nameof(Nonsense))]
    public async Task A_resource_that_is_edited_to_an_invalid_one_during_a_rollout_ends_it(
        string nonsense,
        string corrected,
        string reason,
        string mention
    )
    {
        await CreateDeploymentAsync(replicas: 3);
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );

        await EditAsync(nonsense);
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Status == "True",
            TimeSpan.FromMinutes(5),
            "it says what is wrong"
        );
        (_, var actual, var message) = await ConditionAsync("Stalled");
        Assert.Equal(reason, actual);
        Assert.Contains(mention, message, StringComparison.Ordinal);
        var changes = Images.Count;
        MoveTag("v3");
        await StaysQuietAsync();
        Assert.Equal(changes, Images.Count);

        await EditAsync(corrected);
        await SettlesAsync("v3");
        await StaysQuietAsync();
        Assert.DoesNotContain("Exception", string.Concat(Log.Events), StringComparison.Ordinal);
    }
}
