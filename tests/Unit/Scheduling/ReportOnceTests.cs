using CvManager.Scheduling;
using Xunit;

namespace CvManager.Unit.Scheduling;

public sealed class ReportOnceTests
{
    [Fact]
    public void A_problem_is_new_once_for_each_subject_until_it_changes_or_is_forgotten()
    {
        ReportOnce<string> reports = new();

        Assert.True(reports.IsNew("a", "broken"));
        Assert.False(reports.IsNew("a", "broken"));
        Assert.True(reports.IsNew("b", "broken"));
        Assert.True(reports.IsNew("a", "gone"));
        Assert.True(reports.IsNew("a", "broken"));
        Assert.Equal(2, reports.Count);
        Assert.True(reports.Forget("a"));
        Assert.False(reports.Forget("a"));
        Assert.True(reports.IsNew("a", "broken"));
    }
}
