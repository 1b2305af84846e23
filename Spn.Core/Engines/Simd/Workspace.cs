namespace Spn.Core.Engines.Simd;

/// <summary>The memory in which one worker runs programs; it stays in cache and does not grow with the number of components.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    private const int StateVector = 32;

    private NativeBuffer buffer = new(0);
    private byte* states; // [table, lane], lanes in whole vectors of bytes
    private int stateLanes;

    /// <summary>Units, [unit, lane].</summary>
    public float* Units { get; private set; }

    /// <summary>Slopes, [slope, lane].</summary>
    public float* Slopes { get; private set; }

    /// <summary>Exponents, [slot, lane].</summary>
    public int* Exponents { get; private set; }

    /// <summary>Error exponents, [slot, lane], where they are asked for: by an upward pass that is to tell what it lost; else null.</summary>
    public int* Errors { get; private set; }

    /// <summary>Factors of the last renormalisation, [slot, lane].</summary>
    public float* Scales { get; private set; }

    /// <summary>Two pieces of scratch, each as large as the largest step's, [unit, lane].</summary>
    public float* Scratch { get; private set; }

    public float* OtherScratch { get; private set; }

    /// <summary>Slopes of the step at hand once scaled, [unit, lane]; as they were they stay until the step is done.</summary>
    public float* Scaled { get; private set; }

    /// <summary>1 where a lane takes part in a downward pass, 0 where its slopes left the range, [lane].</summary>
    public float* Counts { get; private set; }

    /// <summary>Largest slope, [lane].</summary>
    public float* Largest { get; private set; }

    public long Bytes => buffer.Bytes;

    /// <summary>Bytes for each lane.</summary>
    public static long LaneBytes(OpProgram program, bool downward) =>
        sizeof(float) * (program.Units + (downward ? program.Slopes : 0) + 2 * program.Slots + 3L * program.Scratch + 2 + (program.Tables.Length + 3) / 4);

    /// <summary>Lays the memory out for a program and a number of lanes.</summary>
    /// <param name="program">The program.</param>
    /// <param name="lanes">Number of lanes.</param>
    /// <param name="downward">Whether a downward pass follows.</param>
    /// <param name="errors">Whether errors are kept all the same.</param>
    public void Fit(OpProgram program, int lanes, bool downward, bool errors = false)
    {
        long bytes = (LaneBytes(program, downward) + (errors ? (long)sizeof(int) * program.Slots : 0)) * lanes + 64 + (long)StateVector * program.Tables.Length;
        if (buffer.Bytes < bytes)
        {
            buffer.Dispose();
            buffer = new NativeBuffer(bytes);
        }
        float* next = buffer.Floats;
        Units = Take(program.Units);
        Slopes = downward ? Take(program.Slopes) : null;
        Exponents = (int*)Take(program.Slots);
        Scales = downward ? Take(program.Slots) : null;
        Errors = downward && !errors ? null : (int*)Take(program.Slots);
        Scratch = Take(program.Scratch);
        OtherScratch = Take(program.Scratch);
        Scaled = Take(program.Scratch);
        Counts = Take(1);
        Largest = Take(1);
        states = (byte*)Take((program.Tables.Length + 3) / 4);
        stateLanes = (lanes + StateVector - 1) / StateVector * StateVector;

        float* Take(int rows)
        {
            float* own = next;
            next += (long)rows * lanes;
            return own;
        }
    }

    /// <summary>Takes units, slopes and what belongs to them from another workspace, with scratch of its own.</summary>
    /// <param name="shared">The other workspace, which lives as long.</param>
    /// <param name="program">The program that it was laid out for.</param>
    /// <param name="lanes">Number of lanes.</param>
    public void Borrow(Workspace shared, OpProgram program, int lanes)
    {
        long bytes = (3L * program.Scratch + 2) * lanes * sizeof(float);
        if (buffer.Bytes < bytes)
        {
            buffer.Dispose();
            buffer = new NativeBuffer(bytes);
        }
        Units = shared.Units;
        Slopes = shared.Slopes;
        Exponents = shared.Exponents;
        Scales = shared.Scales;
        Errors = shared.Errors;
        Scratch = buffer.Floats;
        OtherScratch = Scratch + (long)program.Scratch * lanes;
        Scaled = OtherScratch + (long)program.Scratch * lanes;
        Counts = Scaled + (long)program.Scratch * lanes;
        Largest = Counts + lanes;
    }

    /// <summary>States of a subtree kept as a table, [lane].</summary>
    public byte* States(int table) => states + (long)table * stateLanes;

    public void Dispose() => buffer.Dispose();
}
