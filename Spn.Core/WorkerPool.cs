using System.Collections.Concurrent;

namespace Spn.Core;

/// <summary>Threads that share the items of a loop; short loops follow each other closely, so idle workers spin a while before they sleep.</summary>
internal sealed class WorkerPool
{
    private static readonly ConcurrentDictionary<int, WorkerPool> Pools = new();

    private readonly Lock entry = new();
    private readonly SemaphoreSlim[] wake; // one a helper: a shared one would let a helper that is done take the place of one that is still to wake
    private readonly int[] asleep; // 1 where a helper waits to be woken
    private readonly int helpers;
    private Action<int, int> body = (_, _) => { };
    private volatile int generation;
    private int items;
    private int next;
    private int running;
    private Exception? failure;

    private WorkerPool(int threads)
    {
        Threads = threads;
        helpers = threads - 1;
        wake = [.. Enumerable.Range(0, threads).Select(_ => new SemaphoreSlim(0))];
        asleep = new int[threads];
        for (int worker = 1; worker < threads; worker++)
        {
            int own = worker;
            new Thread(() => Serve(own)) { IsBackground = true, Name = $"spn worker {own}" }.Start();
        }
    }

    /// <summary>Number of workers, the caller included.</summary>
    public int Threads { get; }

    /// <summary>The pool of that many threads, shared by the process.</summary>
    public static WorkerPool Of(int threads) => Pools.GetOrAdd(threads, n => new WorkerPool(n));

    /// <summary>Runs body(item, worker) for every item; workers are numbered from 0. Runs alone when the pool is busy with another caller.</summary>
    public void Run(int count, Action<int, int> loop)
    {
        if (helpers == 0 || count < 2 || !entry.TryEnter())
        {
            for (int item = 0; item < count; item++) loop(item, 0);
            return;
        }
        try
        {
            body = loop;
            items = count;
            next = -1;
            failure = null;
            Volatile.Write(ref running, helpers);
            generation++;
            for (int worker = 1; worker <= helpers; worker++)
                if (TryWake(worker)) wake[worker].Release();
            Work(0);
            var spin = new SpinWait();
            while (Volatile.Read(ref running) > 0) spin.SpinOnce(sleep1Threshold: -1);
            if (failure is not null) throw new AggregateException(failure);
        }
        finally
        {
            entry.Exit();
        }
    }

    /// <summary>Runs over a long vector piece by piece: work(first, count) for each. A single thread would not reach the speed of memory.</summary>
    public void InPieces(int length, Action<int, int> work)
    {
        const int piece = 1 << 16;
        Run((length + piece - 1) / piece, (i, _) => work(i * piece, Math.Min(piece, length - i * piece)));
    }

    private void Work(int worker)
    {
        try
        {
            for (int item = Interlocked.Increment(ref next); item < items; item = Interlocked.Increment(ref next)) body(item, worker);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref failure, e, null);
            Volatile.Write(ref next, items);
        }
    }

    private void Serve(int worker)
    {
        int seen = 0;
        using FlushToZero flush = FlushToZero.Here();
        while (true)
        {
            for (int spins = 0; generation == seen && spins < 4000; spins++) Thread.SpinWait(8);
            if (generation == seen)
            {
                Volatile.Write(ref asleep[worker], 1);
                Interlocked.MemoryBarrier();
                // Where the loop has come meanwhile and the caller has not seen this worker asleep, nobody will wake it.
                if (generation == seen || !TryWake(worker)) wake[worker].Wait();
            }
            seen = generation;
            Work(worker);
            Interlocked.Decrement(ref running);
        }
    }

    /// <summary>Whether a helper was asleep; it counts as awake from now on.</summary>
    private bool TryWake(int worker) => Interlocked.Exchange(ref asleep[worker], 0) == 1;
}
