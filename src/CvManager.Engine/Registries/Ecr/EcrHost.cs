using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace CvManager.Registries.Ecr;

/// <summary>The parts of the host name of a private ECR registry: account, region and endpoint.</summary>
/// <param name="AccountId">The registry ID: the twelve digits of the account.</param>
/// <param name="Region">For example <c>us-east-1</c>.</param>
/// <param name="Fips">True for the FIPS endpoint.</param>
/// <param name="DualStack">True for the dual-stack (IPv6) endpoint.</param>
/// <remarks>
/// Host names as in the Amazon ECR user guide ("Amazon ECR private registry", "Making requests to Amazon ECR registries"):
/// <c>dkr.ecr[-fips].REGION.amazonaws.com[.cn]</c>, and dual-stack <c>dkr-ecr[-fips].REGION.on.aws</c> (China:
/// <c>on.amazonwebservices.com.cn</c>). public.ecr.aws is not a private registry and is used as an OCI registry.
/// </remarks>
internal sealed partial record EcrHost(string AccountId, string Region, bool Fips, bool DualStack)
{
    public static bool TryParse(string host, [NotNullWhen(true)] out EcrHost? parsed)
    {
        var match = Pattern().Match(host);
        parsed = match.Success
            ? new EcrHost(
                match.Groups["account"].Value,
                match.Groups["region"].Value.ToLowerInvariant(),
                match.Groups["fips"].Success,
                match.Groups["dual"].Success
            )
            : null;
        return parsed is not null;
    }

    // The last four suffixes are those of the sovereign and isolated partitions.
    [GeneratedRegex(
        @"\A(?<account>[0-9]{12})\.(?:dkr\.ecr(?<fips>-fips)?\.(?<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)|(?<dual>dkr-ecr)(?<fips>-fips)?\.(?<region>[a-z0-9-]+)\.(?:on\.aws|on\.amazonwebservices\.com\.cn|on\.amazonwebservices\.eu))\z",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Pattern();
}
