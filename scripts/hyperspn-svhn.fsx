/// HyperSPN on Einsum networks, one a cluster of images (Shih, Sadigh and Ermon 2021, section 5, Figure 6).
/// Where SVHN is not at hand the same protocol runs on Fashion-MNIST, or on the built-in digits, and says so.
///
///     dotnet fsi scripts/hyperspn-svhn.fsx --quick                             a look in seconds
///     dotnet fsi scripts/hyperspn-svhn.fsx --epochs 10 --first 20              twenty groups; --resume goes on after an interruption
///     dotnet fsi scripts/hyperspn-svhn.fsx --set svhn --extra 531131           the paper's experiment: days, and some 20 GB of memory
///     dotnet fsi scripts/hyperspn-svhn.fsx help                                all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> HyperSpnSvhn.main |> exit
