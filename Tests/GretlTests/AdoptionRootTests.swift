// Which process is adopted for a listener, told by tables of processes; and command lines as text.

import Testing

@testable import Gretl

@Suite struct AdoptionRootTests {
    /// Pid, parent, group, session, program; of user 1000 unless said otherwise.
    private func entry(
        _ pid: Int32, _ parent: Int32, group: Int32, session: Int32, _ program: String,
        uid: UInt32 = 1_000, hasTerminal: Bool = false
    ) -> ProcessEntry {
        ProcessEntry(
            identity: ProcessIdentity(pid: pid, startTime: UInt64(pid)), parent: parent,
            group: group, session: session, hasTerminal: hasTerminal, program: program, uid: uid)
    }

    private func root(
        of pid: Int32, _ table: [ProcessEntry], daemon: Int32 = 900,
        firstWords: [Int32: String] = [:]
    ) throws -> Int32 {
        let rule = AdoptionRoot(
            uid: 1_000, daemon: daemon, read: { pid in table.first { $0.pid == pid } },
            children: { pid in table.filter { $0.parent == pid }.map(\.pid) },
            firstWord: { firstWords[$0] ?? "x" })
        let listener = try #require(table.first { $0.pid == pid })
        return rule.root(of: listener).pid
    }

    @Test func theWholeChainOfAJobIsClimbed() throws {
        let table = [
            entry(10, 1, group: 10, session: 10, "bash", hasTerminal: true),
            entry(20, 10, group: 20, session: 10, "npm", hasTerminal: true),
            entry(21, 20, group: 20, session: 10, "sh", hasTerminal: true),
            entry(22, 21, group: 20, session: 10, "node", hasTerminal: true),
        ]
        #expect(try root(of: 22, table) == 20)
    }

    @Test func aShellWithATerminalIsNotTakenEvenWithoutJobControl() throws {
        let table = [
            entry(10, 1, group: 10, session: 10, "sh", hasTerminal: true),
            entry(20, 10, group: 10, session: 10, "node", hasTerminal: true),
        ]
        #expect(try root(of: 20, table) == 20)
        #expect(
            try root(
                of: 20,
                table.map { one in
                    var other = one
                    other.hasTerminal = false
                    return other
                }) == 10)
    }

    @Test(arguments: ["systemd", "init", "gr-monitor", "sshd", "tmux: server"])
    func whatManagesOthersIsNotTaken(program: String) throws {
        let table = [
            entry(10, 1, group: 20, session: 20, program),
            entry(20, 10, group: 20, session: 20, "node"),
        ]
        #expect(try root(of: 20, table) == 20)
    }

    @Test func theDaemonAnotherUserAnotherSessionAndInitAreNotTaken() throws {
        let child = entry(20, 10, group: 20, session: 20, "node")
        let parent = entry(10, 1, group: 20, session: 20, "sh")
        #expect(try root(of: 20, [parent, child]) == 10)
        #expect(try root(of: 20, [parent, child], daemon: 10) == 20)
        #expect(try root(of: 20, [parent, child], firstWords: [10: "-bash"]) == 20)
        var other = parent
        other.uid = 0
        #expect(try root(of: 20, [other, child]) == 20)
        other = parent
        other.session = 10
        #expect(try root(of: 20, [other, child]) == 20)
        let orphan = entry(20, 1, group: 20, session: 20, "node")
        let first = entry(1, 0, group: 20, session: 20, "sh")
        #expect(try root(of: 20, [first, orphan]) == 20)
    }

    @Test func aParentWithOtherChildrenIsNotOnlyThereForTheListener() throws {
        let table = [
            entry(10, 1, group: 10, session: 10, "sh"),
            entry(20, 10, group: 10, session: 10, "node"),
            entry(21, 10, group: 10, session: 10, "sleep"),
        ]
        #expect(try root(of: 20, table) == 20)
    }

    @Test func aYoungerParentHasThePidOfTheTrueOne() throws {
        var parent = entry(10, 1, group: 20, session: 20, "sh")
        parent.identity.startTime = 99
        let child = entry(20, 10, group: 20, session: 20, "node")
        #expect(try root(of: 20, [parent, child]) == 20)
    }
}

@Suite struct CommandTextTests {
    private func text(_ words: [String], most: Int = 1_000) -> String? {
        CommandText.command(words.map { Array($0.utf8) }, most: most)
    }

    @Test func aShellReadsTheSameWordsAgain() {
        #expect(text(["python3", "-m", "http.server", "80"]) == "python3 -m http.server 80")
        #expect(text(["sh", "-c", "a; b"]) == "sh -c 'a; b'")
        #expect(text(["echo", "it's", "", "$HOME", "a b"]) == #"echo 'it'\''s' '' '$HOME' 'a b'"#)
        #expect(text(["npm run dev"]) == "npm run dev")
        #expect(text(["my app; rm -r x"]) == "'my app; rm -r x'")
    }

    @Test func whatIsNoTextOrTooLongIsNoCommand() {
        #expect(text([]) == nil)
        #expect(text([""]) == nil)
        #expect(CommandText.command([[0xFF, 0xFE]], most: 100) == nil)
        #expect(text(["a", String(repeating: "b", count: 100)], most: 100) == nil)
    }
}
