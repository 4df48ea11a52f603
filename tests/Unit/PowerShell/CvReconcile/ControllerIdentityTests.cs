using System.Text;
using CvManager.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.CvReconcile;

public sealed class ControllerIdentityTests
{
    private readonly string _pod = Guid.NewGuid().ToString();

    [Fact]
    public void A_restarted_process_in_a_pod_has_the_same_identity()
    {
        using var first = ControllerIdentity.Claim("ns/lease", _pod);
        first.Dispose();
        using var second = ControllerIdentity.Claim("ns/lease", _pod);

        Assert.Equal(first.Name, second.Name);
        Assert.EndsWith(_pod, first.Name, StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_process_in_a_pod_has_a_different_identity()
    {
        using var first = ControllerIdentity.Claim("ns/lease", _pod);
        using var second = ControllerIdentity.Claim("ns/lease", _pod);
        using var other = ControllerIdentity.Claim("ns/another", _pod);

        Assert.NotEqual(first.Name, second.Name);
        Assert.Equal(first.Name, other.Name);
    }

    [Theory]
    [InlineData("""{"kubernetes.io":{"pod":{"name":"p","uid":"abc-1"} } }""", "abc-1")]
    [InlineData("""{"kubernetes.io":{"serviceaccount":{"name":"sa"} } }""", null)]
    [InlineData("""{"kubernetes.io":{"pod":{"uid":5} } }""", null)]
    [InlineData("[1]", null)]
    [InlineData("no json", null)]
    public void The_uid_of_the_pod_is_read_from_the_service_account_token(string claims, string? uid)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, $"e30.{Convert.ToBase64String(Encoding.UTF8.GetBytes(claims)).TrimEnd('=')}.x");
            Assert.Equal(uid, ControllerIdentity.PodOf(file));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
