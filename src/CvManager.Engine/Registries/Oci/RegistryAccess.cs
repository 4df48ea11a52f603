namespace CvManager.Registries.Oci;

/// <summary>The access that a request requires, as in the token scopes of the distribution project.</summary>
internal enum RegistryAccess
{
    Pull,
    Push,
    Delete,
}

internal static class RegistryAccessActions
{
    /// <summary>The actions of the token scope. Pushing includes pulling.</summary>
    public static string[] Actions(this RegistryAccess access) =>
        access switch
        {
            RegistryAccess.Push => ["pull", "push"],
            RegistryAccess.Delete => ["delete"],
            _ => ["pull"],
        };

    /// <summary>The permission that is missing if the registry denies access.</summary>
    public static string Permission(this RegistryAccess access) => access.Actions()[^1];
}
