namespace CvManager.Bench;

/// <summary>Something that is timed beside a named peer, in one run.</summary>
internal interface IScenario
{
    /// <summary>What it is called on the command line.</summary>
    string Name { get; }

    /// <summary>What is compared, and what the environment must have.</summary>
    string Description { get; }

    /// <summary>Runs the contestants in turns, so that both meet the same machine.</summary>
    Task<IReadOnlyList<Measurement>> RunAsync(int repetitions, CancellationToken cancellationToken);
}

/// <summary>What one contestant took.</summary>
/// <param name="Contestant">Its name, as the table shows it.</param>
/// <param name="Times">One for each repetition.</param>
/// <param name="Requests">Requests to the server for one repetition, counted apart from the timing; null where they are not.</param>
internal sealed record Measurement(string Contestant, IReadOnlyList<TimeSpan> Times, double? Requests)
{
    /// <summary>The smallest time that is not exceeded by that part of all (nearest rank).</summary>
    /// <param name="part">More than 0, at most 1: 0.5 is the median.</param>
    public TimeSpan Percentile(double part) => Times.Order().ElementAt((int)Math.Ceiling(part * Times.Count) - 1);
}
