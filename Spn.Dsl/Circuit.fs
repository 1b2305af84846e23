namespace Spn

open Spn.Core
open Spn.Core.Engines
open Spn.Core.Lowering

/// <summary>Describes, checks and compiles circuits.</summary>
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Circuit =

    /// <summary>Puts layers on a structure; the list is the recipe at each region, bottom up.</summary>
    /// <param name="layers">An input, then one product and its sums, which repeat up the structure, then the root.</param>
    /// <param name="structure">The regions.</param>
    let overRegions (layers: LayerSpec list) (structure: StructureSpec) : CircuitSpec =
        (CircuitSpec.Over structure, layers) ||> List.fold _.With

    /// <summary>Puts a stack of layers on a grid: an input at every cell, spatial products and sums, the root.</summary>
    /// <param name="variables">The grid.</param>
    /// <param name="layers">The layers, bottom up.</param>
    let stack (variables: GridVariables) (layers: LayerSpec list) : CircuitSpec = overRegions layers variables

    /// <summary>The description with another source of mixture weights.</summary>
    let withWeights (weights: WeightSpec) (spec: CircuitSpec) : CircuitSpec = spec.WithWeights weights

    /// <summary>Circuits side by side under a root that mixes them, each with structure, layers and weights of its own.</summary>
    /// <param name="parts">The descriptions, over the same variables and with as many class roots.</param>
    let mixtureOf (parts: CircuitSpec seq) : CircuitSpec = CircuitSpec.MixtureOf parts

    /// <summary>Everything that is wrong with a description; empty when it compiles.</summary>
    let check (spec: CircuitSpec) : CircuitFinding list = Lowerer.Check spec |> List.ofSeq

    /// <summary>Compiles a description for the default engine on all processors.</summary>
    /// <exception cref="T:Spn.Core.CircuitException">The description breaks a rule; all findings are listed.</exception>
    let compile (spec: CircuitSpec) : Circuit = Circuit.Compile spec

    /// <summary>Compiles a description for a given engine.</summary>
    /// <exception cref="T:Spn.Core.CircuitException">The description breaks a rule; all findings are listed.</exception>
    let compileWith (engine: IEngine) (spec: CircuitSpec) : Circuit = Circuit.Compile(spec, engine)

    /// <summary>Starts the parameters afresh, learned input densities by the samples, and gives the circuit back.</summary>
    /// <exception cref="T:Spn.Core.EvidenceException">The samples do not fit the circuit.</exception>
    let initialise (train: Evidence) (circuit: Circuit) : Circuit = circuit.Initialise train

    /// <summary>Names the columns that the variables are, and gives the circuit back; the schema is saved with it.</summary>
    /// <exception cref="T:System.ArgumentException">The columns are not the circuit's variables.</exception>
    let withSchema (schema: Schema) (circuit: Circuit) : Circuit =
        circuit.Schema <- schema
        circuit

    /// <summary>The circuit over the hidden variables whose likelihoods are those given the observed ones; see <see cref="M:Spn.Core.Circuit.Condition(Spn.Core.Evidence)"/>.</summary>
    /// <param name="evidence">One sample: what is observed.</param>
    /// <param name="circuit">The circuit; it stays as it is.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">The evidence does not fit, holds a set of values, or has probability 0.</exception>
    /// <exception cref="T:Spn.Core.CircuitException">No variable is hidden.</exception>
    let condition (evidence: Evidence) (circuit: Circuit) : Circuit = circuit.Condition evidence

    /// <summary>The same model with so many sum layers in place of every sum of free or raw weights; of a circuit, one of the same distribution.</summary>
    /// <remarks>Depth changes how gradients move the weights, not what the model can say. Source: Trapp, Peharz and Pernkopf 2019.</remarks>
    /// <param name="depth">Number of sum layers in place of one; 1 collapses.</param>
    /// <param name="model">A description or a circuit; a circuit stays as it is.</param>
    /// <exception cref="T:Spn.Core.CircuitException">No sum has such weights, or the depth is below 1 or above 30.</exception>
    let inline overparametrize (depth: int) (model: ^Model) : ^Model =
        (^Model: (member Overparametrize: int -> ^Model) (model, depth))

    /// <summary>The same model with the sum layers that <c>overparametrize</c> made multiplied out; of a circuit, one of the same distribution.</summary>
    /// <param name="model">A description or a circuit; a circuit stays as it is.</param>
    let inline collapse (model: ^Model) : ^Model =
        (^Model: (member Collapse: unit -> ^Model) model)

    /// <summary>One circuit that mixes copies of others, each with how much it counts; see <see cref="M:Spn.Core.Circuit.Mix"/>.</summary>
    /// <param name="parts">Shares, which need not add to 1, and circuits over the same variables.</param>
    /// <exception cref="T:Spn.Core.CircuitException">There are no parts, or they do not fit together.</exception>
    /// <exception cref="T:System.ArgumentException">A share is unfit.</exception>
    let mix (parts: (float * Circuit) list) : Circuit =
        Circuit.Mix([| for _, circuit in parts -> circuit |], [| for share, _ in parts -> share |])

    /// <summary>A few lines that say what the circuit is: structure, layers, sizes, engine.</summary>
    let summary (circuit: Circuit) : string = circuit.Summary()

    /// <summary>Writes description and parameters to a file in safetensors layout, and gives the circuit back.</summary>
    /// <exception cref="T:Spn.Core.Files.ModelFileException">The file cannot be written.</exception>
    let save (path: string) (circuit: Circuit) : Circuit =
        circuit.Save path
        circuit

    /// <summary>Reads a circuit that <c>save</c> wrote, for the default engine.</summary>
    /// <exception cref="T:Spn.Core.Files.ModelFileException">The file cannot be read or is no model file.</exception>
    let load (path: string) : Circuit = Circuit.Load path
