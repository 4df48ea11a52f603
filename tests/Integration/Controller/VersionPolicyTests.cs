using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>Version policies, in place of a tag, on the real registry and control plane.</summary>
public sealed class VersionPolicyTests
{
    [Theory]
    [InlineData("semver: '>=1.2 <2'", "1.10.0")]
    [InlineData("regex: '^main-([0-9]+)$'", "main-12")]
    public async Task The_version_that_a_policy_selects_is_rolled_out_and_the_next_one_after_it_is_pushed(string policy, string next)
    {
        await using var scene = await Scene.CreateAsync("policy", "1.2.0", "2.0.0", "main-9");
        await scene.ApplyAsync(Manifests.Documents(Manifests.Workload("0"), Manifests.ContainerVersion($"versionPolicy: {{{policy}}}")));
        await using var controller = ControllerProcess.Start(scene.Namespace);
        await scene.UntilStatusAsync("app", status => status["currStatus"]?.GetValue<string>() == "Success");

        await scene.PushAsync(next);

        await scene.UntilSuccessAsync("app", next);
    }
}
