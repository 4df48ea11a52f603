namespace CvManager.Bench;

/// <summary>A benchmark, which compares CvManager with a named peer if there is one.</summary>
internal interface IScenario
{
    /// <summary>The name on the command line.</summary>
    string Name { get; }

    /// <summary>What it measures, and its prerequisites.</summary>
    string Description { get; }

    /// <summary>The meaning of the number on the command line.</summary>
    string Number { get; }

    /// <summary>The default number.</summary>
    int DefaultNumber { get; }

    /// <summary>Runs the benchmark. Contestants alternate, so that they run under the same conditions.</summary>
    Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken);
}
