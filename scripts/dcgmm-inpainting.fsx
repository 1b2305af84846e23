/// The erased right half of images filled in by deep convolutional Gaussian mixtures (Gepperth 2022, Figure 8).
///
///     dotnet fsi scripts/dcgmm-inpainting.fsx                    A and F on MNIST and Fashion-MNIST, or on the built-in digits
///     dotnet fsi scripts/dcgmm-inpainting.fsx --quick            a look in some seconds
///     dotnet fsi scripts/dcgmm-inpainting.fsx --classes all      models of all classes only
///     dotnet fsi scripts/dcgmm-inpainting.fsx help               all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DcgmmInpainting.main |> exit
