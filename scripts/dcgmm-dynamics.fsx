/// Losses of the layers of a deep convolutional Gaussian mixture during training (Gepperth 2022, figure 4).
///
///     dotnet fsi scripts/dcgmm-dynamics.fsx --quick                      a look in seconds
///     dotnet fsi scripts/dcgmm-dynamics.fsx                              instance F on MNIST and Fashion-MNIST
///     dotnet fsi scripts/dcgmm-dynamics.fsx --instances E --epochs 10    another instance, for longer
///     dotnet fsi scripts/dcgmm-dynamics.fsx help                         all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DcgmmDynamics.main |> exit
