namespace CvManager.Watching;

/// <summary>Where a <see cref="Reflector{T}"/> keeps what it sees. Called by one reflector at a time, never at the same time by the same one.</summary>
internal interface IReflection<T>
{
    /// <summary>All that there is now: what is not among it is gone.</summary>
    void Replace(IReadOnlyList<T> all);

    /// <summary>One object is new, or another than before.</summary>
    void Set(T item);

    /// <summary>One object is gone, or no longer selected.</summary>
    void Remove(T item);

    /// <summary>One object is there, but could not be read: it counts as not being there.</summary>
    /// <param name="key">namespace/name.</param>
    void Skip(string key);

    /// <summary>What there is may be another by now, and cannot be known, for a right that is missing; null once it is known again.</summary>
    void Blocked(CvException? why);
}
