using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Errors;

/// <summary>Collects validation errors, with the messages of apimachinery's field package.</summary>
internal sealed class CauseList
{
    private readonly List<StatusCause> _causes = [];

    public IReadOnlyList<StatusCause> Causes => _causes;

    public bool IsEmpty => _causes.Count == 0;

    public void Required(string field, string detail = "") =>
        Add("FieldValueRequired", field, "Required value" + (detail.Length == 0 ? "" : ": " + detail));

    public void Invalid(string field, JsonNode? value, string detail) =>
        Add("FieldValueInvalid", field, $"Invalid value: {Show(value)}: {detail}");

    /// <summary>With a value that is already formatted, for values that Go prints as a struct.</summary>
    public void InvalidPrinted(string field, string value, string detail) =>
        Add("FieldValueInvalid", field, $"Invalid value: {value}: {detail}");

    public void NotSupported(string field, JsonNode? value, params IEnumerable<string> supported) =>
        Add(
            "FieldValueNotSupported",
            field,
            $"Unsupported value: {Show(value)}: supported values: {string.Join(", ", supported.Select(JsonAccess.Quoted))}"
        );

    public void Duplicate(string field, JsonNode? value) => Add("FieldValueDuplicate", field, $"Duplicate value: {Show(value)}");

    public void Forbidden(string field, string detail) => Add("FieldValueForbidden", field, $"Forbidden: {detail}");

    public void TooLong(string field, string detail) => Add("FieldValueTooLong", field, $"Too long: {detail}");

    public void NotFound(string field, JsonNode? value) => Add("FieldValueNotFound", field, $"Not found: {Show(value)}");

    public void Add(string reason, string field, string message) => _causes.Add(new StatusCause(reason, message, field));

    /// <exception cref="ApiException">422 if the list is not empty.</exception>
    public void Throw(string group, string kind, string name)
    {
        if (_causes.Count > 0)
            throw ApiException.Invalid(group, kind, name, _causes);
    }

    private static string Show(JsonNode? value) => value is null ? "null" : JsonText.Text(value);
}
