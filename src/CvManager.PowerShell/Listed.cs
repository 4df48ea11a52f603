using System.Collections.ObjectModel;
using System.Runtime.CompilerServices;

namespace CvManager.PowerShell;

/// <summary>A list in an output object: an array in JSON, and <c>a; b</c> as text, which is what ConvertTo-Csv shows.</summary>
[CollectionBuilder(typeof(Listed), nameof(Listed.Create))]
public sealed class Listed<T> : ReadOnlyCollection<T>
{
    internal Listed(IList<T> items)
        : base(items) { }

    public override string ToString() => string.Join("; ", this);
}

/// <summary>Creates lists, so that <c>[.. items]</c> does.</summary>
public static class Listed
{
    public static Listed<T> Create<T>(ReadOnlySpan<T> items) => new(items.ToArray());
}
