namespace Spn.Core.Circuits.Structures;

/// <summary>Orders of the variables in the replicas of a structure.</summary>
internal static class VariableOrders
{
    /// <summary>Refuses counts below 1 and lists that are no orders.</summary>
    /// <param name="name">How the structure is called in findings.</param>
    /// <param name="variables">Number of variables.</param>
    /// <param name="replicas">Number of replicas.</param>
    /// <param name="orders">[replica, place], or null.</param>
    /// <exception cref="CircuitException">A count is below 1, or an order does not name each variable once.</exception>
    public static void Check(string name, int variables, int replicas, ValueList<ValueList<int>>? orders)
    {
        if (variables < 1) throw new CircuitException(name, "no variables", $"{variables} variables were given.", "Give at least 1.");
        if (replicas < 1) throw new CircuitException(name, "no replicas", $"{replicas} replicas were given.", "Give at least 1.");
        if (orders is null) return;
        if (orders.Count != replicas)
            throw new CircuitException(name, "orders missing", $"{orders.Count} orders were given for {replicas} replicas.", "Give one order a replica.");
        for (int r = 0; r < replicas; r++)
            if (!orders[r].Order().SequenceEqual(Enumerable.Range(0, variables)))
                throw new CircuitException(name, "not an order", $"The order of replica {r} does not name each of the variables 0 to {variables - 1} once.", "Give a permutation.");
    }
}
