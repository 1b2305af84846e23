/// Samples of deep convolutional Gaussian mixtures with pooling layers, as drawn and sharpened (Gepperth 2022, Figures 5 and 9).
///
///     dotnet fsi scripts/dcgmm-sharpening.fsx                    C, D and G on MNIST and Fashion-MNIST, or on the built-in digits
///     dotnet fsi scripts/dcgmm-sharpening.fsx --quick            a look in some seconds
///     dotnet fsi scripts/dcgmm-sharpening.fsx --strength 3       with steps three times as long
///     dotnet fsi scripts/dcgmm-sharpening.fsx help               all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DcgmmSharpening.main |> exit
