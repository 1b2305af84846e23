/// All tests of the repository; each test file adds its list here.
module Spn.Tests.All

let allTests =
    testList "" [
        HarnessTests.tests
        RandomStreamTests.tests
        DataTests.tests
        EvidenceTests.tests
        SchemaTests.tests
        SchemaReadingTests.tests
        TableTests.tests
        ShowTests.tests
        InteropTests.tests
        TwentyTests.tests
        DgcSpnOptionTests.tests
        DgcSpnRunTests.tests
        HostTests.tests
        QueryCommandTests.tests
        TableCompletionTests.tests
        EngineTests.tests
        QueryEngineTests.tests
        QueryTests.tests
        QuerySampleTests.tests
        QueryPageTests.tests
        NotebookTests.tests
        QueryCornerTests.tests
        EinsumGoldenTests.tests
        InpaintTests.tests
        ScopeTests.tests
        SpatialTests.tests
        SpatialScopeTests.tests
        SpatialGoldenTests.tests
        DgcSpnTests.tests
        ClassPriorTests.tests
        GoldenTests.tests
        SpecialFunctionTests.tests
        FamilyTests.tests
        FamilyStatisticTests.tests
        FamilyQueryTests.tests
        FamilyTableTests.tests
        StreamingTests.tests
        ArchitectureTests.tests
        CircuitTests.tests
        TrainingTests.tests
        InputTests.tests
        InputEngineTests.tests
        InitTests.tests
        FrozenInputTests.tests
        EmEngineTests.tests
        EmTests.tests
        DiscriminativeTests.tests
        ModelFileTests.tests
        ModelRefusalTests.tests
    ]
