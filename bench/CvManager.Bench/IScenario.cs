namespace CvManager.Bench;

/// <summary>Something that is measured, beside a named peer where there is one.</summary>
internal interface IScenario
{
    /// <summary>What it is called on the command line.</summary>
    string Name { get; }

    /// <summary>What is measured, and what the environment must have.</summary>
    string Description { get; }

    /// <summary>What the number on the command line means.</summary>
    string Number { get; }

    /// <summary>The number where none is given.</summary>
    int DefaultNumber { get; }

    /// <summary>Measures. Contestants run in turns, so that they meet the same machine.</summary>
    Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken);
}
