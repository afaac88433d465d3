// What holds for every file: it says what it is for, its lines fit, it names no machine, and it is
// where one would look for it.

import Testing

struct FileTests {
    /// The kinds of files people write here, and how a comment starts in them.
    private static let comments = [
        "swift": ["//"], "c": ["//", "/*"], "h": ["//", "/*"], "cpp": ["//", "/*"],
        "py": ["#", "\"\"\""], "sh": ["#"], "yaml": ["#"],
    ]

    private static func comment(_ file: ProjectFile) -> [String]? {
        if file.name == "Makefile" { return ["#"] }
        if file.kind.isEmpty, file.text.hasPrefix("#!") { return ["#", "\"\"\""] }
        return comments[String(file.kind)]
    }

    /// Whether a file opens with words about itself.
    static func opensWithComment(_ file: ProjectFile) -> Bool {
        guard let starts = comment(file) else { return true }
        let first = file.lines.first { !$0.hasPrefix("#!") } ?? ""
        return starts.contains { first.hasPrefix($0) && first.count > $0.count + 2 }
    }

    /// The numbers of lines over 100 characters.
    static func longLines(_ file: ProjectFile) -> [Int] {
        file.lines.enumerated().filter { _, line in
            line.unicodeScalars.count > 100 && !isUnbreakable(line, file.kind)
        }.map { $0.offset + 1 }
    }

    /// A row of a table, or a string that stands alone.
    private static func isUnbreakable(_ line: Substring, _ kind: Substring) -> Bool {
        let text = line.drop { $0 == " " }
        switch kind {
        case "md": return text.hasPrefix("|")
        case "swift": return text.hasPrefix("\"") || text.hasPrefix("#\"")
        default: return false
        }
    }

    /// Names that lead to one machine; written in two parts, so that this file holds none.
    private static let machinePaths = ["/work/" + "shared", "/work/" + "main", "/root" + "/"]

    /// The fuzzers' inputs are bytes, not text; the license is as it was given.
    private static func isText(_ file: ProjectFile) -> Bool {
        !file.path.hasPrefix("perf/fuzz/corpus/") && file.path != "LICENSE"
    }

    @Test func everyFileOpensWithWordsAboutItself() throws {
        let files = try Project.everything().filter(FileTests.isText)
        try #require(files.count > 100)
        for file in files {
            let opens = FileTests.opensWithComment(file)
            #expect(
                opens,
                "\(file.path): open with what it is for, who calls it, what it must never do")
        }
    }

    @Test func noLineIsLongerThanHundredColumns() throws {
        // The page of measurements is written by perf/report: one paragraph, one line. What gr
        // writes on a terminal has escapes in it, and what it tells of is as long as it is.
        for file in try Project.everything()
        where FileTests.isText(file) && file.path != "docs/performance.md"
            && !file.path.hasPrefix("Tests/DaemonTests/Golden/")
        {
            let long = FileTests.longLines(file)
            #expect(long.isEmpty, "\(file.path): lines \(long) have more than 100 columns")
        }
    }

    @Test func noFileNamesAPlaceOnOneMachine() throws {
        for file in try Project.everything() where FileTests.isText(file) {
            // Every process has that one: what leads out of a folder is tried with it.
            let text = file.text.replacing("/proc/self/root" + "/", with: "")
            let named = FileTests.machinePaths.filter { text.contains($0) }
            #expect(named.isEmpty, "\(file.path) names a path of one machine")
        }
    }

    @Test func everyTextEndsWithOneLineEnd() throws {
        for file in try Project.everything() where FileTests.isText(file) && !file.text.isEmpty {
            let hasOne = file.text.hasSuffix("\n") && !file.text.hasSuffix("\n\n")
            #expect(hasOne, "\(file.path): ends without a line end, or with several")
        }
    }

    @Test func nothingStraysAtTheTopLevel() throws {
        let known: Set<String> = [
            ".ci", ".clang-format", ".editorconfig", ".gitignore", ".swift-format", "Benchmarks",
            "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "NOTICE", "Package.swift",
            "README.md", "Sources", "Tests", "deploy", "docs", "openapi.yaml", "perf", "scripts",
        ]
        for name in try Project.topLevel() {
            #expect(known.contains(name), "\(name): does it belong into a folder?")
        }
    }

    @Test func theCheckersFindWhatTheyShould() {
        func file(_ path: String, _ text: String) -> ProjectFile {
            ProjectFile(path: path, text: text)
        }
        #expect(!FileTests.opensWithComment(file("Sources/A.swift", "import Glibc\n")))
        #expect(!FileTests.opensWithComment(file("perf/a", "#!/bin/sh\nset -eu\n")))
        #expect(FileTests.opensWithComment(file("perf/a", "#!/bin/sh\n# Measures.\n")))
        let long = String(repeating: "x", count: 101)
        #expect(FileTests.longLines(file("a.swift", "\n\(long)\n")) == [2])
        #expect(FileTests.longLines(file("a.md", "|\(long)|\n")).isEmpty)
    }
}
