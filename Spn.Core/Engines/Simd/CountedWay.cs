namespace Spn.Core.Engines.Simd;

/// <summary>A way down that counts.</summary>
/// <param name="Row">Its row of the call.</param>
/// <param name="Class">The class root that it starts from.</param>
/// <param name="Column">The root's column that it takes, or -1 where the float range was left.</param>
/// <param name="Count">How much it counts.</param>
/// <param name="Draws">Number r decides at region r.</param>
internal readonly record struct CountedWay(int Row, int Class, int Column, double Count, RandomStream Draws);
