using CvManager.Registries.Credentials;
using CvManager.Registries.Ecr;
using Xunit;

namespace CvManager.Unit.Registries.Ecr;

public sealed class EcrHostTests
{
    private static readonly FixedCredential Key = new(RegistryCredential.OfPassword("AKIAIOSFODNN7EXAMPLE", "secret"));

    [Theory]
    [InlineData("123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-east-1", false, false, "api.ecr.us-east-1.amazonaws.com")]
    [InlineData("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false, false, "api.ecr.cn-north-1.amazonaws.com.cn")]
    [InlineData(
        "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
        "us-gov-west-1",
        true,
        false,
        "ecr-fips.us-gov-west-1.amazonaws.com"
    )]
    [InlineData("123456789012.dkr.ecr-fips.us-east-2.amazonaws.com", "us-east-2", true, false, "ecr-fips.us-east-2.amazonaws.com")]
    [InlineData("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1", false, true, "ecr.eu-west-1.api.aws")]
    [InlineData("123456789012.dkr-ecr-fips.us-west-2.on.aws", "us-west-2", true, true, "ecr-fips.us-west-2.api.aws")]
    [InlineData(
        "123456789012.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn",
        "cn-northwest-1",
        false,
        true,
        "ecr.cn-northwest-1.api.amazonwebservices.com.cn"
    )]
    [InlineData("123456789012.DKR.ECR.US-EAST-1.amazonaws.com", "us-east-1", false, false, "api.ecr.us-east-1.amazonaws.com")]
    public async Task A_registry_host_has_account_region_and_endpoint(
        string host,
        string region,
        bool fips,
        bool dualStack,
        string endpoint
    )
    {
        Assert.True(EcrHost.TryParse(host, out var parsed));
        Assert.Equal(new EcrHost("123456789012", region, fips, dualStack), parsed);

        using EcrService service = new();
        using HttpMessageInvoker http = new(service, disposeHandler: false);
        using var client = EcrConnection.Open(parsed, http, new EcrCredentials(Key, host), TimeSpan.FromSeconds(5), TimeProvider.System);
        await client.GetAuthorizationTokenAsync(new GetAuthorizationTokenRequest(), TestContext.Current.CancellationToken);
        Assert.Equal($"https://{endpoint}/", Assert.Single(service.Requests).Uri.AbsoluteUri);
    }

    [Theory]
    [InlineData("public.ecr.aws")]
    [InlineData("docker.io")]
    [InlineData("1234.dkr.ecr.us-east-1.amazonaws.com")]
    [InlineData("123456789012.dkr.ecr.us-east-1.amazonaws.com.example.org")]
    [InlineData("evil.123456789012.dkr.ecr.us-east-1.amazonaws.com")]
    [InlineData("123456789012.dkr.ecr.us-east-1.amazonaws.com:443")]
    [InlineData("123456789012.dkr-ecr.us-east-1.amazonaws.com")]
    public void Other_hosts_are_not_private_ECR_registries(string host) => Assert.False(EcrHost.TryParse(host, out _));
}
