using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using static CvManager.Sandbox.Selectors.LabelSelector;

namespace CvManager.Sandbox.Selectors;

/// <summary>Parses label selectors in queries, with the grammar and messages of apimachinery's labels package.</summary>
internal sealed class LabelSelectorParser(string text)
{
    private const string Symbols = "=!(),<>";
    private int _position;

    public List<Requirement> Parse()
    {
        var list = new List<Requirement>();
        while (true)
        {
            var token = Peek();
            if (token.Length == 0 && list.Count > 0)
                throw Unexpected(token, "identifier after ','");
            list.Add(ParseRequirement());
            token = Next();
            if (token.Length == 0)
                return list;
            if (token != ",")
                throw Unexpected(token, "',' or 'end of string'");
        }
    }

    private Requirement ParseRequirement()
    {
        var token = Next();
        if (token == "!")
            return new Requirement(Key(Next()), SelectorOperator.DoesNotExist, []);
        var key = Key(token);
        switch (Peek())
        {
            case "" or ",":
                return new Requirement(key, SelectorOperator.Exists, []);
            case "=" or "==":
                Next();
                return new Requirement(key, SelectorOperator.In, [Value()]);
            case "!=":
                Next();
                return new Requirement(key, SelectorOperator.NotIn, [Value()]);
            case ">":
                Next();
                return new Requirement(key, SelectorOperator.GreaterThan, [Value()]);
            case "<":
                Next();
                return new Requirement(key, SelectorOperator.LessThan, [Value()]);
            case "in":
                Next();
                return new Requirement(key, SelectorOperator.In, Values());
            case "notin":
                Next();
                return new Requirement(key, SelectorOperator.NotIn, Values());
            default:
                throw Unexpected(Next(), "in, notin, =, ==, !=, gt, lt");
        }
    }

    private static string Key(string token)
    {
        if (token.Length == 0 || Symbols.Contains(token[0]))
            throw Unexpected(token, "!, identifier, or 'end of string'");
        if (NameRules.QualifiedName(token) is string problem)
            throw ApiException.BadRequest($"unable to parse requirement: <nil>: Invalid value: {JsonAccess.Quoted(token)}: {problem}");
        return token;
    }

    private string Value()
    {
        var token = Peek();
        if (token is "" or ",")
            return "";
        Next();
        if (Symbols.Contains(token[0]))
            throw Unexpected(token, "identifier");
        return token;
    }

    private List<string> Values()
    {
        var token = Next();
        if (token != "(")
            throw Unexpected(token, "'('");
        var values = new List<string>();
        while (true)
        {
            token = Next();
            if (token == ")")
            {
                values.Add("");
                return values;
            }
            if (token.Length == 0 || (Symbols.Contains(token[0]) && token != ","))
                throw Unexpected(token, "',', ')' or identifier");
            if (token == ",")
            {
                values.Add("");
                continue;
            }
            values.Add(token);
            token = Next();
            if (token == ")")
                return values;
            if (token != ",")
                throw Unexpected(token, "',' or ')'");
        }
    }

    private string Peek()
    {
        var before = _position;
        var token = Next();
        _position = before;
        return token;
    }

    private string Next()
    {
        while (_position < text.Length && char.IsWhiteSpace(text[_position]))
            _position++;
        var start = _position;
        if (start == text.Length)
            return "";
        if (Symbols.Contains(text[start]))
        {
            _position++;
            if (
                _position < text.Length
                && text[_position] == '='
                && text[start] is '=' or '!'
                && text[start..(_position + 1)] is "==" or "!="
            )
                _position++;
            return text[start.._position];
        }
        while (_position < text.Length && !char.IsWhiteSpace(text[_position]) && !Symbols.Contains(text[_position]))
            _position++;
        return text[start.._position];
    }

    private static ApiException Unexpected(string found, string expected) =>
        ApiException.BadRequest($"unable to parse requirement: found '{found}', expected: {expected}");
}
