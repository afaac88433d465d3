// Who may import what. SwiftPM checks declared dependencies only in part; what it lets through,
// these rules do not. A new module gets its line here, with its one place.

import Testing

struct ImportTests {
    /// What a folder may import; the longest matching folder counts.
    private static let allowed: [(folder: String, modules: Set<String>)] = [
        ("Sources/HTTPParser/", ["CMovemask"]),
        ("Sources/NetCore/", ["CEpoll", "HTTPParser", "Glibc", "Synchronization"]),
        ("Sources/Gretl/", ["NetCore", "HTTPParser", "Synchronization"]),
        ("Sources/Gretl/System/", ["NetCore", "HTTPParser", "Synchronization", "Glibc"]),
        ("Sources/Gretl/Main/", ["Gretl", "Glibc"]),
    ]

    /// What single files may import besides: each binding has one place that wraps it.
    private static let exceptions: [String: Set<String>] = [
        "Sources/Gretl/Storage/SQLiteConnection.swift": ["CSQLite"],
        "Sources/Gretl/Configuration/TOMLFile.swift": ["CTOML"],
        "Sources/Gretl/Outbound/HTTPSClient.swift": ["CCurl"],
        "Sources/Gretl/Outbound/Transfer.swift": ["CCurl"],
        "Sources/Gretl/Outbound/CurlHandles.swift": ["CCurl"],
        "Sources/Gretl/Outbound/TLSContext.swift": ["COpenSSL"],
        "Sources/Gretl/Outbound/TLSStream.swift": ["COpenSSL"],
        "Sources/Gretl/Configuration/YAMLText.swift": ["CYAML"],
        "Sources/Gretl/Storage/ServiceStore.swift": ["FoundationEssentials"],
        "Sources/Gretl/Storage/RunStore.swift": ["FoundationEssentials"],
        "Sources/Gretl/Daemon/JSONBody.swift": ["FoundationEssentials"],
        "Sources/Gretl/CommandLine/DaemonClient.swift": ["FoundationEssentials"],
    ]

    /// The imports of `file` that no rule allows.
    static func forbidden(_ file: ProjectFile) -> [String] {
        let folder = allowed.filter { file.path.hasPrefix($0.folder) }
            .max { $0.folder.count < $1.folder.count }
        let modules = (folder?.modules ?? []).union(exceptions[file.path] ?? [])
        return SwiftText.imports(file.text).filter { !modules.contains($0) }
    }

    @Test func importsGoInOneDirection() throws {
        let files = try Project.swiftSources()
        try #require(files.count > 50)
        for file in files {
            let wrong = ImportTests.forbidden(file)
            #expect(
                wrong.isEmpty,
                "\(file.path) imports \(wrong.joined(separator: ", ")): see docs/architecture.md")
        }
    }

    @Test func everyExceptionIsStillNeeded() throws {
        for (path, modules) in ImportTests.exceptions {
            let imported = Set(SwiftText.imports(try Project.file(path).text))
            #expect(imported.isSuperset(of: modules), "\(path) no longer imports \(modules)")
        }
    }

    @Test(arguments: [
        ("Sources/HTTPParser/A.swift", "import Glibc"),
        ("Sources/Gretl/Daemon/A.swift", "internal import CEpoll"),
        ("Sources/Gretl/Routes/A.swift", "import struct Glibc.timespec"),
        ("Sources/NetCore/Reactor/A.swift", "@preconcurrency import Gretl"),
        ("Sources/Gretl/Storage/Other.swift", "package import CSQLite"),
        ("Sources/Gretl/System/A.swift", "import Foundation"),
    ])
    func aWrongImportIsFound(path: String, line: String) {
        let file = ProjectFile(path: path, text: "// Words.\n\(line)\n")
        #expect(ImportTests.forbidden(file).count == 1)
    }
}
