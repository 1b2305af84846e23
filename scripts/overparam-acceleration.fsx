/// One sum against two and three on one another, by plain gradient ascent (Trapp, Peharz and Pernkopf 2019, Figure 2).
///
///     dotnet fsi scripts/overparam-acceleration.fsx                nltcs, or the built-in digits where no data are around
///     dotnet fsi scripts/overparam-acceleration.fsx --quick        a look in a minute
///     dotnet fsi scripts/overparam-acceleration.fsx --modes all    also softmax weights, Adam and Z in the objective
///     dotnet fsi scripts/overparam-acceleration.fsx help           all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> OverparamAcceleration.main |> exit
