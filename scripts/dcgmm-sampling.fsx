/// Samples of deep convolutional Gaussian mixtures, looked at and judged by a convolutional network (Gepperth 2022, Figures 6, 12, 13, Table III).
///
///     dotnet fsi scripts/dcgmm-sampling.fsx                              A, B, E and F on MNIST and Fashion-MNIST, or on the built-in digits
///     dotnet fsi scripts/dcgmm-sampling.fsx --quick                      a look in some seconds
///     dotnet fsi scripts/dcgmm-sampling.fsx --tasks quality --seeds 5    the paper's table; --resume goes on after an interruption
///     dotnet fsi scripts/dcgmm-sampling.fsx --top 2,3 --divisors 5,20    several ways to draw
///     dotnet fsi scripts/dcgmm-sampling.fsx help                         all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DcgmmSampling.main |> exit
