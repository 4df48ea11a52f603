using System.Runtime.CompilerServices;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace CvManager.Pester;

/// <summary>Marks the test that gets the outcomes of all Pester tests: a test case for each file, a test for each Pester test.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(PesterFileDiscoverer))]
internal sealed class PesterFileAttribute([CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
    : FactAttribute(sourceFilePath, sourceLineNumber);

/// <summary>Finds the files of Pester tests.</summary>
internal sealed class PesterFileDiscoverer : IXunitTestCaseDiscoverer
{
    public ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions,
        IXunitTestMethod testMethod,
        IFactAttribute factAttribute
    )
    {
        var id = TestIntrospectionHelper.GetTestCaseDetails(discoveryOptions, testMethod, factAttribute).UniqueID;
        IReadOnlyCollection<IXunitTestCase> files =
        [
            .. Directory
                .GetFiles(PesterFile.Folder, "*" + PesterFile.Suffix)
                .Order(StringComparer.Ordinal)
                .Select(path => new PesterFileTestCase(testMethod, Path.GetFileName(path)[..^PesterFile.Suffix.Length], id)),
        ];
        return ValueTask.FromResult(files);
    }
}

/// <summary>
/// A file of Pester tests. It is run when its tests are created: that is during execution of the tests, not during discovery. The trait
/// <c>file</c> selects it.
/// </summary>
internal sealed class PesterFileTestCase : XunitDelayEnumeratedTheoryTestCase
{
    [Obsolete("Called by the deserializer.", error: true)]
    public PesterFileTestCase() { }

    public PesterFileTestCase(IXunitTestMethod testMethod, string file, string methodId)
        : base(testMethod, file, $"{methodId}:{file}", @explicit: false, skipTestWithoutData: false, traits: new() { ["file"] = [file] })
    { }

    public override async ValueTask<IReadOnlyCollection<IXunitTest>> CreateTests()
    {
        var outcomes = await PesterFile.RunAsync(
            Path.Combine(PesterFile.Folder, TestCaseDisplayName + PesterFile.Suffix),
            PesterFile.Limit,
            TestContext.Current.CancellationToken
        );
        return
        [
            .. outcomes.Select(
                (outcome, index) =>
                    new XunitTest(
                        this,
                        TestMethod,
                        @explicit: null,
                        skipReason: outcome.Result is "Skipped" ? outcome.Message : null,
                        skipType: null,
                        skipUnless: null,
                        skipWhen: null,
                        testDisplayName: $"{TestCaseDisplayName}: {outcome.Name}",
                        testIndex: index,
                        traits: Traits.ToDictionary(trait => trait.Key, trait => (IReadOnlyCollection<string>)trait.Value),
                        timeout: null,
                        testMethodArguments: [outcome],
                        testLabel: null,
                        disableParallelization: false
                    )
            ),
        ];
    }
}
