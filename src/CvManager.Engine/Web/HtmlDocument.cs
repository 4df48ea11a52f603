using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace CvManager.Web;

/// <summary>An HTML page that is complete without scripts, and loads nothing.</summary>
internal static class HtmlDocument
{
    private const string Style = """
        :root{color-scheme:light dark;--line:#8884;--soft:#8882}
        *{box-sizing:border-box}
        body{margin:0;font:15px/1.5 system-ui,sans-serif}
        header{display:flex;align-items:center;gap:1rem;padding:.75rem 1rem;border-bottom:1px solid var(--line)}
        h1{font-size:1.1rem;margin:0;flex:1}
        main{padding:1rem;overflow-x:auto}
        table{border-collapse:collapse;width:100%}
        th,td{text-align:left;padding:.35rem .75rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
        thead th{position:sticky;top:0;background:Canvas}
        tbody tr:nth-child(even){background:var(--soft)}
        label,input,button{font:inherit}
        input{width:100%;max-width:40rem;padding:.4rem;display:block;margin:.25rem 0 1rem}
        button{padding:.4rem 1rem}
        .error{border-left:.3rem solid #c33;padding-left:.75rem}
        @media print{header form{display:none}}
        """;

    /// <summary>Loads nothing, runs nothing, and sends forms to this server only.</summary>
    private static readonly string Policy =
        $"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)))}'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    /// <param name="title">Text.</param>
    /// <param name="content">HTML.</param>
    /// <param name="hasLogout">True to offer to log out.</param>
    public static PageResponse Page(string title, string content, bool hasLogout, int statusCode = 200)
    {
        var logout = hasLogout ? """<form method="post" action="/logout"><button>Log out</button></form>""" : "";
        var html = $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <title>{Text(title)}</title>
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <style>{Style}</style>
            </head>
            <body>
            <header><h1>{Text(title)}</h1>{logout}</header>
            <main>
            {content}
            </main>
            </body>
            </html>

            """;
        return new PageResponse(statusCode, "text/html; charset=utf-8", Encoding.UTF8.GetBytes(html)) { ContentSecurityPolicy = Policy };
    }

    /// <summary>Text as HTML. Control characters and those that change the direction of other text are shown as escapes.</summary>
    public static string Text(string? text) => WebUtility.HtmlEncode(RemoteText.Show(text, limit: int.MaxValue));

    /// <param name="columns">The names.</param>
    /// <param name="rows">The cells: HTML.</param>
    public static string Table(IEnumerable<string> columns, IEnumerable<IEnumerable<string>> rows)
    {
        StringBuilder table = new("<table>\n<thead><tr>");
        foreach (var column in columns)
            table.Append("<th scope=\"col\">").Append(Text(column)).Append("</th>");
        table.Append("</tr></thead>\n<tbody>\n");
        foreach (var row in rows)
        {
            table.Append("<tr>");
            foreach (var cell in row)
                table.Append("<td>").Append(cell).Append("</td>");
            table.Append("</tr>\n");
        }

        return table.Append("</tbody>\n</table>").ToString();
    }
}
