using CvManager.Registries;
using CvManager.Resources;
using Xunit;

namespace CvManager.Unit.Resources;

public sealed class ContainerVersionTests
{
    private static readonly ContainerVersion Valid = new()
    {
        Metadata = new ResourceMetadata { Name = "app", Namespace = "shop" },
        Spec = new ContainerVersionSpec
        {
            ImageRepo = "r.example/app",
            Tag = "demo",
            Selector = new Dictionary<string, string> { ["cvapp"] = "app" },
            Container = new ContainerSpec { Name = "main" },
        },
    };

    [Fact]
    public void What_the_specification_says_is_parsed_and_validated_once_and_kept_by_a_copy_with_another_status()
    {
        var invalid = Valid with { Spec = Valid.Spec with { Selector = new Dictionary<string, string>() } };
        var errors = invalid.ValidationErrors;
        var copy = invalid with { Status = new ContainerVersionStatus { ObservedGeneration = 2 } };

        Assert.NotEmpty(errors);
        Assert.Same(errors, invalid.ValidationErrors);
        Assert.Same(errors, copy.ValidationErrors);
        Assert.Same(invalid.Repository, copy.Repository);
        Assert.Same(invalid.Followed, copy.Followed);
    }

    [Fact]
    public void A_copy_with_another_specification_or_name_is_parsed_again()
    {
        Assert.Empty(Valid.ValidationErrors);

        var changed = Valid with { Spec = Valid.Spec with { ImageRepo = "r.example/App", Tag = "prod" } };
        var renamed = Valid with { Metadata = Valid.Metadata with { Name = "Not valid" } };

        Assert.Equal("spec.imageRepo", Assert.Single(changed.ValidationErrors).Field);
        Assert.Equal(new FollowedTag("prod"), changed.Followed);
        Assert.Equal(ErrorIds.ImageRepositoryInvalid, Assert.Throws<CvException>(() => changed.Repository).ErrorId);
        Assert.Equal("metadata.name", Assert.Single(renamed.ValidationErrors).Field);
        Assert.Equal(ImageRepository.Parse("r.example/app"), renamed.Repository);
    }

    [Fact]
    public void What_was_parsed_is_not_part_of_the_value()
    {
        var other = Valid with { Kind = ContainerVersion.KindName };

        Assert.Empty(other.ValidationErrors);

        Assert.Equal(Valid with { Status = null }, other);
        Assert.Equal((Valid with { Status = null }).GetHashCode(), other.GetHashCode());
    }
}
