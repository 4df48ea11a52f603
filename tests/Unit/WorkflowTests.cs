using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cronos;
using CvManager.Resources;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit;

/// <summary>
/// The workflows of GitHub are consistent with the repository and with each other, and give no job more than it needs. tests/Pester/Package runs
/// their scripts.
/// </summary>
public sealed partial class WorkflowTests
{
    private static readonly string Root = RepositoryRoot.Path;

    private static readonly Dictionary<string, Workflow> Workflows = Directory
        .GetFiles(Path.Combine(Root, ".github", "workflows"))
        .Select(path => new Workflow(path))
        .ToDictionary(workflow => workflow.Name);

    private static readonly string[] BuildTasks = TaskNames()
        .Match(File.ReadAllText(Path.Combine(Root, "build.ps1")))
        .Groups[1]
        .Value.Split(", ")
        .Select(name => name.Trim('\''))
        .ToArray();

    public static TheoryData<string> Names => [.. Workflows.Keys.Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_action_is_pinned_to_a_commit_and_names_its_version(string name)
    {
        var workflow = Workflows[name];
        var uses = UsesLine().Matches(workflow.Text);

        Assert.Equal(workflow.Jobs.Count(job => job.Uses is not null) + workflow.Steps.Count(step => step.Uses is not null), uses.Count);
        Assert.All(
            uses,
            line =>
            {
                var value = line.Groups[1].Value;
                if (value.StartsWith("./", StringComparison.Ordinal))
                    Assert.True(File.Exists(Path.Combine(Root, value)), value);
                else
                    Assert.Matches(@"^[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", value);
            }
        );
    }

    [Fact]
    public void An_action_has_the_same_commit_everywhere()
    {
        var commits = Workflows
            .Values.SelectMany(workflow => workflow.Steps)
            .Select(step => step.Uses)
            .OfType<string>()
            .Distinct()
            .GroupBy(uses => uses.Split('@')[0]);

        Assert.All(commits, action => Assert.Single(action));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_job_has_a_time_limit_and_permissions_of_its_own(string name)
    {
        var workflow = Workflows[name];

        Assert.Empty(Assert.IsType<JsonObject>(workflow.Root["permissions"]));
        Assert.NotNull(workflow.Root["concurrency"]);
        Assert.NotEmpty(workflow.Jobs);
        Assert.All(
            workflow.Jobs,
            job =>
            {
                Assert.NotEmpty(Assert.IsType<JsonObject>(job.Node["permissions"]));
                // A job that calls a workflow has the limits of that workflow's jobs.
                if (job.Uses is null)
                    Assert.InRange(job.Node["timeout-minutes"]!.GetValue<int>(), 1, 360);
            }
        );
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Only_jobs_that_someone_approves_publish_or_have_a_secret(string name)
    {
        foreach (var job in Workflows[name].Jobs)
        {
            var permissions = job.Node["permissions"]!.AsObject();
            if (
                job.Node.ToJsonString().Contains("secrets.", StringComparison.Ordinal)
                || permissions.ContainsKey("id-token")
                || permissions.ContainsKey("packages")
            )
                Assert.NotNull(job.Node["environment"]);
            // The release is a note about what was published.
            else if (job.Name != "release")
                Assert.All(permissions, permission => Assert.Equal("read", permission.Value!.GetValue<string>()));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_secret_is_in_the_environment_of_a_single_step_and_is_documented(string name)
    {
        var workflow = Workflows[name];
        var contributing = File.ReadAllText(Path.Combine(Root, "CONTRIBUTING.md"));
        var secrets = Secret().Matches(workflow.Text);

        var inSteps = workflow.Steps.SelectMany(step => Secret().Matches(step.Node["env"]?.ToJsonString() ?? "")).Count();
        Assert.Equal(secrets.Count, inSteps);
        Assert.All(secrets, secret => Assert.Contains(secret.Groups[1].Value, contributing));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_checkout_does_not_keep_the_token(string name)
    {
        var checkouts = Workflows[name].Steps.Where(step => step.Uses?.StartsWith("actions/checkout@", StringComparison.Ordinal) is true);

        Assert.All(checkouts, step => Assert.Equal("false", step.Node["with"]?["persist-credentials"]?.ToString()));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_script_is_bash_and_takes_its_values_from_the_environment(string name)
    {
        var workflow = Workflows[name];

        if (workflow.Steps.Any(step => step.Run is not null))
            Assert.Equal("bash", workflow.Root["defaults"]?["run"]?["shell"]?.GetValue<string>());
        Assert.All(
            workflow.Steps.Where(step => step.Run is not null),
            step =>
            {
                Assert.Null(step.Node["shell"]);
                Assert.DoesNotContain("${{", step.Run);
            }
        );
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Files_that_a_workflow_names_exist(string name)
    {
        var workflow = Workflows[name];
        var scripts = workflow.Steps.Select(step => step.Run).OfType<string>();
        var inputs = workflow.Steps.SelectMany(step => step.Node["with"]?.AsObject().Select(input => $"{input.Value}") ?? []);
        var missing =
            from text in scripts.Concat(inputs)
            from path in RepositoryFile().Matches(text).Select(match => match.Value)
            where !Path.Exists(Path.Combine(Root, path))
            select path;

        Assert.Empty(missing);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Tasks_of_the_build_script_exist(string name)
    {
        var tasks = Workflows[name].Steps.SelectMany(step => BuildTask().Matches(step.Run ?? "")).Select(match => match.Groups[1].Value);

        Assert.All(tasks, task => Assert.Contains(task, BuildTasks));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_job_needs_earlier_jobs_only(string name)
    {
        HashSet<string> earlier = [];
        foreach (var job in Workflows[name].Jobs)
        {
            Assert.Subset(earlier, job.Needs.ToHashSet());
            earlier.Add(job.Name);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Values_of_other_jobs_and_steps_are_defined(string name)
    {
        var workflow = Workflows[name];
        foreach (var job in workflow.Jobs)
        {
            foreach (Match value in NeedsOutput().Matches(job.Node.ToJsonString()))
            {
                Assert.Contains(value.Groups[1].Value, job.Needs);
                Assert.NotNull(workflow.Jobs.Single(other => other.Name == value.Groups[1].Value).Node["outputs"]?[value.Groups[2].Value]);
            }

            Dictionary<string, Step> earlier = [];
            foreach (var step in job.Steps)
            {
                AssertDefined(step.Node, earlier);
                if (step.Node["id"] is { } id)
                    earlier.Add(id.GetValue<string>(), step);
            }

            if (job.Node["outputs"] is { } outputs)
                AssertDefined(outputs, earlier);
            Assert.All(
                MatrixValue().Matches(job.Node.ToJsonString()),
                value =>
                {
                    var matrix = job.Node["strategy"]!["matrix"]!.AsObject();
                    var key = value.Groups[1].Value;
                    Assert.True(
                        matrix.ContainsKey(key) || matrix["include"]!.AsArray().All(item => item!.AsObject().ContainsKey(key)),
                        $"{job.Name}: matrix.{key}"
                    );
                }
            );
        }

        static void AssertDefined(JsonNode node, Dictionary<string, Step> earlier) =>
            Assert.All(
                StepOutput().Matches(node.ToJsonString()),
                value =>
                {
                    var step = Assert.Contains(value.Groups[1].Value, earlier);
                    if (step.Run is { } script)
                        Assert.Matches($"echo \"{value.Groups[2].Value}=.*\" >> \"\\$GITHUB_OUTPUT\"", script);
                }
            );
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_downloaded_artifact_was_uploaded_by_a_job_that_is_needed(string name)
    {
        var workflow = Workflows[name];
        foreach (var job in workflow.Jobs)
        {
            var available = job.Needs.SelectMany(needed => Artifacts(workflow.Jobs.Single(other => other.Name == needed), "upload"));
            Assert.All(Artifacts(job, "download"), artifact => Assert.Contains(artifact, available));
        }

        static IEnumerable<string> Artifacts(Job job, string direction) =>
            job
                .Steps.Where(step => step.Uses?.StartsWith($"actions/{direction}-artifact@", StringComparison.Ordinal) is true)
                .Select(step => step.Node["with"]!["name"]!.GetValue<string>());
    }

    [Fact]
    public void A_schedule_is_valid()
    {
        var schedules = Workflows
            .Values.Select(workflow => workflow.Root["on"])
            .OfType<JsonObject>()
            .SelectMany(on => on["schedule"]?.AsArray() ?? [])
            .ToArray();

        Assert.NotEmpty(schedules);
        Assert.All(schedules, schedule => CronExpression.Parse(schedule!["cron"]!.GetValue<string>()));
    }

    [Fact]
    public void Both_supported_versions_of_PowerShell_before_that_of_the_tool_manifest_are_tested()
    {
        var versions = Workflows["ci"].Jobs.Single(job => job.Name == "powershell").Node["strategy"]!["matrix"]!["version"]!.AsArray();

        Assert.Equal(["7.4", "7.5"], versions.Select(version => $"{version}"[..3]));
        Assert.Contains("\"powershell\": { \"version\": \"7.6.", File.ReadAllText(Path.Combine(Root, ".config", "dotnet-tools.json")));
    }

    [Fact]
    public void Dependencies_are_updated_where_they_are()
    {
        var updates = Read(Path.Combine(Root, ".github", "dependabot.yml"))["updates"]!.AsArray();

        Assert.Equal(
            ["docker", "github-actions", "nuget"],
            updates.Select(update => $"{update!["package-ecosystem"]}").Order(StringComparer.Ordinal)
        );
        Assert.All(updates, update => Assert.True(Directory.Exists(Path.Combine(Root, $"{update!["directory"]}".TrimStart('/')))));
    }

    /// <summary>Dependabot and the release look for the base in FROM: its tag is there, and not in the argument.</summary>
    [Fact]
    public void The_default_base_of_the_image_is_updated()
    {
        var updates = Read(Path.Combine(Root, ".github", "dependabot.yml"))["updates"]!.AsArray();
        var folder = updates.Single(update => $"{update!["package-ecosystem"]}" == "docker")!["directory"]!.GetValue<string>();
        var lines = File.ReadAllLines(Path.Combine(Root, folder.TrimStart('/'), "Dockerfile"));

        var stage = BaseStage().Match(Assert.Single(lines, line => BaseStage().IsMatch(line))).Groups[1].Value;
        Assert.Contains($"ARG BASE={stage}", lines);
        Assert.Contains("FROM ${BASE}", lines);
        Assert.Contains($" AS {stage}$", Workflows["release"].Jobs.Single(job => job.Name == "image").Node.ToJsonString());
    }

    [Fact]
    public void Jobs_that_publish_use_the_environments_that_CONTRIBUTING_describes()
    {
        var contributing = File.ReadAllText(Path.Combine(Root, "CONTRIBUTING.md"));
        var environments = Workflows.Values.SelectMany(workflow => workflow.Jobs).Select(job => job.Node["environment"]).OfType<JsonNode>();

        Assert.All(environments, environment => Assert.Contains($"`{environment}`", contributing));
    }

    /// <summary>A version tag of the image or chart must not exist before its signature.</summary>
    [Fact]
    public void The_image_gets_its_tag_after_it_was_signed()
    {
        var steps = Workflows["release"].Jobs.Single(job => job.Name == "image").Steps.ToList();
        var push = steps.FindIndex(step => step.Uses?.StartsWith("docker/build-push-action@", StringComparison.Ordinal) is true);
        var sign = steps.FindIndex(step => step.Run?.Contains("cosign sign", StringComparison.Ordinal) is true);
        var attest = steps.FindIndex(step => step.Uses?.StartsWith("actions/attest-build-provenance@", StringComparison.Ordinal) is true);
        var tag = steps.FindIndex(step => step.Run?.Contains("imagetools create", StringComparison.Ordinal) is true);

        Assert.Null(steps[push].Node["with"]!["tags"]);
        Assert.Contains("push-by-digest=true", $"{steps[push].Node["with"]!["outputs"]}");
        Assert.True(0 <= push && push < sign && sign < attest && attest < tag, $"{push}, {sign}, {attest}, {tag}");
    }

    private static JsonObject Read(string path) => YamlDocuments.Read(File.ReadAllText(path)).Single().AsObject();

    [GeneratedRegex(@"^\s*(?:- )?uses: (.+)$", RegexOptions.Multiline)]
    private static partial Regex UsesLine();

    [GeneratedRegex(@"\bsecrets\.(\w+)")]
    private static partial Regex Secret();

    [GeneratedRegex(@"\[ValidateSet\(('\w+'(?:, '\w+')*)\)\] \[string\] \$Task\b")]
    private static partial Regex TaskNames();

    [GeneratedRegex(@"build\.ps1 -Task (\w+)")]
    private static partial Regex BuildTask();

    /// <summary>A path of a tracked folder, or one of the files in the root folder that are used. Output folders are not among them.</summary>
    [GeneratedRegex(@"(?<![\w./-])(?:(?:\.ci|\.github|deploy|examples|tests)/[\w./-]*\w|build\.ps1|global\.json)")]
    private static partial Regex RepositoryFile();

    [GeneratedRegex(@"^FROM \S+/\S+:\S+ AS (\w+)$")]
    private static partial Regex BaseStage();

    [GeneratedRegex(@"\bneeds\.([\w-]+)\.outputs\.([\w-]+)")]
    private static partial Regex NeedsOutput();

    [GeneratedRegex(@"\bsteps\.([\w-]+)\.outputs\.([\w-]+)")]
    private static partial Regex StepOutput();

    [GeneratedRegex(@"\bmatrix\.(\w+)")]
    private static partial Regex MatrixValue();

    private sealed class Workflow
    {
        public Workflow(string path)
        {
            Name = Path.GetFileNameWithoutExtension(path);
            Text = File.ReadAllText(path);
            Root = Read(path);
            Jobs = [.. Root["jobs"]!.AsObject().Select(job => new Job(job.Key, job.Value!.AsObject()))];
        }

        public string Name { get; }

        public string Text { get; }

        public JsonObject Root { get; }

        public IReadOnlyList<Job> Jobs { get; }

        public IEnumerable<Step> Steps => Jobs.SelectMany(job => job.Steps);
    }

    private sealed record Job(string Name, JsonObject Node)
    {
        public string? Uses => Node["uses"]?.GetValue<string>();

        public string[] Needs =>
            Node["needs"] switch
            {
                null => [],
                JsonArray needs => [.. needs.Select(need => $"{need}")],
                var need => [$"{need}"],
            };

        public IEnumerable<Step> Steps => Node["steps"]?.AsArray().Select(step => new Step(step!.AsObject())) ?? [];
    }

    private sealed record Step(JsonObject Node)
    {
        public string? Uses => Node["uses"]?.GetValue<string>();

        public string? Run => Node["run"]?.GetValue<string>();
    }
}
