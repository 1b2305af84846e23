/// HyperSPN against an SPN with weight decay on the twenty binary data sets (Shih, Sadigh and Ermon 2021, Tables 1 and 2).
///
///     dotnet fsi scripts/hyperspn-twenty.fsx                   nltcs, or the built-in digits where no data are around
///     dotnet fsi scripts/hyperspn-twenty.fsx --quick           a look in a minute
///     dotnet fsi scripts/hyperspn-twenty.fsx --datasets all    the whole table; --resume goes on after an interruption
///     dotnet fsi scripts/hyperspn-twenty.fsx help              all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> HyperSpnTwenty.main |> exit
