// No file tool leads out of the run's folder, into the repository's own data, or into what is no
// file, whichever way is tried.

import Glibc
import Gretl
import TestSupport
import Testing

@Suite struct FileEscapeTests {
    /// Every tool that takes a path, asked to use `path`.
    private static func calls(
        _ path: String
    ) -> [(tool: String, arguments: [String: JSONValue])] {
        [
            ("file_read", ["path": .string(path)]),
            ("file_list", ["path": .string(path)]),
            ("file_write", ["path": .string(path), "content": .string("planted")]),
            (
                "file_patch",
                ["path": .string(path), "old": .string("secret"), "new": .string("planted")]
            ),
            (
                "file_insert",
                ["path": .string(path), "line": .integer(0), "content": .string("planted")]
            ),
            ("file_delete", ["path": .string(path)]),
            ("file_rename", ["old_path": .string(path), "new_path": .string("taken.txt")]),
            ("file_rename", ["old_path": .string("own.txt"), "new_path": .string(path)]),
        ]
    }

    private static func stage() throws -> FileStage {
        let stage = try FileStage()
        stage.put("own secret\n", at: "own.txt")
        stage.makeFolder("sub")
        return stage
    }

    /// What is outside is as it was, and nothing of it was told.
    private static func expectUntouched(_ stage: FileStage, _ outcome: ToolOutcome, _ what: String)
    {
        let secret = FileStage.content(path: "\(stage.outside)/secret.txt")
        #expect(secret == "\(FileStage.secret)\n", "\(what)")
        let names = FileStage.names(in: stage.outside)
        #expect(names == ["secret.txt"], "\(what)")
        let tells = outcome.content.contains(FileStage.secret)
        #expect(!tells, "\(what)")
    }

    @Test(arguments: [
        "../outside/secret.txt", "sub/../../outside/secret.txt", "/etc/passwd", "/", "..",
        "sub/..", "./../outside/secret.txt", "/proc/self/root/etc/passwd", "../project/own.txt",
        "//etc/passwd", "../outside/new.txt",
    ])
    func pathsThatLeadOutAreRefusedByEveryTool(path: String) async throws {
        let stage = try Self.stage()
        for call in Self.calls(path) {
            let outcome = try await stage.run(call.tool, call.arguments)
            #expect(outcome.isError && outcome.isBlocked, "\(call.tool): \(outcome.content)")
            #expect(!outcome.mayHaveChanged)
            Self.expectUntouched(stage, outcome, call.tool)
            #expect(stage.content("own.txt") == "own secret\n")
        }
    }

    @Test func anAbsolutePathOutsideThatBeginsLikeTheFolderIsRefused() async throws {
        let stage = try Self.stage()
        for path in [stage.project + "x", stage.project + "/../outside/secret.txt", stage.outside] {
            for call in Self.calls(path) {
                let outcome = try await stage.run(call.tool, call.arguments)
                #expect(outcome.isError && outcome.isBlocked, "\(call.tool) \(path)")
                Self.expectUntouched(stage, outcome, call.tool)
            }
        }
    }

    @Test func anAbsolutePathInsideIsTakenAsARelativeOne() async throws {
        let stage = try Self.stage()
        let read = try await stage.run("file_read", ["path": .string(stage.path("own.txt"))])
        #expect(read.content == "own secret\n")
        let list = try await stage.run("file_list", ["path": .string(stage.project)])
        #expect(list.content == "own.txt (11 bytes)\nsub/")
    }

    @Test func linksThatLeadOutAreRefusedByEveryTool() async throws {
        for target in [
            "ABSOLUTE/secret.txt", "../outside/secret.txt", "/proc/self/root/etc/passwd",
            "/proc/self/cwd", "sub/../../outside/secret.txt", "/etc",
        ] {
            let stage = try Self.stage()
            let real = target.hasPrefix("ABSOLUTE") ? "\(stage.outside)/secret.txt" : target
            for call in Self.calls("link") {
                stage.link("link", to: real)
                let outcome = try await stage.run(call.tool, call.arguments)
                Self.expectUntouched(stage, outcome, "\(call.tool) \(target)")
                // A link itself may be deleted and renamed: what it points to stays as it is.
                let isOfLink = call.tool == "file_delete" || call.tool == "file_rename"
                #expect(outcome.isError || isOfLink, "\(call.tool) \(target): \(outcome.content)")
                for name in ["link", "taken.txt"] { _ = unsafe unlink(stage.path(name)) }
                stage.put("own secret\n", at: "own.txt")
            }
        }
    }

    @Test func foldersThatAreLinksLeadingOutAreRefusedByEveryTool() async throws {
        let stage = try Self.stage()
        stage.link("door", to: stage.outside)
        stage.link("steps", to: "../outside")
        stage.link("root", to: "/proc/self/root")
        let hidden = "root\(stage.outside)/secret.txt"
        for path in [
            "door/secret.txt", "steps/secret.txt", hidden, "door/new.txt", "steps/a/b/new.txt",
        ] {
            for call in Self.calls(path) {
                let outcome = try await stage.run(call.tool, call.arguments)
                #expect(outcome.isError, "\(call.tool) \(path): \(outcome.content)")
                Self.expectUntouched(stage, outcome, "\(call.tool) \(path)")
            }
        }
        for arguments: [String: JSONValue] in [
            ["pattern": .string("secret outside")],
            ["pattern": .string("secret outside"), "include_glob": .string("door/**")],
        ] {
            let outcome = try await stage.run("grep_search", arguments)
            #expect(outcome.content.hasPrefix("No line matches"), "\(outcome.content)")
        }
        let found = try await stage.run("find_files", ["pattern": .string("**/secret.txt")])
        #expect(found.content == "No file matches \"**/secret.txt\".")
    }

    @Test func linksThatStayInsideAreFollowedForReading() async throws {
        let stage = try Self.stage()
        stage.link("sub/up", to: "../own.txt")
        stage.link("alias", to: "sub")
        let read = try await stage.run("file_read", ["path": .string("alias/up")])
        #expect(read.content == "own secret\n")
        let write = try await stage.run(
            "file_write", ["path": .string("alias/new.txt"), "content": .string("x")])
        #expect(!write.isError && stage.content("sub/new.txt") == "x")
        // A link is not written through: it would be the target that changes.
        let through = try await stage.run(
            "file_write", ["path": .string("sub/up"), "content": .string("x")])
        #expect(through.isError && stage.content("own.txt") == "own secret\n")
        #expect(through.content.contains("symbolic link"))
    }

    @Test func aHardLinkKeepsItsContentElsewhere() async throws {
        let stage = try Self.stage()
        let outside = "\(stage.outside)/secret.txt"
        #expect(unsafe chmod(outside, 0o644) == 0)
        for call in Self.calls("hard") where call.tool != "file_rename" {
            if !stage.exists("hard") {
                #expect(unsafe Glibc.link(outside, stage.path("hard")) == 0)
            }
            _ = try await stage.run(call.tool, call.arguments)
            let secret = FileStage.content(path: outside)
            #expect(secret == "\(FileStage.secret)\n", "\(call.tool)")
        }
        _ = unsafe unlink(stage.path("hard"))
        #expect(unsafe Glibc.link(outside, stage.path("hard")) == 0)
        let write = try await stage.run(
            "file_write", ["path": .string("hard"), "content": .string("new")])
        #expect(write.content.contains("hard links") && stage.content("hard") == "new")
    }

    @Test func aHardLinkToAFileThatOnlyItsOwnerMayReadIsRefused() async throws {
        let stage = try Self.stage()
        let outside = "\(stage.outside)/secret.txt"
        #expect(unsafe Glibc.link(outside, stage.path("hard")) == 0)
        for tool in ["file_read", "file_patch", "file_insert"] {
            for call in Self.calls("hard") where call.tool == tool {
                let outcome = try await stage.run(call.tool, call.arguments)
                #expect(outcome.isError && outcome.isBlocked, "\(tool): \(outcome.content)")
                Self.expectUntouched(stage, outcome, tool)
            }
        }
        let found = try await stage.run("grep_search", ["pattern": .string("outside")])
        #expect(found.content.contains("1 files could not be read"))
        let overview = ProjectOverview.read(stage.project)
        #expect(!overview.contains(FileStage.secret))
    }

    @Test func theRepositorysOwnDataIsNotChanged() async throws {
        for spelling in [
            ".git/config", ".GIT/config", ".Git/config", "./.git//config", ".git", "sub/.git/x",
            "by-link/config", "config-link/hooks/x", ".git./config", ".g\u{200D}it/config",
            "GIT~1/config", "inner/hooks/x", ".git/new/deep/file",
        ] {
            let stage = try Self.stage()
            stage.makeFolder(".git")
            stage.makeFolder(".git/modules")
            stage.put("secret of git\n", at: ".git/config")
            stage.link("by-link", to: ".git")
            stage.link("config-link", to: "sub/../.git/modules")
            stage.link("inner", to: ".git/modules")
            for call in Self.calls(spelling)
            where call.tool != "file_read" && call.tool != "file_list" {
                let outcome = try await stage.run(call.tool, call.arguments)
                #expect(
                    outcome.isError && !outcome.mayHaveChanged,
                    "\(call.tool) \(spelling): \(outcome.content)")
                #expect(stage.content(".git/config") == "secret of git\n")
                let names = FileStage.names(in: stage.path(".git"))
                #expect(names == ["config", "modules"], "\(call.tool) \(spelling)")
                #expect(FileStage.names(in: stage.path(".git/modules")).isEmpty)
            }
        }
    }

    @Test func theRepositorysOwnDataCanBeRead() async throws {
        let stage = try Self.stage()
        stage.makeFolder(".git")
        stage.put("ref: refs/heads/main\n", at: ".git/HEAD")
        let read = try await stage.run("file_read", ["path": .string(".git/HEAD")])
        #expect(read.content == "ref: refs/heads/main\n")
        let list = try await stage.run("file_list", ["path": .string(".git")])
        #expect(list.content == "HEAD (21 bytes)")
        // The file by which a worktree names its repository is the repository's, too.
        let other = try Self.stage()
        other.put("gitdir: ../x\n", at: ".git")
        other.link("name", to: ".git")
        let write = try await other.run(
            "file_write", ["path": .string(".git"), "content": .string("x")])
        #expect(write.isBlocked && other.content(".git") == "gitdir: ../x\n")
    }

    @Test func pipesDevicesSocketsAndFoldersAreNotOpened() async throws {
        let stage = try Self.stage()
        #expect(unsafe mkfifo(stage.path("pipe"), 0o600) == 0)
        let socket = try Self.socket(at: stage.path("socket"))
        defer { _ = close(socket) }
        // Only root may make one.
        let hasDevice = unsafe mknod(stage.path("device"), S_IFCHR | 0o600, dev_t(5 << 8)) == 0
        for name in ["pipe", "socket", "sub"] + (hasDevice ? ["device"] : []) {
            for call in Self.calls(name)
            where !(name == "sub" && (call.tool == "file_list" || call.tool == "file_rename")) {
                let outcome = try await stage.run(call.tool, call.arguments)
                #expect(outcome.isError, "\(call.tool) \(name): \(outcome.content)")
                #expect(stage.exists(name))
            }
        }
        let found = try await stage.run("grep_search", ["pattern": .string("own")])
        #expect(found.content == "own.txt:1: own secret")
    }

    private static func socket(at path: String) throws -> Int32 {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        try #require(bytes.count < 100)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, size)
            }
        }
        try #require(result == 0)
        return descriptor
    }
}
