using CvManager.Cluster;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>R7: the user who suspends or pins is identified as in the cluster.</summary>
public sealed class ClusterUserTests
{
    private const string Review =
        """{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":"sam@example.com\u001b[2J"}}}""";

    [Theory]
    [InlineData("v1")]
    [InlineData("v1beta1")]
    [InlineData("v1alpha1")]
    public async Task The_SelfSubjectReview_is_tried_in_all_API_versions(string version)
    {
        using FakeApiServer server = new(request =>
            request.Path == $"/apis/authentication.k8s.io/{version}/selfsubjectreviews"
                ? FakeApiServer.Answer(201, Review)
                : FakeApiServer.Answer(404, FakeApiServer.Status(404, "NotFound", "no"))
        );
        using var cluster = server.Connect();

        Assert.Equal("sam@example.com[2J", await ClusterUser.FindAsync(cluster, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(404)]
    [InlineData(403)]
    [InlineData(201)]
    public async Task The_user_of_the_kubeconfig_is_used_if_the_server_does_not_report_one(int code)
    {
        using var server = FakeApiServer.Always(
            code,
            code == 201
                ? """{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}"""
                : FakeApiServer.Status(code, "No", "no")
        );
        using var cluster = server.Connect();

        Assert.Equal(Environment.UserName, await ClusterUser.FindAsync(cluster, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void The_common_name_of_a_client_certificate_is_the_user_name()
    {
        using var key = System.Security.Cryptography.ECDsa.Create();
        using var certificate = new System.Security.Cryptography.X509Certificates.CertificateRequest(
            "O=system:masters, CN=sam",
            key,
            System.Security.Cryptography.HashAlgorithmName.SHA256
        ).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        var pem = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(certificate.ExportCertificatePem()));

        Assert.Equal("sam", ClusterUser.NameIn(File("me", pem), "here"));
        Assert.Equal("me", ClusterUser.NameIn(File("me", null), "here"));
        Assert.Null(ClusterUser.NameIn(File("me", null), "elsewhere"));
    }

    private static KubeConfig File(string user, string? certificate) =>
        new()
        {
            Contexts =
            [
                new NamedKubeContext
                {
                    Name = "here",
                    Context = new KubeContextDetails { User = user },
                },
            ],
            Users =
            [
                new NamedKubeUser
                {
                    Name = user,
                    User = new KubeUser { ClientCertificateData = certificate },
                },
            ],
        };
}
