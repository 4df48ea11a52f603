using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text.RegularExpressions;
using Semver;

namespace CvManager.Resources;

/// <summary>
/// An npm version range (commas are allowed in place of spaces), and how to find the highest tag in it. Supports tags as used in practice:
/// semantic versions with or without <c>v</c>, with <c>_</c> for <c>+</c> (tags cannot contain a plus sign), calendar versions with leading
/// zeros, and two to four numbers. Immutable, thread-safe.
/// </summary>
internal sealed partial class VersionRange
{
    private readonly SemVersionRange _range;
    private readonly SemVersionRange _withPrereleases;
    private readonly bool _wantsPrereleases;

    private VersionRange(SemVersionRange range, SemVersionRange withPrereleases, bool wantsPrereleases)
    {
        _range = range;
        _withPrereleases = withPrereleases;
        _wantsPrereleases = wantsPrereleases;
    }

    public static bool TryParse(string text, [NotNullWhen(true)] out VersionRange? range)
    {
        var npm = VersionPrefix().Replace(text.Replace(',', ' '), "");
        range =
            SemVersionRange.TryParseNpm(npm, out var plain) && SemVersionRange.TryParseNpm(npm, includeAllPrerelease: true, out var all)
                ? new VersionRange(plain, all, PrereleaseInRange().IsMatch(npm))
                : null;
        return range is not null;
    }

    /// <summary>The tag with the highest version in the range; null if there is none.</summary>
    /// <param name="tags">All tags of the repository.</param>
    /// <param name="why">Why there is none; empty if there is one.</param>
    public string? Highest(IEnumerable<string> tags, out string why)
    {
        List<Number> numbers = [.. tags.Select(Number.Parse).OfType<Number>()];
        // If every version has a numeric suffix, the suffix is a build or package number and not a prerelease.
        if (numbers.Count > 0 && numbers.TrueForAll(n => n.HasRevisionSuffix))
            numbers = numbers.ConvertAll(n => n.WithSuffixAsRevision());
        why = "";
        if (numbers.Where(Contains).Max() is { } highest)
            return highest.Tag;
        List<string> prereleases =
        [
            .. numbers
                .Where(n =>
                    n.Version.IsPrerelease && _withPrereleases.Contains(n.Version) && _range.Contains(n.Version.WithoutPrerelease())
                )
                .Order()
                .Select(n => n.Tag),
        ];
        why = (numbers.Count, prereleases.Count) switch
        {
            (0, _) => "None of them is a version number (an optional 'v', two to four numbers separated by dots, an optional suffix).",
            (_, > 0) =>
                $"Only prereleases are in the range ({Counted.Of(numbers.Count, "version number")} in all), such as '{prereleases[^1]}'. "
                    + "To allow prereleases, use one as a bound of the range, for example '>=1.0.0-0'.",
            _ =>
                $"No version number is in the range ({Counted.Of(numbers.Count, "version number")} in all); the highest is '{numbers.Max()!.Tag}'.",
        };
        return null;
    }

    /// <summary>Unlike npm, a range with a prerelease in a bound includes all prereleases between its bounds.</summary>
    private bool Contains(Number number) =>
        _range.Contains(number.Version)
        || (
            _wantsPrereleases
            && number.Version.IsPrerelease
            && _withPrereleases.Contains(number.Version)
            && _range.Contains(number.Version.WithoutPrerelease())
        );

    [GeneratedRegex(@"(?<![0-9A-Za-z.+-])[vV](?=[0-9])", RegexOptions.CultureInvariant)]
    private static partial Regex VersionPrefix();

    [GeneratedRegex(@"[0-9]-[0-9A-Za-z]", RegexOptions.CultureInvariant)]
    private static partial Regex PrereleaseInRange();

    /// <summary>A tag that is a version number. Of two equal versions, the one in standard semantic versioning syntax is greater.</summary>
    private sealed partial record Number(string Tag, SemVersion Version, BigInteger Fourth, BigInteger Revision) : IComparable<Number>
    {
        public bool HasRevisionSuffix => Version.PrereleaseIdentifiers is [{ NumericValue: not null }];

        public Number WithSuffixAsRevision() =>
            this with
            {
                Version = Version.WithoutPrerelease(),
                Revision = Version.PrereleaseIdentifiers[0].NumericValue!.Value,
            };

        public static Number? Parse(string tag)
        {
            var match = Parts().Match(tag);
            if (!match.Success)
                return null;
            var third = match.Groups["third"] is { Success: true } patch ? patch.Value : "0";
            var suffix = match.Groups["pre"].Value;
            // Tags cannot contain a plus sign: an underscore replaces it.
            if (match.Groups["build"] is { Success: true } build)
                suffix += "+" + build.Value.Replace('_', '-');
            return SemVersion.TryParse(
                $"{match.Groups["first"].Value}.{match.Groups["second"].Value}.{third}{suffix}",
                SemVersionStyles.Any,
                out var version
            )
                ? new Number(
                    tag,
                    version,
                    match.Groups["fourth"] is { Success: true } fourth
                        ? BigInteger.Parse(fourth.Value, System.Globalization.CultureInfo.InvariantCulture)
                        : -1,
                    -1
                )
                : null;
        }

        public int CompareTo(Number? other)
        {
            if (other is null)
                return 1;
            var order = Version.WithoutPrereleaseOrMetadata().ComparePrecedenceTo(other.Version.WithoutPrereleaseOrMetadata());
            order = order != 0 ? order : Fourth.CompareTo(other.Fourth);
            order = order != 0 ? order : Version.ComparePrecedenceTo(other.Version);
            order = order != 0 ? order : Revision.CompareTo(other.Revision);
            order = order != 0 ? order : Version.CompareSortOrderTo(other.Version);
            order = order != 0 ? order : other.Tag.Length.CompareTo(Tag.Length);
            return order != 0 ? order : string.CompareOrdinal(other.Tag, Tag);
        }

        [GeneratedRegex(
            @"\A[vV]?(?<first>[0-9]+)\.(?<second>[0-9]+)(?:\.(?<third>[0-9]+)(?:\.(?<fourth>[0-9]+))?)?(?<pre>-[0-9A-Za-z.-]+)?(?:_(?<build>[0-9A-Za-z._-]+))?\z",
            RegexOptions.CultureInvariant
        )]
        private static partial Regex Parts();
    }
}
