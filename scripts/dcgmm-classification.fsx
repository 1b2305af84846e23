/// Images classified by deep convolutional Gaussian mixtures (Gepperth 2022, Table IV).
///
///     dotnet fsi scripts/dcgmm-classification.fsx --quick                      a look in seconds
///     dotnet fsi scripts/dcgmm-classification.fsx --seeds 3                    MNIST and Fashion-MNIST; --resume goes on after an interruption
///     dotnet fsi scripts/dcgmm-classification.fsx --instances B --epochs 30    the paper's instance alone, for longer
///     dotnet fsi scripts/dcgmm-classification.fsx help                         all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DcgmmClassification.main |> exit
