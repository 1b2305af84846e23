/// The gamma function's relatives and the tails of the gamma and beta distributions against values of many digits.
module Spn.Tests.SpecialFunctionTests

open System
open Spn.Core.Plans

/// Within a part in 1e12, or 1e-13 near 0.
let private close actual expected name =
    if not (abs (actual - expected) <= 1e-12 * max (abs expected) 0.1) then
        failtest $"{name}: {actual:R}, expected {expected:R}"

let tests =
    testList "special functions" [
        testCase "log gamma and its derivatives have their digits" (fun () ->
            for x, log, first, second in
                [
                    1e-3, 6.90717888538385368, -1000.5755719318103, 1000001.64253319587
                    0.5, 0.572364942924700087, -1.96351002602142348, 4.93480220054467931
                    1.5, -0.120782237635245222, 0.0364899739785765206, 0.934802200544679309
                    7.25, 7.05218545073853944, 1.91045352688373603, 0.14787923315893217
                    123.456, 469.605547129929469, 4.81182932382898539, 0.00813294583427819801
                    1e5, 1051287.70897365689, 11.5129204649618951, 0.0000100000500001666667
                ] do
                close (SpecialFunctions.LogGamma x) log $"log gamma {x}"
                close (SpecialFunctions.Digamma x) first $"digamma {x}"
                // Relative, as it is small for large x.
                close (SpecialFunctions.Trigamma x / second) 1.0 $"trigamma {x}")
        testCase "tails of the gamma distribution have their digits, also far out" (fun () ->
            for a, x, below, above in
                [
                    0.01, 1e-5, -0.109439045713289775, -2.26660807982893016
                    0.5, 3.0, -0.0144091940451034784, -4.24708474678558974
                    2.5, 0.1, -7.02863697311180529, -0.000886531641887673133
                    2.5, 60.0, -3.13857977275529602e-24, -54.1182718359264767
                    30.0, 35.0, -0.194854307169229063, -1.73134878784784741
                    100.0, 40.0, -34.3512565349794642, -1.20625420530865207e-15
                    1000.0, 1010.0, -0.465726477734080213, -0.987998745141762524
                    1e5, 1.002e5, -0.305626094418338745, -1.33431693882096938
                    1e5, 9e4, -540.425280683323879, 0.0
                ] do
                let actualBelow, actualAbove = SpecialFunctions.LogGammaTails(a, x).ToTuple()
                close actualBelow below $"below {x}, shape {a}"
                close actualAbove above $"above {x}, shape {a}")
        testCase "tails of the beta distribution have their digits, also far out" (fun () ->
            for a, b, x, below, above in
                [
                    0.5, 0.5, 0.3, -0.996931211020778064, -0.460465453915871183
                    2.0, 3.0, 1e-4, -16.6290546119466562, -5.9992002099520122e-8
                    0.01, 4.0, 0.5, -0.000268282737596318637, -8.22360328090413484
                    40.0, 60.0, 0.4, -0.68233187516139038, -0.704080736874388123
                    40.0, 60.0, 0.9, -9.7185101086409467e-35, -78.3164459290720027
                    1000.0, 2000.0, 0.34, -0.246904762244233206, -1.51966618321083099
                ] do
                let actualBelow, actualAbove =
                    SpecialFunctions.LogBetaTails(a, b, x, 1.0 - x).ToTuple()

                close actualBelow below $"below {x}, shapes {a} and {b}"
                close actualAbove above $"above {x}, shapes {a} and {b}"
                // The same seen from the other end.
                let otherBelow, otherAbove =
                    SpecialFunctions.LogBetaTails(b, a, 1.0 - x, x).ToTuple()

                close otherBelow above $"below {1.0 - x}, shapes {b} and {a}"
                close otherAbove below $"above {1.0 - x}, shapes {b} and {a}")
        testCase "large parameters keep their digits" (fun () ->
            // Poisson probabilities of a large rate at its mean, by Stirling's series in closed form: 1 / sqrt(2 pi n) (1 - 1 / (12 n)).
            for n in [ 1e6; 1e8 ] do
                let expected = -0.5 * log (2.0 * Math.PI * n) + Math.Log(1.0 - 1.0 / (12.0 * n))
                close (SpecialFunctions.LogGammaTerm(n, n) - log n) expected $"rate {n}"

            // The tails of any distribution add to 1.
            for a, b, x in [ 5e4, 5e4, 0.503; 1e5, 3.0, 0.99997; 0.02, 1e5, 1e-7 ] do
                let below, above = SpecialFunctions.LogBetaTails(a, b, x, 1.0 - x).ToTuple()
                close (exp below + exp above) 1.0 $"beta {a}, {b} at {x}")
        testCase "small differences from 1 keep their digits" (fun () ->
            for x in [ 1e-20; 1e-12; 3e-6; 2e-5; 1e-3 ] do
                for sign in [ 1.0; -1.0 ] do
                    let x = sign * x
                    // Series to the fifth power.
                    close
                        (Precise.ExpMinusOne x / x)
                        (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0))))
                        "exp x - 1"

                    close
                        (Precise.LogOnePlus x / x)
                        (1.0
                         - x * (1.0 / 2.0 - x * (1.0 / 3.0 - x * (1.0 / 4.0 - x * (1.0 / 5.0 - x / 6.0)))))
                        "log (1 + x)"

            close (Precise.LogOneMinusExp -2e-5) (log 2e-5 - 1e-5 + 1e-10 / 6.0) "log (1 - exp x) near 0"
            close (Precise.LogOneMinusExp -40.0 / exp -40.0) -1.0 "log (1 - exp x) far out"
            close (Precise.LogAdd(-1000.0, -1000.0)) (log 2.0 - 1000.0) "log (exp a + exp b)"
            Expect.equal (Precise.LogAdd(-infinity, -3.0)) -3.0 "nothing added")
    ]
