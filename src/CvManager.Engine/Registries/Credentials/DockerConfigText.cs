using System.Text;

namespace CvManager.Registries.Credentials;

/// <summary>
/// The credentials of a text, for example the key <c>.dockerconfigjson</c> of an image pull secret. Its credential helpers are not run: the
/// author of a Secret must not be able to start programs.
/// </summary>
public sealed class DockerConfigText : ICredentialSource
{
    private readonly DockerConfig _config;
    private readonly string _source;

    /// <param name="source">The source of the text for errors: <c>Secret default/regcred</c>.</param>
    /// <exception cref="CvException"><c>RegistryCredentialInvalid</c>.</exception>
    public DockerConfigText(string json, string source)
    {
        _source = source;
        _config = DockerConfig.Parse(Encoding.UTF8.GetBytes(json), source);
    }

    public ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_config.FindAll(repository, _source) is [{ } first, ..] ? first : null);

    public ValueTask<IReadOnlyList<RegistryCredential>> FindAllAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_config.FindAll(repository, _source));

    public override string ToString() => _source;
}
