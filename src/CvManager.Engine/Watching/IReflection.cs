namespace CvManager.Watching;

/// <summary>The store of a <see cref="Reflector{T}"/>. A reflector never makes two calls at the same time.</summary>
internal interface IReflection<T>
{
    /// <summary>Replaces the contents: objects that are not in the list no longer exist.</summary>
    void Replace(IReadOnlyList<T> all);

    /// <summary>An object was added or changed.</summary>
    void Set(T item);

    /// <summary>An object was deleted, or is no longer selected.</summary>
    void Remove(T item);

    /// <summary>An object exists but could not be parsed: it counts as absent.</summary>
    /// <param name="key">namespace/name.</param>
    void Skip(string key);

    /// <summary>The stored objects may be stale because permission to read them is missing; null when they can be read again.</summary>
    void Blocked(CvException? why);
}
