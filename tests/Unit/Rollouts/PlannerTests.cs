using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Support;
using CvManager.Versions;
using CvManager.Workloads;
using Xunit;

namespace CvManager.Unit.Rollouts;

public sealed class PlannerTests
{
    private const string Digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private const string Other = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_workload_on_another_version_gets_the_version_with_its_digest()
    {
        var plan = Plan(Resource(), "r.example/app:1111111");

        Assert.Equal(PlanVerdict.RollOut, plan.Verdict);
        var change = Assert.Single(plan.Changes);
        Assert.Equal($"r.example/app:2222222@{Digest}", change.ToImage);
        Facts.AssertIn(change.ToString(), "Deployment/app", "main", $"r.example/app:2222222@{Digest}", "r.example/app:1111111");
    }

    [Fact]
    public void Without_pinDigest_the_image_is_repository_and_version() =>
        Assert.Equal(
            "r.example/app:2222222",
            Assert.Single(Plan(Resource(s => s with { PinDigest = false }), "r.example/app:1111111").Changes).ToImage
        );

    [Theory]
    [InlineData($"r.example/app:2222222@{Digest}")]
    [InlineData("r.example/app:2222222")]
    [InlineData($"r.example/app@{Digest}")]
    public void A_workload_that_runs_the_version_in_any_notation_is_up_to_date(string image)
    {
        var plan = Plan(Resource(), image);

        Assert.Equal(PlanVerdict.UpToDate, plan.Verdict);
        Assert.Empty(plan.Changes);
    }

    [Theory]
    [InlineData($"r.example/app:2222222@{Other}")]
    [InlineData("other.example/app:2222222")]
    [InlineData("r.example/app")]
    [InlineData("r.example/app:demo")]
    [InlineData("not a reference!")]
    public void An_image_that_may_be_another_version_is_changed(string image) =>
        Assert.Equal(PlanVerdict.RollOut, Plan(Resource(), image).Verdict);

    [Fact]
    public void An_image_whose_digest_is_the_version_has_no_tag()
    {
        var plan = Planner.Plan(
            new PlanInput
            {
                Resource = Resource(),
                Version = new ResolvedVersion(new FollowedTag("demo"), Digest, Digest, Noon),
                Workloads = [Deployment("r.example/app:1")],
                Neighbours = [],
            }
        );

        Assert.Equal($"r.example/app@{Digest}", Assert.Single(plan.Changes).ToImage);
    }

    [Fact]
    public void Short_and_long_names_of_Docker_Hub_are_one_repository() =>
        Assert.Equal(PlanVerdict.UpToDate, Plan(Resource(s => s with { ImageRepo = "nginx" }), "docker.io/library/nginx:2222222").Verdict);

    [Fact]
    public void A_suspended_resource_is_held_and_still_shows_the_version_of_the_tag()
    {
        var plan = Plan(Resource(s => s with { Suspend = true }), "r.example/app:1111111");

        Assert.Equal((PlanVerdict.Held, ConditionReasons.Suspended, "2222222"), (plan.Verdict, plan.Reason, plan.Version));
        Assert.Empty(plan.Changes);
    }

    [Fact]
    public void A_quarantined_digest_is_not_rolled_out_again()
    {
        var resource = Resource() with
        {
            Status = new ContainerVersionStatus
            {
                Quarantined =
                [
                    new QuarantinedDigest
                    {
                        Digest = Digest,
                        Version = "2222222",
                        Reason = "it crashed",
                        At = Noon,
                    },
                ],
            },
        };

        var plan = Plan(resource, "r.example/app:1111111");

        Assert.Equal((PlanVerdict.Stalled, ConditionReasons.Quarantined), (plan.Verdict, plan.Reason));
        Assert.Contains("it crashed", plan.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_version_that_was_left_in_place_is_up_to_date_once_its_workloads_recovered()
    {
        var resource = Resource() with
        {
            Status = new ContainerVersionStatus
            {
                Quarantined =
                [
                    new QuarantinedDigest
                    {
                        Digest = Digest,
                        Version = "2222222",
                        Reason = "late",
                        At = Noon,
                    },
                ],
            },
        };
        var waiting = Deployment("r.example/app:2222222") with { Progress = WorkloadProgress.Waiting("0 of 1") };

        Assert.Equal(ConditionReasons.RolloutFailed, Plan(resource, waiting).Reason);
        Assert.Equal(PlanVerdict.UpToDate, Plan(resource, waiting with { Progress = WorkloadProgress.Done("1 of 1") }).Verdict);
    }

    [Fact]
    public void A_missing_container_is_reported_with_the_existing_ones()
    {
        var plan = Plan(Resource(s => s with { Container = new ContainerSpec { Name = "web" } }), "r.example/app:1111111");

        Assert.Equal((PlanVerdict.Stalled, ConditionReasons.ContainerNotFound), (plan.Verdict, plan.Reason));
        Facts.AssertIn(plan.Message, "web", "main", "setup");
    }

    [Fact]
    public void An_init_container_gets_the_version()
    {
        var change = Assert.Single(
            Plan(Resource(s => s with { Container = new ContainerSpec { Name = "setup" } }), "r.example/app:1111111").Changes
        );

        Assert.True(change.Container.IsInit);
    }

    [Fact]
    public void A_selector_without_workloads_is_reported_with_its_labels()
    {
        var plan = Plan(
            Resource(s => s with { Selector = new Dictionary<string, string> { ["cvapp"] = "nobody" } }),
            "r.example/app:1111111"
        );

        Assert.Equal((PlanVerdict.Stalled, ConditionReasons.WorkloadNotFound), (plan.Verdict, plan.Reason));
        Assert.Contains("cvapp=nobody", plan.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_object_with_a_controller_is_ignored()
    {
        var plan = Plan(
            Resource(),
            Deployment("r.example/app:1111111"),
            Deployment("r.example/app:0") with
            {
                Kind = "ReplicaSet",
                Name = "app-5d4",
                Controller = "Deployment/app",
            }
        );

        Assert.Equal("Deployment/app", Assert.Single(plan.Changes).Workload.Reference);
    }

    [Theory]
    [InlineData("ReplicaSet")]
    [InlineData("Job")]
    public void The_plan_describes_how_a_kind_is_updated(string kind)
    {
        var patched = Assert.Single(Plan(Resource(), Deployment("r.example/app:1111111")).Changes).ToString();
        var said = Assert.Single(Plan(Resource(), Deployment("r.example/app:1111111") with { Kind = kind }).Changes).ToString();

        Assert.NotEqual(patched.Replace("Deployment", kind, StringComparison.Ordinal), said);
    }

    [Fact]
    public void The_idle_colour_gets_the_version_and_then_the_traffic()
    {
        var plan = PlanColours("blue", Colour("blue", "r.example/app:1111111"), Colour("green", "r.example/app:0000000"));

        var change = Assert.Single(plan.Changes);
        Assert.Equal((PlanVerdict.RollOut, "Deployment/green"), (plan.Verdict, change.Workload.Reference));
        Assert.Equal("app", change.CutOver);
        Facts.AssertIn(change.ToString(), "Deployment/green");
    }

    [Fact]
    public void The_idle_colour_stays_unchanged_when_the_live_one_is_up_to_date()
    {
        var target = Assert
            .Single(PlanColours("blue", Colour("blue", "r.example/app:1111111"), Colour("green", "r.example/app:0000000")).Changes)
            .ToImage;

        Assert.Equal(PlanVerdict.UpToDate, PlanColours("green", Colour("blue", "r.example/app:1111111"), Colour("green", target)).Verdict);
    }

    [Theory]
    [InlineData("red", new[] { "Deployment/blue", "Deployment/green" })]
    [InlineData(null, new[] { "app", "spec.strategy.blueGreen.serviceName" })]
    public void A_pair_without_exactly_one_live_colour_is_Stalled_and_not_changed(string? selected, string[] named)
    {
        var plan = PlanColours(selected, Colour("blue", "r.example/app:1111111"), Colour("green", "r.example/app:0000000"));

        Assert.Equal((PlanVerdict.Stalled, ConditionReasons.BlueGreenAmbiguous), (plan.Verdict, plan.Reason));
        Facts.AssertIn(plan.Message, named);
    }

    [Fact]
    public void Blue_green_rejects_one_colour_three_colours_and_a_kind_that_cannot_be_scaled()
    {
        var blue = Colour("blue", "r.example/app:1111111");
        var green = Colour("green", "r.example/app:1111111");

        Assert.Contains("Deployment/blue", PlanColours("blue", blue).Message, StringComparison.Ordinal);
        Facts.AssertIn(
            PlanColours("blue", blue, green, Colour("red", "r.example/app:0")).Message,
            "Deployment/blue",
            "Deployment/green",
            "Deployment/red"
        );
        Assert.Contains("DaemonSet/green", PlanColours("blue", blue, green with { Kind = "DaemonSet" }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_workload_set_to_the_version_is_not_ready_before_its_pods_are()
    {
        var waiting = Deployment("r.example/app:2222222") with { Progress = WorkloadProgress.Waiting("0 of 2 replicas are available") };

        var plan = Plan(Resource(), waiting);

        Assert.Equal((PlanVerdict.UpToDate, ConditionReasons.WorkloadsNotReady), (plan.Verdict, plan.Reason));
        Facts.AssertIn(plan.Message, "Deployment/app", "0 of 2");
        Assert.Equal(
            ConditionReasons.WorkloadPaused,
            Plan(Resource(), waiting with { Progress = WorkloadProgress.Blocked(ConditionReasons.WorkloadPaused, "paused") }).Reason
        );
    }

    [Fact]
    public void Only_the_live_colour_has_to_be_ready()
    {
        var target = Assert
            .Single(PlanColours("blue", Colour("blue", "r.example/app:1111111"), Colour("green", "r.example/app:0000000")).Changes)
            .ToImage;
        var idle = Colour("blue", "r.example/app:1111111") with { Progress = WorkloadProgress.Waiting("0 of 1") };

        var plan = PlanColours("green", idle, Colour("green", target));

        Assert.Equal(ConditionReasons.UpToDate, plan.Reason);
        Facts.AssertIn(plan.Message, "Deployment/green", "2222222");
    }

    [Fact]
    public void A_missing_colour_has_the_reason_BlueGreenIncomplete() =>
        Assert.Equal(
            (PlanVerdict.Stalled, ConditionReasons.BlueGreenIncomplete),
            PlanColours("blue", Colour("blue", "r.example/app:1111111")) is var plan ? (plan.Verdict, plan.Reason) : default
        );

    [Fact]
    public void A_terminated_pod_is_ignored()
    {
        var pod = Deployment("r.example/app:1111111") with { Kind = "Pod", Name = "once", IsFinished = true };

        Assert.Equal(
            "Deployment/app",
            Assert.Single(Plan(Resource(), pod, Deployment("r.example/app:1111111")).Changes).Workload.Reference
        );
        var alone = Plan(Resource(), pod);
        Assert.Equal(ConditionReasons.WorkloadNotFound, alone.Reason);
        Assert.Contains("Pod/once", alone.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_ignored_workload_is_reported_with_its_controller_if_there_is_no_other()
    {
        var plan = Plan(Resource(), Deployment("r.example/app:1111111") with { Controller = "Rollout/shop" });

        Assert.Equal(ConditionReasons.WorkloadNotFound, plan.Reason);
        Facts.AssertIn(plan.Message, "Deployment/app", "Rollout/shop");
    }

    [Fact]
    public void A_known_rewrite_of_the_image_counts_as_the_version()
    {
        ContainerVersion Rewritten(string asked) =>
            Resource() with
            {
                Status = new ContainerVersionStatus
                {
                    Rollout = new RolloutStatus
                    {
                        Digest = Digest,
                        Version = "2222222",
                        Phase = RolloutPhase.Succeeded,
                        Rewrites = [new ImageRewrite("Deployment", "app", asked, "mirror.example/r.example/app:2222222")],
                    },
                },
            };

        Assert.Equal(
            PlanVerdict.UpToDate,
            Plan(Rewritten($"r.example/app:2222222@{Digest}"), "mirror.example/r.example/app:2222222").Verdict
        );
        // The rewritten image does not count if it comes from another version or another workload.
        Assert.Equal(
            PlanVerdict.RollOut,
            Plan(Rewritten($"r.example/app:2222222@{Other}"), "mirror.example/r.example/app:2222222").Verdict
        );
        Assert.Equal(
            PlanVerdict.RollOut,
            Plan(
                Rewritten($"r.example/app:2222222@{Digest}"),
                Deployment("mirror.example/r.example/app:2222222") with
                {
                    Name = "b",
                }
            ).Verdict
        );
    }

    [Fact]
    public void The_older_of_two_resources_for_one_container_wins_and_the_newer_one_reports_the_conflict()
    {
        var older = Resource("older", Noon);
        var younger = Resource("younger", Noon.AddSeconds(1));

        var first = Plan(older, [older, younger], Deployment("r.example/app:1111111"));
        var second = Plan(younger, [older, younger], Deployment("r.example/app:1111111"));

        Assert.Equal(PlanVerdict.RollOut, first.Verdict);
        Assert.Equal((PlanVerdict.Stalled, ConditionReasons.Conflict), (second.Verdict, second.Reason));
        Facts.AssertIn(second.Message, "ContainerVersion older");
    }

    [Fact]
    public void The_first_by_name_of_two_resources_created_in_one_second_wins()
    {
        var a = Resource("a", Noon);
        var b = Resource("b", Noon);

        Assert.Equal(PlanVerdict.RollOut, Plan(a, [b, a], Deployment("r.example/app:1111111")).Verdict);
        Assert.Equal(ConditionReasons.Conflict, Plan(b, [b, a], Deployment("r.example/app:1111111")).Reason);
    }

    [Fact]
    public void Two_resources_for_two_containers_of_one_workload_do_not_conflict()
    {
        var main = Resource("a", Noon);
        var setup = Resource("b", Noon, s => s with { Container = new ContainerSpec { Name = "setup" } });

        Assert.Equal(PlanVerdict.RollOut, Plan(setup, [main, setup], Deployment("r.example/app:1111111")).Verdict);
    }

    [Fact]
    public void An_image_that_is_changed_back_repeatedly_is_left_unchanged()
    {
        ContainerVersion Repeated(int repeats) =>
            Resource() with
            {
                Status = new ContainerVersionStatus
                {
                    ObservedGeneration = 1,
                    Rollout = new RolloutStatus
                    {
                        Digest = Digest,
                        Version = "2222222",
                        Phase = RolloutPhase.Succeeded,
                        Repeats = repeats,
                    },
                },
            };

        Assert.Equal(PlanVerdict.RollOut, Plan(Repeated(2), "r.example/app:1111111").Verdict);
        var third = Plan(Repeated(3), "r.example/app:1111111");
        Assert.Equal(ConditionReasons.Contended, third.Reason);
        Facts.AssertIn(third.Message, "helm");
    }

    [Theory]
    [InlineData("RegistryTagNotFound", CvErrorKind.NotFound, ConditionReasons.TagNotFound)]
    [InlineData("VersionNotFound", CvErrorKind.NotFound, ConditionReasons.VersionNotFound)]
    [InlineData("RegistryUnauthorized", CvErrorKind.Unauthenticated, ConditionReasons.RegistryUnauthorized)]
    [InlineData("RegistryRepositoryNotFound", CvErrorKind.NotFound, ConditionReasons.RepositoryNotFound)]
    [InlineData("RegistryUnreachable", CvErrorKind.Unavailable, ConditionReasons.RegistryUnavailable)]
    public void The_cause_of_an_unknown_version_is_the_reason_of_the_condition(string id, CvErrorKind kind, string reason)
    {
        var plan = Planner.Plan(
            new PlanInput
            {
                Resource = Resource(),
                Problem = new CvException(id, kind, "It is so.", "Do this."),
                Workloads = [Deployment("r.example/app:1")],
                Neighbours = [],
            }
        );

        Assert.Equal((PlanVerdict.Stalled, reason, "It is so. Do this."), (plan.Verdict, plan.Reason, plan.Message));
    }

    [Fact]
    public void An_invalid_specification_is_reported_field_by_field()
    {
        var plan = Plan(Resource(s => s with { VersionSyntax = "([", ImageRepo = "app:v1" }), "r.example/app:1");

        Assert.Equal(ConditionReasons.InvalidSpec, plan.Reason);
        Assert.Contains("spec.versionSyntax", plan.Message, StringComparison.Ordinal);
        Assert.Contains("spec.imageRepo", plan.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_superseded_rollout_of_the_same_version_is_continued_with_all_its_workloads()
    {
        var set = Deployment("r.example/app:2222222") with { Progress = WorkloadProgress.Done("1 of 1") };
        var former = Deployment("r.example/app:1111111") with { Name = "b", Uid = "2", Progress = WorkloadProgress.Done("1 of 1") };
        var joined = Deployment("r.example/app:2222222") with { Name = "c", Uid = "3", Progress = WorkloadProgress.Waiting("0 of 1") };

        var plan = Plan(WithLast(RolloutPhase.Superseded, Digest, set, former), set, former, joined);

        Assert.Equal(PlanVerdict.RollOut, plan.Verdict);
        Assert.Equal([former, set], plan.Changes.Select(c => c.Workload));
        Assert.Equal("r.example/app:2222222", plan.Changes[1].ToImage);
    }

    [Fact]
    public void A_superseded_rollout_whose_workloads_all_run_the_version_has_nothing_left_to_do()
    {
        var set = Deployment("r.example/app:2222222") with { Progress = WorkloadProgress.Done("1 of 1") };

        var plan = Plan(WithLast(RolloutPhase.Superseded, Digest, set), set);

        Assert.Equal((PlanVerdict.UpToDate, ConditionReasons.UpToDate), (plan.Verdict, plan.Reason));
    }

    [Theory]
    [InlineData(RolloutPhase.Succeeded, Digest, 0)]
    [InlineData(RolloutPhase.Superseded, Other, 0)]
    [InlineData(RolloutPhase.Superseded, Digest, Planner.MaxRepeats)]
    public void A_workload_that_is_down_is_reported_if_no_rollout_of_the_version_was_interrupted(string phase, string digest, int repeats)
    {
        var down = Deployment("r.example/app:2222222") with { Progress = WorkloadProgress.Waiting("0 of 1") };
        var resource = WithLast(phase, digest, down);

        var plan = Plan(
            resource with
            {
                Status = resource.Status! with { Rollout = resource.Status.Rollout! with { Repeats = repeats } },
            },
            down
        );

        Assert.Equal((PlanVerdict.UpToDate, ConditionReasons.WorkloadsNotReady), (plan.Verdict, plan.Reason));
    }

    private static ContainerVersion WithLast(string phase, string digest, params Workload[] workloads) =>
        Resource() with
        {
            Status = new ContainerVersionStatus
            {
                ObservedGeneration = 1,
                Rollout = new RolloutStatus
                {
                    Id = "1",
                    Version = "2222222",
                    Digest = digest,
                    Phase = phase,
                    StartedAt = Noon,
                    Deadline = Noon,
                    Workloads =
                    [
                        .. workloads.Select(w => new WorkloadRolloutStatus
                        {
                            Kind = w.Kind,
                            Name = w.Name,
                            FromImage = "r.example/app:1111111",
                            ToImage = "r.example/app:2222222",
                            Phase = RolloutPhase.Progressing,
                        }),
                    ],
                },
            },
        };

    private static RolloutPlan Plan(ContainerVersion resource, string image) => Plan(resource, Deployment(image));

    private static RolloutPlan Plan(ContainerVersion resource, params Workload[] workloads) => Plan(resource, [resource], workloads);

    private static RolloutPlan Plan(ContainerVersion resource, IReadOnlyList<ContainerVersion> neighbours, params Workload[] workloads) =>
        Planner.Plan(
            new PlanInput
            {
                Resource = resource,
                Version = new ResolvedVersion(new FollowedTag("demo"), Digest, "2222222", Noon),
                Workloads = workloads,
                Neighbours = neighbours,
            }
        );

    private static ContainerVersion Resource(Func<ContainerVersionSpec, ContainerVersionSpec> change) => Resource("app", Noon, change);

    private static ContainerVersion Resource(
        string name = "app",
        DateTimeOffset? created = null,
        Func<ContainerVersionSpec, ContainerVersionSpec>? change = null
    )
    {
        ContainerVersionSpec spec = new()
        {
            ImageRepo = "r.example/app",
            Tag = "demo",
            Selector = new Dictionary<string, string> { ["cvapp"] = "app" },
            Container = new ContainerSpec { Name = "main" },
        };
        return new ContainerVersion
        {
            Metadata = new ResourceMetadata
            {
                Name = name,
                Namespace = "default",
                Generation = 1,
                CreationTimestamp = created ?? Noon,
            },
            Spec = change?.Invoke(spec) ?? spec,
        };
    }

    private static Workload Colour(string colour, string image) =>
        Deployment(image) with
        {
            Name = colour,
            Uid = colour,
            PodLabels = new Dictionary<string, string> { ["app"] = "app", ["colour"] = colour },
        };

    /// <param name="selected">The colour that the Service points at; null for no Service.</param>
    private static RolloutPlan PlanColours(string? selected, params Workload[] workloads)
    {
        var resource = Resource(s =>
            s with
            {
                Strategy = new StrategySpec
                {
                    Kind = StrategySpec.ServiceBlueGreen,
                    BlueGreen = new BlueGreenSpec { ServiceName = "app", LabelNames = ["colour"] },
                },
            }
        );
        ResolvedVersion version = new(new FollowedTag("demo"), "sha256:" + new string('2', 64), "2222222", Noon);
        return Planner.Plan(
            new PlanInput
            {
                Resource = resource,
                Version = version,
                Workloads = workloads,
                Neighbours = [resource],
                Service = selected is null
                    ? null
                    : new ServiceSelector("default", "app", new Dictionary<string, string> { ["app"] = "app", ["colour"] = selected }),
            }
        );
    }

    private static Workload Deployment(string image) =>
        new()
        {
            Kind = "Deployment",
            ApiVersion = "v1",
            Namespace = "default",
            Name = "app",
            Uid = "1",
            Labels = new Dictionary<string, string> { ["cvapp"] = "app" },
            Containers = [new WorkloadContainer("main", image, false, 0, "helm"), new WorkloadContainer("setup", image, true, 0)],
        };
}
