using System.Security.Cryptography;

namespace CvManager.Sandbox.Kinds;

/// <summary>Generates UIDs, names and addresses; the same seed yields the same sequence. Guarded by the store's lock.</summary>
internal sealed class Identifiers(int? seed)
{
    /// <summary>The characters of generated names. Without vowels, so that names do not form words.</summary>
    private const string Alphabet = "bcdfghjklmnpqrstvwxz2456789";

    private const int GeneratedPrefixLimit = 58;

    // These are names, not secrets, and simulations need a predictable sequence.
    private readonly Random _random = new(seed ?? RandomNumberGenerator.GetInt32(int.MaxValue));
    private int _addresses;

    public string NewUid()
    {
        Span<byte> bytes = stackalloc byte[16];
        _random.NextBytes(bytes);
        bytes[7] = (byte)((bytes[7] & 0x0f) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes).ToString();
    }

    public string NewName(string prefix, Func<string, bool> isTaken)
    {
        if (prefix.Length > GeneratedPrefixLimit)
            prefix = prefix[..GeneratedPrefixLimit];
        string name;
        do
        {
            name = prefix + Suffix(5);
        } while (isTaken(name));
        return name;
    }

    public string Suffix(int length)
    {
        Span<char> letters = stackalloc char[length];
        for (var i = 0; i < length; i++)
            letters[i] = Alphabet[_random.Next(Alphabet.Length)];
        return new string(letters);
    }

    public int Next(int limit) => _random.Next(limit);

    /// <summary>A pod IP: 10.244.x.y.</summary>
    public string NewPodAddress()
    {
        var number = _addresses++;
        return $"10.244.{number / 250 % 250}.{(number % 250) + 2}";
    }

    /// <summary>A cluster IP: 10.96.x.y.</summary>
    public string NewServiceAddress() => $"10.96.{_random.Next(1, 250)}.{_random.Next(1, 250)}";
}
