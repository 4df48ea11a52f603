using System.Security.Cryptography;

namespace CvManager.Sandbox.Api;

/// <summary>Uids, generated names and addresses, repeatable by their seed. Guarded by the store's lock.</summary>
internal sealed class Identifiers(int? seed)
{
    /// <summary>The letters of generated names: without vowels, so that they form no words.</summary>
    private const string Alphabet = "bcdfghjklmnpqrstvwxz2456789";

    private const int GeneratedPrefixLimit = 58;

    // Names, not secrets: a predictable sequence is what a simulation needs.
    private readonly Random random = new(seed ?? RandomNumberGenerator.GetInt32(int.MaxValue));
    private int addresses;

    public string NewUid()
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
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
        }
        while (isTaken(name));
        return name;
    }

    public string Suffix(int length)
    {
        Span<char> letters = stackalloc char[length];
        for (int i = 0; i < length; i++)
            letters[i] = Alphabet[random.Next(Alphabet.Length)];
        return new string(letters);
    }

    public int Next(int limit) => random.Next(limit);

    /// <summary>An address for a pod: 10.244.x.y.</summary>
    public string NewPodAddress()
    {
        int number = addresses++;
        return $"10.244.{number / 250 % 250}.{(number % 250) + 2}";
    }

    /// <summary>An address for a service: 10.96.x.y.</summary>
    public string NewServiceAddress() => $"10.96.{random.Next(1, 250)}.{random.Next(1, 250)}";
}
