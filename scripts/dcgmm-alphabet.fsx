/// Centroids of the lowest mixture layer of a deep convolutional Gaussian mixture as pictures (Gepperth 2022, figure 14).
///
///     dotnet fsi scripts/dcgmm-alphabet.fsx --quick                  a look in seconds
///     dotnet fsi scripts/dcgmm-alphabet.fsx                          instance B on MNIST and Fashion-MNIST
///     dotnet fsi scripts/dcgmm-alphabet.fsx --instances A,B,E        patches of other sizes beside it
///     dotnet fsi scripts/dcgmm-alphabet.fsx help                     all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DcgmmAlphabet.main |> exit
