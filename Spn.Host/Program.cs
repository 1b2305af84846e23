using System.Reflection;

namespace Spn.Host;

internal static class Program
{
    private static int Main()
    {
        Console.WriteLine($"spn {Assembly.GetExecutingAssembly().GetName().Version?.ToString(3)}");
        return 0;
    }
}
