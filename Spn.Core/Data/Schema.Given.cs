using Spn.Core.Data;

namespace Spn.Core;

/// <content>Evidence from a sentence.</content>
public sealed partial record Schema
{
    /// <summary>One sample of which conditions are known: <c>age &gt;= 42, smoker = 1, 3 &lt;= x &lt;= 7, colour in {red, blue}</c>.</summary>
    /// <remarks>
    /// Conditions are separated by commas and all hold. A condition compares a column with values by =, !=, &lt;, &lt;=, &gt; or &gt;=, or
    /// lists values after in. Values are written as in the file. Discrete columns whose labels are numbers are compared as numbers,
    /// other discrete columns know only =, != and in. On real columns &lt; means &lt;= and &gt; means &gt;=, since a single number has no
    /// probability, and != and lists are refused. Names and values with special characters stand in double or single quotes.
    /// Several conditions on one column are taken together. Columns without a condition are hidden; an empty text hides all.
    /// </remarks>
    /// <param name="text">The conditions.</param>
    /// <exception cref="EvidenceException">The text cannot be read, names an unknown column or a value outside a domain, or
    /// contradicts itself; the message and <see cref="EvidenceException.Position"/> say where.</exception>
    public Evidence Given(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new GivenText(text, this).Read();
    }
}
