using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;
using Xunit;

namespace CvManager.Unit.Sandbox.Storage;

public sealed class ResourceTableTests
{
    [Fact]
    public async Task A_reader_may_end_its_watch_while_a_change_is_delivered()
    {
        ResourceTable table = new(BuiltInKinds.Pods, historyLimit: 10, createdAt: 1);
        using var first = Attach(table, inline: true);
        using var second = Attach(table, inline: false);
        var reading = ReadOnceAsync(first);

        table.Log(Added("one", 2));

        await reading;
        table.Log(Added("two", 3));
        var buffer = new byte[100];
        var read = await second.ReadAsync(buffer, TestContext.Current.CancellationToken);
        Assert.Equal("one;two;", Encoding.UTF8.GetString(buffer, 0, read));

        static async Task ReadOnceAsync(WatchStream stream)
        {
            var buffer = new byte[100];
            Assert.NotEqual(0, await stream.ReadAsync(buffer, TestContext.Current.CancellationToken));
            await stream.DisposeAsync();
        }
    }

    private static WatchStream Attach(ResourceTable table, bool inline)
    {
        Watch? watch = null;
        WatchStream stream = new(wake => Wake(wake, inline), _ => table.Detach(watch!));
        watch = new Watch(
            table,
            new ObjectFilter("", LabelSelector.Parse(""), FieldSelector.Parse("", BuiltInKinds.Pods.SelectableFields)),
            (_, item) => Encoding.UTF8.GetBytes(item.Name + ";"),
            stream
        );
        table.Attach(watch);
        return stream;
    }

    private static void Wake(Action reader, bool inline)
    {
        if (inline)
            reader();
        else
            ThreadPool.QueueUserWorkItem(static action => action(), reader, preferLocal: false);
    }

    private static StoreChange Added(string name, long revision)
    {
        JsonObject body = new()
        {
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = "default",
                ["uid"] = name,
            },
        };
        return new StoreChange(ChangeKind.Added, new ResourceTable(BuiltInKinds.Pods, 10, 1), new StoredObject(body, revision), null);
    }
}
