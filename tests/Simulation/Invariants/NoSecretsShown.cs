using System.Text;

namespace CvManager.Simulation.Invariants;

/// <summary>No secret appears in a log, an event, a status or a ConfigMap.</summary>
internal sealed class NoSecretsShown : Invariant
{
    private static readonly string Encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Names.User}:{Names.Password}"));

    public override int Number => 12;

    public static bool IsSecret(string text) =>
        text.Contains(Names.Password, StringComparison.Ordinal) || text.Contains(Encoded, StringComparison.Ordinal);

    public override IEnumerable<string> Check(History history) =>
        history.Leaks.Concat(
            history
                .Changes.Where(c => c.IsOurs && c.Change.After is { } after && IsSecret(after.ToJsonString()))
                .Select(c => $"{c} shows the password")
        );
}
