/// Outliers by deep convolutional Gaussian mixtures, beside circuits (Gepperth 2022, Tables I and II, figure 10).
///
///     dotnet fsi scripts/dcgmm-outliers.fsx --quick                                a look in seconds
///     dotnet fsi scripts/dcgmm-outliers.fsx --seeds 3                              MNIST and Fashion-MNIST; --resume goes on after an interruption
///     dotnet fsi scripts/dcgmm-outliers.fsx --instances E --baselines none --shared   one set of parameters for all cells of a layer
///     dotnet fsi scripts/dcgmm-outliers.fsx help                                   all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DcgmmOutliers.main |> exit
