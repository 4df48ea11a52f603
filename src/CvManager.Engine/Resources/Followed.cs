namespace CvManager.Resources;

/// <summary>
/// What a resource follows: a moving tag, or a policy that selects one of the version tags. Immutable; compared by value.
/// </summary>
public abstract record Followed
{
    private protected Followed() { }

    /// <summary>The text in <c>status.latest.tag</c>. A tag cannot contain a colon, so that no tag has the text of a policy.</summary>
    public abstract override string ToString();

    public static Followed Of(ContainerVersionSpec spec) =>
        spec.VersionPolicy switch
        {
            null => new FollowedTag(spec.Tag ?? ""),
            { Semver: { } range } => new SemverPolicy(range),
            { Regex: { } expression } policy => new RegexPolicy(expression, policy.Order ?? VersionPolicySpec.Numeric),
            _ => new NewestPolicy(spec.VersionSyntax),
        };
}

/// <summary>A moving tag.</summary>
public sealed record FollowedTag(string Name) : Followed
{
    public override string ToString() => Name;
}

/// <summary>A policy requires listing the tags of the repository.</summary>
public abstract record FollowedPolicy : Followed
{
    private protected FollowedPolicy() { }
}

/// <summary>See <see cref="VersionPolicySpec.Semver"/>.</summary>
public sealed record SemverPolicy(string Range) : FollowedPolicy
{
    public override string ToString() => $"semver:{Range}";
}

/// <summary>See <see cref="VersionPolicySpec.Regex"/> and <see cref="VersionPolicySpec.Order"/>.</summary>
public sealed record RegexPolicy(string Expression, string Order) : FollowedPolicy
{
    public override string ToString() => $"regex/{Order}:{Expression}";
}

/// <summary>See <see cref="VersionPolicySpec.Newest"/>.</summary>
/// <param name="VersionSyntax">Null for the default.</param>
public sealed record NewestPolicy(string? VersionSyntax) : FollowedPolicy
{
    // A single asterisk is not a valid regular expression.
    public override string ToString() => $"newest:{VersionSyntax ?? "*"}";
}
