// What the file tools do and say when nothing is wrong, and at their limits.

import Glibc
import Gretl
import NetCore
import TestSupport
import Testing

@Suite struct FileToolTests {
    @Test func aFileIsReadWholeOrInPart() async throws {
        let stage = try FileStage()
        stage.put("one\ntwo\nthree\n", at: "a.txt")
        func read(_ first: Int64?, _ last: Int64?) async throws -> ToolOutcome {
            var arguments: [String: JSONValue] = ["path": .string("a.txt")]
            if let first { arguments["start_line"] = .integer(first) }
            if let last { arguments["end_line"] = .integer(last) }
            return try await stage.run("file_read", arguments)
        }
        #expect(try await read(nil, nil) == ToolOutcome("one\ntwo\nthree\n"))
        #expect(try await read(1, 99).content == "one\ntwo\nthree\n")
        #expect(try await read(2, 2).content == "two\n[lines 2-2 of 3 of a.txt]")
        #expect(try await read(3, nil).content == "three\n[lines 3-3 of 3 of a.txt]")
        #expect(try await read(nil, 1).content == "one\n[lines 1-1 of 3 of a.txt]")
        #expect(try await read(4, nil).content == "a.txt has only 3 lines.")
        #expect(try await read(3, 2).content == "end_line 2 is before start_line 3.")
        stage.put("", at: "empty")
        let empty = try await stage.run("file_read", ["path": .string("empty")])
        #expect(empty.content == "(empty is empty)" && !empty.isError)
    }

    @Test func aLargeFileIsCutAtALineAndSaysHowToGoOn() async throws {
        let stage = try FileStage()
        let line = String(repeating: "x", count: 99) + "\n"
        stage.put(String(repeating: line, count: 3_000), at: "a.txt")
        let first = try await stage.run("file_read", ["path": .string("a.txt")])
        #expect(first.isTruncated)
        #expect(first.content.hasPrefix(line) && first.content.utf8.count < 200_200)
        let note =
            "[lines 1-2000 of 3000 of a.txt, cut at 200000 bytes; give start_line 2001 to read on]"
        #expect(first.content.hasSuffix("x\n\(note)"))
        let rest = try await stage.run(
            "file_read", ["path": .string("a.txt"), "start_line": .integer(2_001)])
        #expect(!rest.isTruncated && rest.content.hasSuffix("\n[lines 2001-3000 of 3000 of a.txt]"))
        // One line without an end is cut between characters.
        stage.put("a" + String(repeating: "\u{20AC}", count: 100_000), at: "b.txt")
        let long = try await stage.run("file_read", ["path": .string("b.txt")])
        #expect(long.isTruncated && !long.content.contains("\u{FFFD}"))
        #expect(long.content.contains("within line 1"))
    }

    @Test func bytesThatAreNoTextAreSaidInWords() async throws {
        let stage = try FileStage()
        stage.put("\u{7F}ELF\0\0\0", at: "a.out")
        let binary = try await stage.run("file_read", ["path": .string("a.out")])
        #expect(binary.isError)
        #expect(
            binary.content
                == "a.out is not text (7 bytes; it begins with 7f 45 4c 46 00 00 00). "
                + "Use bash_exec to look at it.")
        let file = unsafe open(stage.path("latin"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        let bytes: [UInt8] = [0x63, 0x61, 0x66, 0xE9, 0x0A, 0x62, 0x0A]
        #expect(unsafe write(file, bytes, bytes.count) == bytes.count)
        _ = close(file)
        let latin = try await stage.run("file_read", ["path": .string("latin")])
        #expect(
            latin.content == "caf\u{FFFD}\nb\n[bytes that are not UTF-8 are shown as \u{FFFD}]")
        let patch = try await stage.run(
            "file_patch",
            ["path": .string("latin"), "old": .string("b"), "new": .string("c")])
        #expect(patch.content == "Patched latin at line 2 (1 chars replaced with 1)")
        let file2 = unsafe open(stage.path("latin"), O_RDONLY | O_CLOEXEC)
        var now = [UInt8](repeating: 0, count: 16)
        #expect(unsafe read(file2, &now, now.count) == 7)
        _ = close(file2)
        #expect(now[3] == 0xE9 && now[5] == 0x63)
    }

    @Test func aFolderIsListedSortedWithKindsAndSizes() async throws {
        let stage = try FileStage()
        stage.makeFolder("src")
        stage.put("12345", at: "b.txt")
        stage.put("", at: "a.txt")
        stage.link("link", to: "b.txt")
        let list = try await stage.run("file_list", [:])
        #expect(list.content == "a.txt (0 bytes)\nb.txt (5 bytes)\nlink (symbolic link)\nsrc/")
        let empty = try await stage.run("file_list", ["path": .string("src")])
        #expect(empty.content == "(src is an empty folder)")
        let missing = try await stage.run("file_list", ["path": .string("none")])
        #expect(missing.isError && missing.content.hasPrefix("There is no none."))
        let file = try await stage.run("file_list", ["path": .string("b.txt")])
        #expect(file.content == "b.txt is not a folder.")
    }

    @Test func hostileNamesAreShownHarmlessly() async throws {
        let stage = try FileStage()
        for name in ["a\nb", "c\u{1B}[2Jd", "e\u{202E}f", "g\"h", "plain \u{E9}"] {
            stage.put("needle\n", at: name)
        }
        let raw: [CChar] = stage.path("bad-").utf8CString.dropLast() + [CChar(bitPattern: 0xFF), 0]
        let file = unsafe open(raw, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        #expect(unsafe write(file, "needle", 6) == 6)
        _ = close(file)
        let expected = [
            "\"a\\nb\"", "\"bad-\\xFF\"", "\"c\\u{1b}[2Jd\"", "\"e\\u{202e}f\"", "g\"h",
            "plain \u{E9}",
        ]
        let list = try await stage.run("file_list", [:])
        let sizes = ["7", "6", "7", "7", "7", "7"]
        #expect(
            list.content
                == zip(expected, sizes).map { "\($0) (\($1) bytes)" }.joined(separator: "\n"))
        let found = try await stage.run("find_files", ["pattern": .string("*")])
        #expect(found.content == expected.joined(separator: "\n"))
        let lines = try await stage.run("grep_search", ["pattern": .string("needle")])
        #expect(lines.content == expected.map { "\($0):1: needle" }.joined(separator: "\n"))
        let read = try await stage.run("file_read", ["path": .string("a\nb")])
        #expect(read.content == "needle\n")
        let gone = try await stage.run("file_read", ["path": .string("x\n\u{1B}y")])
        #expect(gone.content.hasPrefix("There is no \"x\\n\\u{1b}y\"."))
        let overview = ProjectOverview.read(stage.project)
        #expect(overview.contains("\"a\\nb\"") && !overview.contains("\u{1B}"))
    }

    @Test func aFileIsWrittenWithItsFoldersAndKeepsItsMode() async throws {
        let stage = try FileStage()
        let made = try await stage.run(
            "file_write", ["path": .string("a/b/c.txt"), "content": .string("one")])
        #expect(made.content == "Wrote a/b/c.txt (3 bytes, new file)" && made.mayHaveChanged)
        #expect(stage.content("a/b/c.txt") == "one")
        #expect(unsafe chmod(stage.path("a/b/c.txt"), 0o751) == 0)
        let again = try await stage.run(
            "file_write", ["path": .string("a/b/c.txt"), "content": .string("four")])
        #expect(again.content == "Wrote a/b/c.txt (4 bytes, was 3)")
        #expect(TemporaryFolder.mode(stage.path("a/b/c.txt")) == 0o751)
        let same = try await stage.run(
            "file_write", ["path": .string("a/b/c.txt"), "content": .string("four")])
        #expect(!same.mayHaveChanged && !same.isError)
        // No temporary file is left.
        #expect(FileStage.names(in: stage.path("a/b")) == ["c.txt"])
        let through = try await stage.run(
            "file_write", ["path": .string("a/b/c.txt/d"), "content": .string("x")])
        #expect(through.content == "A part of the path a/b/c.txt/d is a file, not a folder.")
    }

    @Test func changesSayWhatTheyDid() async throws {
        let stage = try FileStage()
        stage.put("a = 1\nb = 2\nb = 2\n", at: "a.py")
        let patch = try await stage.run(
            "file_patch",
            ["path": .string("a.py"), "old": .string("a = 1"), "new": .string("a = 10")])
        #expect(
            patch
                == ToolOutcome(
                    "Patched a.py at line 1 (5 chars replaced with 6)", mayHaveChanged: true))
        let all = try await stage.run(
            "file_patch",
            [
                "path": .string("a.py"), "old": .string("b = 2"), "new": .string("c"),
                "occurrence": .integer(0),
            ])
        #expect(
            all.content == "Patched a.py at 2 places, lines 2, 3 (5 chars each replaced with 1)")
        let insert = try await stage.run(
            "file_insert",
            ["path": .string("a.py"), "line": .integer(2), "content": .string("x\ny")])
        #expect(insert.content == "Inserted 2 lines into a.py at line 2" && insert.mayHaveChanged)
        #expect(stage.content("a.py") == "a = 10\nx\ny\nc\nc\n")
        let missing = try await stage.run(
            "file_patch", ["path": .string("b.py"), "old": .string("x"), "new": .string("y")])
        #expect(missing.isError && missing.content.contains("There is no b.py."))
        let delete = try await stage.run("file_delete", ["path": .string("a.py")])
        #expect(delete == ToolOutcome("Deleted a.py", mayHaveChanged: true))
        #expect(!stage.exists("a.py"))
    }

    @Test func nothingIsRenamedOverSomething() async throws {
        let stage = try FileStage()
        stage.put("a", at: "a")
        stage.put("b", at: "b")
        stage.makeFolder("sub")
        func rename(_ old: String, _ new: String) async throws -> ToolOutcome {
            try await stage.run(
                "file_rename", ["old_path": .string(old), "new_path": .string(new)])
        }
        let taken = try await rename("a", "b")
        #expect(
            taken.content == "b exists already. Delete it first, or choose another name.")
        #expect(stage.content("b") == "b")
        let made = try await rename("a", "new/deep/a")
        #expect(made == ToolOutcome("Renamed a to new/deep/a", mayHaveChanged: true))
        #expect(stage.content("new/deep/a") == "a")
        #expect(try await rename("sub", "other").isError == false)
        #expect(try await rename("new", "new/deep/x").isError)
        #expect(try await rename("none", "x").isError)
        #expect(try await rename(".", "x").isError)
        #expect(stage.content("new/deep/a") == "a")
    }

    @Test func whatIsTooLargeIsNotWritten() async throws {
        let stage = try FileStage()
        let text = String(repeating: "x", count: FileToolLimits.fileWriteBytes)
        let write = try await stage.run(
            "file_write", ["path": .string("a"), "content": .string(text + "y")])
        #expect(write.isError && !stage.exists("a"))
        let fits = try await stage.run(
            "file_write", ["path": .string("a"), "content": .string(text)])
        #expect(!fits.isError)
        let insert = try await stage.run(
            "file_insert",
            ["path": .string("a"), "line": .integer(0), "content": .string("y")])
        #expect(insert.isError && insert.content.contains("larger than"))
        let patch = try await stage.run(
            "file_patch",
            [
                "path": .string("a"), "old": .string("x"), "new": .string("yy"),
                "occurrence": .integer(0),
            ])
        #expect(patch.isError)
    }

    @Test func aStoppedThreadAndACancelledRunAreOutcomes() async throws {
        let stage = try FileStage()
        let cancelled = try await onReactor { [project = stage.project] in
            let cancellation = Cancellation()
            cancellation.cancel()
            let tools = FileTools(thread: try BackgroundThread(name: "gr-test"))
            let call = ToolCall(
                id: "1", name: "file_write", text: "",
                arguments: ["path": .string("a"), "content": .string("x")])
            return await tools.run(
                call,
                in: ToolContext(
                    folder: project, confinement: Confinement(), cancellation: cancellation))
        }
        #expect(cancelled == ToolOutcome("Cancelled.", isError: true) && !stage.exists("a"))
        let stopped = try await onReactor { [project = stage.project] in
            let thread = try BackgroundThread(name: "gr-test")
            thread.stop()
            let call = ToolCall(id: "1", name: "file_list", text: "", arguments: [:])
            return await FileTools(thread: thread).run(
                call,
                in: ToolContext(
                    folder: project, confinement: Confinement(), cancellation: Cancellation()))
        }
        #expect(stopped.isError && stopped.content.contains("about to end"))
    }

    @Test func theOverviewShowsTwoLevelsAndTheBuildFiles() throws {
        let stage = try FileStage()
        for folder in ["src", "src/deep", "node_modules", ".git"] { stage.makeFolder(folder) }
        stage.put("x", at: "src/a.py")
        stage.put("x", at: "src/deep/hidden.py")
        stage.put("x", at: "node_modules/no.js")
        stage.put("[project]\nname = \"a\"\n", at: "pyproject.toml")
        stage.put(String(repeating: "all:\n", count: 400), at: "Makefile")
        stage.link("package.json", to: "../outside/secret.txt")
        stage.link("Cargo.toml", to: stage.outside + "/secret.txt")
        let text = ProjectOverview.read(stage.project)
        let tree = """
            Files of the project (two levels):
            .git/ (not shown)
            Cargo.toml (symbolic link)
            Makefile
            node_modules/ (not shown)
            package.json (symbolic link)
            pyproject.toml
            src/
              a.py
              deep/

            --- pyproject.toml ---
            [project]
            name = "a"

            --- Makefile ---
            all:
            """
        #expect(text.hasPrefix(tree))
        #expect(text.hasSuffix("all:\n[cut here]"))
        #expect(text.split(separator: "\n").count { $0 == "all:" } == 150)
        #expect(!text.contains(FileStage.secret))
        #expect(ProjectOverview.read("/nowhere/at/all").hasPrefix("The project folder cannot"))
    }

    @Test func theOverviewOfAHugeFolderIsBounded() throws {
        let stage = try FileStage()
        for index in 0..<300 {
            stage.makeFolder("d\(index)")
            for inner in 0..<3 { stage.put("x", at: "d\(index)/f\(inner)") }
        }
        let lines = ProjectOverview.read(stage.project).split(separator: "\n")
        #expect(lines.count <= FileToolLimits.overviewEntries + 2 && lines.last == "[100 more]")
    }
}
