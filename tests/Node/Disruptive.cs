using Xunit;
using Xunit.v3;

// The tests wait for the cluster most of the time.
[assembly: Parallelization(MaxThreads = 8)]

namespace CvManager.Node;

/// <summary>Tests that stop the controller or the API server. They run one after the other, after all others.</summary>
[CollectionDefinition(nameof(Disruptive), DisableParallelization = true)]
public sealed class Disruptive;
