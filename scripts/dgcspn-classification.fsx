/// Digits and clothes classified by discriminative DGC-SPNs (van de Wolfshaar and Pronobis 2020, Table 2).
///
///     dotnet fsi scripts/dgcspn-classification.fsx                           MNIST, or the built-in grey digits where no data are around
///     dotnet fsi scripts/dgcspn-classification.fsx --quick                   a look in some seconds
///     dotnet fsi scripts/dgcspn-classification.fsx --sets all --epochs 400   the paper's table; --resume goes on after an interruption
///     dotnet fsi scripts/dgcspn-classification.fsx help                      all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DgcSpnClassification.main |> exit
