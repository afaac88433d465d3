// swift-tools-version: 6.2
// One root package, no dependencies: what is not the core comes from system libraries
// (Sources/Gretl/Bindings). docs/architecture.md explains the targets and their direction.

import PackageDescription

/// Settings of every Swift target: language mode 6, no unmarked unsafe construct, no warning.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Exclusivity and isolation are checked in debug builds, where the tests run; in release the
    // dynamic checks cost a third of the hot path (docs/decisions/0009).
    .unsafeFlags(
        ["-enforce-exclusivity=unchecked", "-disable-actor-data-race-checks"],
        .when(configuration: .release)),
]

/// Settings of every C target. Faults can be injected in debug builds only (fault.c).
let strictC: [CSetting] = [
    .define("CEPOLL_FAULTS", .when(configuration: .debug)),
    .define("_GNU_SOURCE"),
    .unsafeFlags(["-Wall", "-Wextra", "-Werror", "-std=gnu11"]),
]

let package = Package(
    name: "gretl",
    products: [
        .executable(name: "gr", targets: ["gr"])
    ],
    dependencies: [],
    targets: [
        .target(
            name: "CEpoll", path: "Sources/CEpoll", exclude: ["Monitor"], cSettings: strictC),
        .target(name: "CMovemask", path: "Sources/HTTPParser/CMovemask"),
        .target(
            name: "HTTPParser", dependencies: ["CMovemask"], path: "Sources/HTTPParser",
            exclude: ["CMovemask"], swiftSettings: strict),
        .target(
            name: "NetCore", dependencies: ["CEpoll", "HTTPParser"], path: "Sources/NetCore",
            swiftSettings: strict),
        .systemLibrary(
            name: "CSQLite", path: "Sources/Gretl/Bindings/CSQLite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]),
        .target(
            name: "CTOML", path: "Sources/Gretl/Bindings/CTOML",
            cxxSettings: [.define("TOML_EXCEPTIONS", to: "0")]),
        // Both are loaded at first use (dlopen): linked they would cost memory from the start.
        .target(name: "CCurl", path: "Sources/Gretl/Bindings/CCurl", cSettings: strictC),
        .target(name: "COpenSSL", path: "Sources/Gretl/Bindings/COpenSSL", cSettings: strictC),
        .target(
            name: "CYAML", path: "Sources/Gretl/Bindings/CYAML", cSettings: strictC,
            linkerSettings: [.linkedLibrary("yaml")]),
        .target(
            name: "Gretl",
            dependencies: [
                "NetCore", "HTTPParser", "CSQLite", "CTOML", "CCurl", "COpenSSL", "CYAML",
            ],
            path: "Sources/Gretl", exclude: ["Main", "Bindings"], swiftSettings: strict),
        .executableTarget(
            name: "gr", dependencies: ["Gretl"], path: "Sources/Gretl/Main",
            swiftSettings: strict),
        .executableTarget(
            name: "bench", dependencies: ["Gretl", "NetCore", "HTTPParser"],
            path: "Benchmarks/bench", swiftSettings: strict),
        .executableTarget(
            name: "tether", dependencies: ["NetCore"], path: "Benchmarks/tether",
            swiftSettings: strict),
        .target(
            name: "TestSupport", dependencies: ["CEpoll", "HTTPParser", "NetCore"],
            path: "Tests/TestSupport", swiftSettings: strict),
        .executableTarget(
            name: "fake-cluster", dependencies: ["Gretl", "HTTPParser", "NetCore", "TestSupport"],
            path: "Tests/FakeCluster", swiftSettings: strict),
        .executableTarget(
            name: "websocket-echo", dependencies: ["NetCore"], path: "Tests/WebSocketEcho",
            swiftSettings: strict),
        .testTarget(
            name: "HTTPParserTests", dependencies: ["HTTPParser", "TestSupport"],
            path: "Tests/HTTPParserTests", swiftSettings: strict),
        .testTarget(
            name: "NetCoreTests", dependencies: ["CEpoll", "HTTPParser", "NetCore", "TestSupport"],
            path: "Tests/NetCoreTests", swiftSettings: strict),
        .testTarget(
            name: "GretlTests", dependencies: ["Gretl", "NetCore", "TestSupport"],
            path: "Tests/GretlTests", swiftSettings: strict),
        .testTarget(
            name: "MonitorTests", dependencies: ["CEpoll", "TestSupport"],
            path: "Tests/MonitorTests", swiftSettings: strict),
        .testTarget(
            name: "TidyTests", dependencies: ["TestSupport"], path: "Tests/TidyTests",
            swiftSettings: strict),
        .testTarget(
            name: "CrashTests", dependencies: ["CEpoll", "NetCore", "TestSupport"],
            path: "Tests/CrashTests", swiftSettings: strict),
        .testTarget(
            name: "DaemonTests", dependencies: ["CEpoll", "Gretl", "TestSupport"],
            path: "Tests/DaemonTests", exclude: ["Golden"],
            swiftSettings: strict),
    ],
    cLanguageStandard: .gnu11,
    cxxLanguageStandard: .cxx17
)
