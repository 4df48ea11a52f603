using System.Text;

namespace CvManager.Registries.Credentials;

/// <summary>
/// The logins of a text, such as the key <c>.dockerconfigjson</c> of an image pull secret. Helper programs that it may name are not run:
/// whoever writes a Secret has no programs of ours to start.
/// </summary>
public sealed class DockerConfigText : ICredentialSource
{
    private readonly DockerConfig _config;
    private readonly string _source;

    /// <param name="source">What the text is of, for errors: <c>Secret default/regcred</c>.</param>
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
