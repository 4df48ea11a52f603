using System.Text;
using System.Text.Json.Nodes;
using CvManager.Records;
using CvManager.Resources;
using Xunit;
using static CvManager.Support.Records.RecordSamples;

namespace CvManager.Unit.Records;

public sealed class HistoryDocumentTests
{
    [Fact]
    public void Records_are_newest_first_and_whole()
    {
        JsonObject map = [];

        Assert.True(HistoryDocument.Add(map, [Record("1"), Record("3", minute: 3)], out _));
        Assert.True(
            HistoryDocument.Add(map, [Record("2", minute: 2, outcome: RolloutPhase.RolledBack, reason: "it crashes")], out var kept)
        );

        Assert.Null(kept);
        var records = HistoryDocument.Read((JsonObject)map["data"]!)!;
        Assert.Equal(["3", "2", "1"], records.Select(r => r.Id));
        Assert.Equal(Record("2", minute: 2, outcome: RolloutPhase.RolledBack, reason: "it crashes"), records[1]);
    }

    [Theory]
    [InlineData(499, 10, false)]
    [InlineData(500, 10, true)]
    [InlineData(600, 10, true)]
    [InlineData(600, 2000, true)]
    [InlineData(20, 2000, false)]
    public void A_history_is_full_at_its_number_of_records_or_its_size(int count, int reason, bool isFull)
    {
        JsonObject map = [];
        var added = Enumerable.Range(0, count).Select(i => Record($"{i}", minute: i, reason: new string('x', reason))).ToList();
        HistoryDocument.Add(map, added, out _);

        var records = HistoryDocument.Read((JsonObject)map["data"]!)!;
        Assert.Equal(reason == 2000 && isFull, records.Count < Math.Min(count, HistoryDocument.MaxRecords));
        Assert.Equal(isFull, HistoryDocument.IsFull(map, records));
    }

    [Fact]
    public void A_ConfigMap_without_records_is_not_full() => Assert.False(HistoryDocument.IsFull([], []));

    [Fact]
    public void Info_has_the_format_of_the_original_and_also_shows_failures()
    {
        JsonObject map = [];
        HistoryDocument.Add(map, [Record("1")], out _);
        HistoryDocument.Add(map, [Record("2", minute: 2, outcome: RolloutPhase.RolledBack, reason: "it\ncrashes")], out _);

        Assert.Equal(
            """
            Update occurred at:2026-01-01T12:02:30Z:
            Workload:app to version:2222222
            Outcome:RolledBack (it crashes)
            Update occurred at:2026-01-01T12:00:30Z:
            Workload:app to version:2222222

            """,
            map["data"]!["Info"]!.GetValue<string>()
        );
    }

    [Fact]
    public void Entries_of_the_original_program_are_kept_below_ours()
    {
        const string Original = "Update occurred at:2018-10-01 12:00:00 +0000 UTC:\nWorkload:app to version:0000000\n";
        JsonObject map = new()
        {
            ["data"] = new JsonObject { ["Info"] = Original, ["mine"] = "kept" },
        };

        Assert.True(HistoryDocument.Add(map, [Record("1")], out _));

        Assert.Equal(HistoryDocument.Text(Record("1")) + Original, map["data"]!["Info"]!.GetValue<string>());
        Assert.Equal("kept", map["data"]!["mine"]!.GetValue<string>());
    }

    [Fact]
    public void A_record_that_is_already_present_changes_nothing()
    {
        JsonObject map = [];
        HistoryDocument.Add(map, [Record("1")], out _);
        var before = map.ToJsonString();

        Assert.False(HistoryDocument.Add(map, [Record("1") with { Outcome = RolloutPhase.Superseded }], out _));
        Assert.Equal(before, map.ToJsonString());

        Assert.True(HistoryDocument.Add(map, [Record("1", name: "other"), Record("1", cv: "second")], out _));
        Assert.Equal(3, HistoryDocument.Read((JsonObject)map["data"]!)!.Count);
    }

    [Fact]
    public void Fields_of_a_newer_version_are_kept()
    {
        JsonObject map = [];
        HistoryDocument.Add(map, [Record("1")], out _);
        var records = map["data"]!["records"]!.GetValue<string>();
        map["data"]!["records"] = records.Replace("\"id\":\"1\"", "\"id\":\"1\",\"later\":{\"a\":1}", StringComparison.Ordinal);

        HistoryDocument.Add(map, [Record("2", minute: 2)], out _);

        Assert.Contains("\"later\":{\"a\":1}", map["data"]!["records"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("[null]")]
    [InlineData("null")]
    [InlineData("[{\"id\":\"1\"}]")]
    [InlineData("[{\"id\":1,\"cv\":\"\",\"kind\":\"\",\"name\":\"\",\"container\":\"\",\"toVersion\":\"\",\"outcome\":\"\"}]")]
    [InlineData("")]
    public void Records_that_cannot_be_parsed_are_set_aside_each_time(string broken)
    {
        JsonObject map = new() { ["data"] = new JsonObject { ["records"] = broken } };

        Assert.Null(HistoryDocument.Read((JsonObject)map["data"]!));
        Assert.True(HistoryDocument.Add(map, [Record("1")], out var first));
        map["data"]!["records"] = "broken again";
        Assert.True(HistoryDocument.Add(map, [Record("2")], out var second));

        Assert.Equal(("records.broken", "records.broken.2"), (first, second));
        Assert.Equal(
            (broken, "broken again"),
            (map["data"]!["records.broken"]!.GetValue<string>(), map["data"]!["records.broken.2"]!.GetValue<string>())
        );
        Assert.Equal("2", Assert.Single(HistoryDocument.Read((JsonObject)map["data"]!)!).Id);
    }

    [Fact]
    public void The_oldest_record_is_dropped_beyond_500_records()
    {
        JsonObject map = [];
        HistoryDocument.Add(map, [.. Enumerable.Range(0, 503).Select(i => Record($"{i}", minute: i))], out _);

        var records = HistoryDocument.Read((JsonObject)map["data"]!)!;
        Assert.Equal((500, "502", "3"), (records.Count, records[0].Id, records[^1].Id));
    }

    [Fact]
    public void The_oldest_records_are_dropped_as_a_whole_beyond_900_kB()
    {
        JsonObject map = [];
        for (var i = 0; i < 500; i += 10)
            HistoryDocument.Add(
                map,
                [.. Enumerable.Range(i, 10).Select(n => Record($"{n}", minute: n, reason: new string('ü', RolloutRecord.MaxReasonLength)))],
                out _
            );

        var data = (JsonObject)map["data"]!;
        var bytes = data.Sum(entry => Encoding.UTF8.GetByteCount(entry.Value!.GetValue<string>()));
        var records = HistoryDocument.Read(data)!;
        Assert.InRange(bytes, 850_000, HistoryDocument.MaxBytes);
        Assert.Equal("499", records[0].Id);
        Assert.InRange(records.Count, 100, 499);
        Assert.StartsWith("Update occurred at:", data["Info"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.EndsWith(")\n", data["Info"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public void Other_keys_reduce_the_available_space_and_fail_with_HistoryFull_if_none_is_left()
    {
        JsonObject crowded = new() { ["data"] = new JsonObject { ["mine"] = new string('x', 1_000_000) } };
        HistoryDocument.Add(crowded, [.. Enumerable.Range(0, 200).Select(i => Record($"{i}", minute: i))], out _);
        Assert.InRange(HistoryDocument.Read((JsonObject)crowded["data"]!)!.Count, 20, 150);

        JsonObject full = new() { ["data"] = new JsonObject { ["mine"] = new string('x', 1_040_000) } };
        Assert.Equal("HistoryFull", Assert.Throws<CvException>(() => HistoryDocument.Add(full, [Record()], out _)).ErrorId);
    }
}
