using System.Text;

namespace CvManager.Web;

/// <summary>
/// The login of a browser: the viewer enters a Kubernetes token, and the browser keeps it in a cookie that scripts cannot read, and that is
/// not sent with requests of other sites.
/// </summary>
internal sealed class LoginPages(ViewerRights rights)
{
    internal const string Path = "/login";

    /// <summary>Browsers keep cookies to 4,096 bytes, with name and attributes.</summary>
    internal const int MaxToken = 3900;

    /// <summary>The page after the login.</summary>
    private const string Start = "/v1/cv/workloads?format=html";

    public IReadOnlyList<WebRoute> Routes =>
        [
            new("GET", Path, (_, _) => ValueTask.FromResult(rights.IsOpen ? PageResponse.Redirect(Start) : Form(200, null))),
            new("POST", Path, LogInAsync),
            new(
                "POST",
                "/logout",
                (request, _) => ValueTask.FromResult(PageResponse.Redirect(Path).With("Set-Cookie", Cookie(request, "", "; Max-Age=0")))
            ),
        ];

    private async ValueTask<PageResponse> LogInAsync(PageRequest request, CancellationToken cancellationToken)
    {
        if (rights.IsOpen)
            return PageResponse.Redirect(Start);
        var token = PageRequest.FormValue(Encoding.UTF8.GetString(request.Body.Span), "token")?.Trim() ?? "";
        if (token.Length > MaxToken)
            return Form(400, $"The token is longer than a cookie can be ({MaxToken:N0} characters). Use one with fewer claims.");
        try
        {
            return await rights.ReviewAsync(token, null, cancellationToken) == ViewerAccess.Unauthorized
                ? Form(401, "The token is not valid: it has expired, or it is for another cluster or audience.")
                : PageResponse.Redirect(Start).With("Set-Cookie", Cookie(request, token, ""));
        }
        catch (CvException e)
        {
            return e.ErrorId == ErrorIds.ViewerRateLimited
                ? Form(429, "Too many logins. Try again in a second.").With("Retry-After", "1")
                : Form(503, "The API server could not be asked. Try again later.").With("Retry-After", "5");
        }
    }

    /// <summary>Lasts until the browser ends; the API server decides how long the token is valid.</summary>
    private static string Cookie(PageRequest request, string value, string more)
    {
        // Behind a proxy that speaks HTTPS, the cookie is for HTTPS only.
        var secure = request.Lists("X-Forwarded-Proto", "https") ? "; Secure" : "";
        return $"{ViewerRights.CookieName}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}";
    }

    private static PageResponse Form(int statusCode, string? error) =>
        HtmlDocument.Page(
            "CvManager: log in",
            $"""
            {(error is null ? "" : $"<p class=\"error\" role=\"alert\">{HtmlDocument.Text(error)}</p>")}
            <form method="post" action="{Path}">
            <label>Kubernetes token <input type="password" name="token" required autofocus autocomplete="off" spellcheck="false"></label>
            <button>Log in</button>
            </form>
            <p>You see the namespaces whose ContainerVersions you may list. A token of a service account:
            <code>kubectl create token NAME -n NAMESPACE</code></p>
            """,
            hasLogout: false,
            statusCode
        );
}
