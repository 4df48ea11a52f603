using CvManager.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>Kubeconfig files, as in clientcmd.</summary>
public sealed class KubeConfigFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_first_of_several_files_wins_for_entries_with_the_same_name()
    {
        var one = Write("one", "clusters: [{name: c, cluster: {server: 'https://one.test'}}]\nusers: [{name: u, user: {username: me}}]");
        var empty = Write("empty", "");
        var two = Write(
            "sub/two",
            """
            current-context: x
            clusters: [{name: c, cluster: {server: 'https://two.test', tls-server-name: n}}, {name: d, cluster: {certificate-authority: ca.crt}}]
            users: [{name: u, user: {password: pw}}, {name: v, user: {tokenFile: ../token, exec: {command: bin/plugin}}}, {name: w, user: {exec: {command: aws}}}]
            contexts: [{name: x, context: {cluster: c, user: u}}]
            """
        );
        var three = Write("three", "current-context: y\ncontexts: [{name: x, context: {cluster: d}}, {name: y}]");

        var config = KubeConfigFile.Read([one, empty, two, three]);

        Assert.Equal("x", config.CurrentContext);
        Assert.Equal(["c", "d"], config.Clusters!.Select(c => c.Name));
        Assert.Equal(("https://one.test", null), (config.Clusters![0].Cluster!.Server, config.Clusters[0].Cluster!.TlsServerName));
        Assert.Equal(("me", null), (config.Users![0].User!.Username, config.Users[0].User!.Password));
        Assert.Equal(["c", null], config.Contexts!.Select(c => c.Context?.Cluster));
        Assert.Equal(
            [Path.Combine(_folder, "sub", "ca.crt"), Path.Combine(_folder, "token"), Path.Combine(_folder, "sub", "bin", "plugin"), "aws"],
            [
                config.Clusters[1].Cluster!.CertificateAuthority,
                config.Users[1].User!.TokenFile,
                config.Users[1].User!.Exec!.Command,
                config.Users[2].User!.Exec!.Command,
            ]
        );
    }

    [Theory]
    [InlineData("a: &a [*a]")]
    [InlineData("users: [{name: u, user: {token: 987654321}}]")]
    [InlineData("users: [{name: u}, {name: u}]")]
    [InlineData("users: [null]")]
    [InlineData("kind: Deployment")]
    [InlineData("clusters: {c: {server: x}}")]
    [InlineData("[]")]
    [InlineData("")]
    public void An_invalid_kubeconfig_is_reported_with_its_file(string text)
    {
        var file = Write("bad", text);

        var error = Assert.Throws<CvException>(() => KubeConfigFile.Read([file]));

        Assert.Equal(("KubeConfigInvalid", file.FullName), (error.ErrorId, error.Target));
        Assert.DoesNotContain("987654321", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\ufeff")]
    [InlineData("# a comment\r\n")]
    public void Byte_order_marks_and_Windows_line_endings_are_supported(string before) =>
        Assert.Equal("x", KubeConfigFile.Read([Write("odd", before + "current-context: x\r\nextensions: []\r\n")]).CurrentContext);

    private FileInfo Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return new FileInfo(path);
    }
}
