// grep_search and find_files: what they find, what they skip, how much they show and how long they
// take.

import Glibc
import Gretl
import NetCore
import TestSupport
import Testing

@Suite struct FileSearchTests {
    @Test func linesAreFoundAsTextOrPattern() async throws {
        let stage = try FileStage()
        stage.makeFolder("src")
        stage.put("def Run(x):\n    return x.y\n", at: "src/a.py")
        stage.put("run everything\nxzy\n", at: "notes.md")
        func grep(_ arguments: [String: JSONValue]) async throws -> String {
            try await stage.run("grep_search", arguments).content
        }
        #expect(
            try await grep(["pattern": .string("run")])
                == "notes.md:1: run everything\nsrc/a.py:1: def Run(x):")
        #expect(
            try await grep(["pattern": .string("run"), "case_insensitive": .bool(false)])
                == "notes.md:1: run everything")
        #expect(try await grep(["pattern": .string("x.y")]) == "src/a.py:2:     return x.y")
        #expect(
            try await grep(["pattern": .string("x.y$"), "is_regex": .bool(true)])
                == "notes.md:2: xzy\nsrc/a.py:2:     return x.y")
        #expect(
            try await grep(["pattern": .string("run"), "include_glob": .string("*.py")])
                == "src/a.py:1: def Run(x):")
        #expect(
            try await grep(["pattern": .string("run"), "include_glob": .string("docs/**")])
                == "No line matches \"run\" in 0 text files.")
        #expect(try await grep(["pattern": .string("none")]).hasSuffix("in 2 text files."))
        #expect(try await grep(["pattern": .string("a\nb")]).contains("one by one"))
        #expect(
            try await grep(["pattern": .string("("), "is_regex": .bool(true)])
                == "A \"(\" has no \")\".")
        #expect(try await grep(["pattern": .string("")]) == "The pattern is empty.")
    }

    @Test func whatNobodyWroteIsSkipped() async throws {
        let stage = try FileStage()
        for folder in [".git", "node_modules", "target", "src", ".venv"] {
            stage.makeFolder(folder)
            stage.put("needle\n", at: "\(folder)/a.txt")
        }
        stage.put("Signature: 8a477f597d28d172789f06886806bc55", at: "target/CACHEDIR.TAG")
        stage.put("needle\0\n", at: "binary")
        stage.put(String(repeating: "needle\n", count: 150_000), at: "large.txt")
        stage.link("link.txt", to: "src/a.txt")
        stage.link("folder", to: "src")
        let lines = try await stage.run("grep_search", ["pattern": .string("needle")])
        #expect(
            lines.content
                == "src/a.txt:1: needle\n[1 files larger than 1000000 bytes were skipped]")
        let paths = try await stage.run("find_files", ["pattern": .string("*.txt")])
        #expect(paths.content == "large.txt\nsrc/a.txt")
        let named = try await stage.run(
            "find_files", ["pattern": .string("node_modules/**/*.txt")])
        #expect(named.content == "node_modules/a.txt")
        let refused = try await stage.run("find_files", ["pattern": .string("../*")])
        #expect(refused.isError && refused.content.contains("relative to the project folder"))
    }

    @Test func hitsAndLinesAreBounded() async throws {
        let stage = try FileStage()
        stage.put(String(repeating: "needle\n", count: 51), at: "a.txt")
        let lines = try await stage.run("grep_search", ["pattern": .string("needle")])
        #expect(lines.isTruncated)
        #expect(
            lines.content.hasSuffix(
                "a.txt:50: needle\n[only the first 50 are shown: search more narrowly]"))
        stage.put(String(repeating: "needle\n", count: 50), at: "a.txt")
        let fifty = try await stage.run("grep_search", ["pattern": .string("needle")])
        #expect(!fifty.isTruncated && fifty.content.hasSuffix("a.txt:50: needle"))
        stage.put("needle" + String(repeating: "\u{E9}", count: 500) + "\n", at: "a.txt")
        let long = try await stage.run("grep_search", ["pattern": .string("needle")])
        #expect(
            long.content
                == "a.txt:1: needle" + String(repeating: "\u{E9}", count: 194) + " \u{2026}")
        stage.put("needle \u{1B}[2J\u{202E}\r\n", at: "a.txt")
        let hostile = try await stage.run("grep_search", ["pattern": .string("needle")])
        #expect(hostile.content == "a.txt:1: needle \u{FFFD}[2J\u{FFFD}")
        for index in 0..<101 { stage.put("", at: "f\(index).x") }
        let paths = try await stage.run("find_files", ["pattern": .string("*.x")])
        #expect(paths.isTruncated && paths.content.split(separator: "\n").count == 101)
    }

    @Test func aPatternMadeToTakeLongIsGivenUp() async throws {
        let stage = try FileStage()
        var random = SeededGenerator(seed: 4)
        let text = String(
            (0..<500_000).map { _ -> Character in random.oneIn(2) ? "a" : "d" })
        stage.put(text, at: "a.txt")
        let outcome = try await stage.run(
            "grep_search",
            ["pattern": .string("(.*a.{100}b|(a|b)*a.{12}c)"), "is_regex": .bool(true)])
        #expect(outcome.content.contains("takes too long") && outcome.isTruncated)
    }

    @Test func aSearchEndsSoonAfterItIsCancelled() async throws {
        let stage = try FileStage()
        for index in 0..<3_000 { stage.put("x\n", at: "f\(index)") }
        let outcome = try await stage.runCancelled("grep_search", ["pattern": .string("needle")])
        #expect(outcome == ToolOutcome("Cancelled.", isError: true))
    }

    @Test func deepFoldersEndTheSearchAndNotTheDaemon() async throws {
        let stage = try FileStage()
        // Deeper than a path can be.
        let here = unsafe open(stage.project, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        var folder = here
        for _ in 0..<1_500 {
            #expect(unsafe mkdirat(folder, "deeper", 0o755) == 0)
            let next = unsafe openat(folder, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            _ = close(folder)
            folder = next
        }
        _ = close(folder)
        stage.put("needle\n", at: "a.txt")
        let lines = try await stage.run("grep_search", ["pattern": .string("needle")])
        #expect(lines.content == "a.txt:1: needle")
        let path = Array(repeating: "deeper", count: 1_500).joined(separator: "/")
        let read = try await stage.run("file_read", ["path": .string(path)])
        #expect(read.isError)
        Self.removeDeep(stage.project)
    }

    /// What FileManager cannot remove: renames the folders up, one after the other.
    private static func removeDeep(_ project: String) {
        for _ in 0..<1_500 {
            _ = unsafe rename("\(project)/deeper/deeper", "\(project)/next")
            _ = unsafe rmdir("\(project)/deeper")
            _ = unsafe rename("\(project)/next", "\(project)/deeper")
        }
        _ = unsafe rmdir("\(project)/deeper")
    }

    @Test func aFolderOfHundredThousandFilesIsAnswered() async throws {
        let stage = try FileStage()
        stage.makeFolder("many")
        let folder = unsafe open(stage.path("many"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        var made = 0
        for index in 0..<100_000 {
            let file = unsafe openat(folder, "f\(index)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            if file >= 0 { made += 1 }
            _ = close(file)
        }
        #expect(made == 100_000)
        _ = close(folder)
        var calls: [(String, [String: JSONValue])] = []
        calls.append(("file_list", ["path": .string("many")]))
        calls.append(("find_files", ["pattern": .string("many/f99999")]))
        calls.append(("grep_search", ["pattern": .string("needle")]))
        for (tool, arguments) in calls {
            let outcome = try await stage.run(tool, arguments)
            #expect(!outcome.isError, "\(tool): \(outcome.content)")
        }
        #expect(ProjectOverview.read(stage.project).contains("[99980 more]"))
    }
}
