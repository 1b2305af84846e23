/// House numbers drawn by deep convolutional Gaussian mixtures, one model a class, and sharpened (Gepperth 2022, Figure 7).
/// Where SVHN is not at hand the same protocol runs on Fashion-MNIST, or on the built-in digits, and says so.
///
///     dotnet fsi scripts/dcgmm-svhn.fsx --quick                  a look in seconds
///     dotnet fsi scripts/dcgmm-svhn.fsx --set svhn               the paper's figure; says what is missing
///     dotnet fsi scripts/dcgmm-svhn.fsx --set fashion-mnist      the same on other images
///     dotnet fsi scripts/dcgmm-svhn.fsx help                     all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DcgmmSvhn.main |> exit
