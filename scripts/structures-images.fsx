/// RAT-SPN and PD-SPN on images: bits per dimension, samples, and class 0 as outlier (Gepperth 2022, Table II).
///
///     dotnet fsi scripts/structures-images.fsx --quick                         a look in seconds
///     dotnet fsi scripts/structures-images.fsx                                 MNIST and Fashion-MNIST; --resume goes on after an interruption
///     dotnet fsi scripts/structures-images.fsx --channels 40 --budget 30       the size of the published PD-SPN
///     dotnet fsi scripts/structures-images.fsx help                            all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> StructuresImages.main |> exit
