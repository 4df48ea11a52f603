namespace CvManager.Registries.Oci;

/// <summary>What a request needs the right to, in the words of the token scopes of the distribution project.</summary>
internal enum RegistryAccess
{
    Pull,
    Push,
    Delete,
}

internal static class RegistryAccessActions
{
    /// <summary>The actions to ask for. Who pushes also reads.</summary>
    public static string[] Actions(this RegistryAccess access) =>
        access switch
        {
            RegistryAccess.Push => ["pull", "push"],
            RegistryAccess.Delete => ["delete"],
            _ => ["pull"],
        };

    /// <summary>The right that is missing when the registry refuses.</summary>
    public static string Permission(this RegistryAccess access) => access.Actions()[^1];
}
