using System.Reflection;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace CvManager.Pester;

/// <summary>Provides the outcomes of the Pester tests in the file with the name of the theory (<c>Module</c>: Module.Tests.ps1).</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PesterFileAttribute : DataAttribute
{
    public const string Suffix = ".Tests.ps1";

    public override async ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        var outcomes = await PesterFile.RunAsync(
            Path.Combine(PesterFile.Folder, testMethod.Name + Suffix),
            PesterFile.Limit,
            TestContext.Current.CancellationToken
        );
        return
        [
            .. outcomes.Select(outcome => new TheoryDataRow<PesterOutcome>(outcome)
            {
                TestDisplayName = $"{testMethod.Name}: {outcome.Name}",
                Skip = outcome.Result is "Skipped" ? outcome.Message : null,
            }),
        ];
    }

    /// <summary>Pester runs during execution of the tests, not during discovery.</summary>
    public override bool SupportsDiscoveryEnumeration() => false;
}
