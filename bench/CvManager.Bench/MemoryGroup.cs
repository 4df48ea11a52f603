using System.Globalization;

namespace CvManager.Bench;

/// <summary>A control group of Linux (version 1 or 2) that counts and limits the memory of a process, as for a container. Requires root.</summary>
internal sealed class MemoryGroup : IDisposable
{
    private readonly bool _isVersion2 = File.Exists("/sys/fs/cgroup/cgroup.controllers");
    private readonly string _folder;

    /// <param name="limit">The limit in MiB; null for none.</param>
    public MemoryGroup(int? limit)
    {
        _folder = Path.Combine(_isVersion2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory", $"cvm-bench-{Guid.NewGuid():n}");
        Directory.CreateDirectory(_folder);
        if (limit is { } mebibytes)
            File.WriteAllText(
                Path.Combine(_folder, _isVersion2 ? "memory.max" : "memory.limit_in_bytes"),
                (mebibytes * 1024L * 1024).ToString(CultureInfo.InvariantCulture)
            );
    }

    /// <summary>A process that writes its id to this file belongs to the group.</summary>
    public string Processes => Path.Combine(_folder, "cgroup.procs");

    /// <summary>What the kernel cannot reclaim: everything but files.</summary>
    public double UnreclaimableMegabytes => (Usage - Statistic("inactive_file") - Statistic("active_file")) / 1e6;

    private long Usage =>
        long.Parse(
            File.ReadAllText(Path.Combine(_folder, _isVersion2 ? "memory.current" : "memory.usage_in_bytes")),
            CultureInfo.InvariantCulture
        );

    /// <summary>Removes the group. Its processes must have exited.</summary>
    public void Dispose() => Directory.Delete(_folder);

    private long Statistic(string name) =>
        File.ReadLines(Path.Combine(_folder, "memory.stat"))
            .Where(line => line.StartsWith(name + " ", StringComparison.Ordinal))
            .Select(line => long.Parse(line[(name.Length + 1)..], CultureInfo.InvariantCulture))
            .Single();
}
