using System.Management.Automation.Runspaces;

namespace CvManager.Shell;

/// <summary>What cvm was asked to do. The options are those of pwsh that make sense here, with their meaning.</summary>
internal sealed record CommandLine
{
    public const string Usage = """
        Usage: cvm FILE [arguments]          run a script; arguments as -Name value, -Name:value, -Switch or by position
               cvm -File FILE [arguments]    the same
               cvm -Command TEXT             run a command; - reads it from standard input
               cvm -Version
               cvm -Help

        Options before these: -NonInteractive (fail where a question would be asked); -NoProfile and -NoLogo are always so.

        cvm runs PowerShell's engine with the CvManager module, and without PowerShell's own Utility and Management modules.
        It ends with the script's exit code; 1 when it failed, 64 when these arguments make no sense.

        """;

    /// <summary>Absolute path of the script to run.</summary>
    public string? File { get; private init; }

    public IReadOnlyList<CommandParameter> Arguments { get; private init; } = [];

    /// <summary>The command to run; <c>-</c> for standard input.</summary>
    public string? Command { get; private init; }

    public bool ShowVersion { get; private init; }

    public bool ShowHelp { get; private init; }

    public bool NonInteractive { get; private init; }

    /// <summary>What is wrong with the arguments.</summary>
    public string? Error { get; private init; }

    public static CommandLine Parse(ReadOnlySpan<string> args)
    {
        var nonInteractive = false;
        for (var i = 0; i < args.Length; i++)
        {
            var rest = args[(i + 1)..];
            switch (args[i].ToUpperInvariant())
            {
                case "-NONINTERACTIVE":
                    nonInteractive = true;
                    break;
                case "-NOPROFILE" or "-NOLOGO":
                    break;
                case "-HELP" or "-H" or "-?" or "/?" or "--HELP":
                    return new CommandLine { ShowHelp = true };
                case "-VERSION" or "-V" or "--VERSION":
                    return new CommandLine { ShowVersion = true };
                case "-COMMAND" or "-C":
                    return rest.IsEmpty
                        ? new CommandLine { Error = "-Command needs a command." }
                        : new CommandLine { Command = string.Join(' ', rest.ToArray()), NonInteractive = nonInteractive };
                case "-FILE" or "-F":
                    return rest.IsEmpty ? new CommandLine { Error = "-File needs a file." } : Script(rest[0], rest[1..], nonInteractive);
                case ['-', ..]:
                    return new CommandLine { Error = $"There is no option '{args[i]}'." };
                default:
                    return Script(args[i], rest, nonInteractive);
            }
        }
        return new CommandLine { Error = "Neither a file nor a command is given." };
    }

    private static CommandLine Script(string file, ReadOnlySpan<string> arguments, bool nonInteractive) =>
        System.IO.File.Exists(file)
            ? new CommandLine { File = Path.GetFullPath(file), Arguments = ScriptArguments(arguments), NonInteractive = nonInteractive }
            : new CommandLine { Error = $"There is no file '{file}'." };

    /// <summary>As pwsh binds them: a dash makes a name, a colon joins its value, and only there do $true and $false mean more than text.</summary>
    private static List<CommandParameter> ScriptArguments(ReadOnlySpan<string> arguments)
    {
        var parameters = new List<CommandParameter>();
        for (var i = 0; i < arguments.Length; i++)
        {
            var argument = arguments[i];
            var colon = argument.IndexOf(':', StringComparison.Ordinal);
            if (argument.Length < 2 || argument[0] != '-')
                parameters.Add(new CommandParameter(null, argument));
            else if (colon < 0)
                parameters.Add(new CommandParameter(argument));
            else if (colon < argument.Length - 1)
                parameters.Add(new CommandParameter(argument[..colon], BooleanOrText(argument[(colon + 1)..])));
            else if (i < arguments.Length - 1)
                parameters.Add(new CommandParameter(argument[..colon], arguments[++i]));
        }
        return parameters;
    }

    private static object BooleanOrText(string value) => bool.TryParse(value.TrimStart('$'), out var boolean) ? boolean : value;
}
