/// Faces, objects and digits completed by DGC-SPNs with and without unweighted sum inputs (van de Wolfshaar and Pronobis 2020, Table 1).
///
///     dotnet fsi scripts/dgcspn-inpainting.fsx                 Olivetti faces, or the built-in grey digits where no data are around
///     dotnet fsi scripts/dgcspn-inpainting.fsx --quick         a look in some seconds
///     dotnet fsi scripts/dgcspn-inpainting.fsx --sets all      the whole table; --resume goes on after an interruption
///     dotnet fsi scripts/dgcspn-inpainting.fsx help            all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> DgcSpnInpainting.main |> exit
