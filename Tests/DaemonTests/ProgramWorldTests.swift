// What a program started by the daemon finds: its environment, descriptors, signals and standard
// input; and that its output is kept whole.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ProgramWorldTests {
    static let secrets = [
        "GR_TOKEN=canary-token-7f3a", "AUTH_TOKEN=canary-auth-7f3a", "SECRET_KEY=canary-key-7f3a",
        "LISTEN_FDS=3", "LISTEN_PID=1", "NOTIFY_SOCKET=/run/canary-notify",
        "AWS_SECRET_ACCESS_KEY=canary-aws-7f3a", "OPENAI_API_KEY=canary-ai-7f3a",
    ]
    let fixture: ServiceFixture
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture(environment: Self.secrets) }

    /// Runs a command that writes to a file first and then serves.
    private func run(_ probe: String, env: [String: String] = [:], more: String = "") throws {
        try fixture.register(
            "a", port: port, command: "\(probe); \(fixture.serverCommand)", env: env, more: more)
        let answer = try fixture.start("a")
        #expect(answer.status == 200, "\(answer.text)")
    }

    @Test func theEnvironmentIsTheAllowedPartAndTheServicesOwn() throws {
        let file = fixture.folder.file("environ")
        try run(
            "cat /proc/$$/environ > \(file)",
            env: ["NODE_ENV": "development", "EMPTY": "", "LANG": "xx", "TEXT": "a b\nü=\"c\""],
            more: #""group":"@jobs","cwd":"/tmp""#)
        let bytes = TextFile.bytes(file) ?? []
        let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        let expected = [
            "PORT=\(port)", "GRETL_NAME=a", "GRETL_GROUP=@jobs", "NODE_ENV=development", "EMPTY=",
            "LANG=xx", "TEXT=a b\nü=\"c\"", "PATH=/usr/local/bin:/usr/bin:/bin",
        ]
        for word in expected { #expect(words.contains(word), "\(word)") }
        #expect(words.contains { $0.hasPrefix("HOME=") })
        let names = words.compactMap { $0.split(separator: "=").first }
        #expect(Set(names).count == names.count, "a name occurs twice")
        #expect(!bytes.isEmpty && !String(decoding: bytes, as: UTF8.self).contains("canary"))
        for name in ["LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "GR_TOKEN"] {
            #expect(!words.contains { $0.hasPrefix("\(name)=") }, "\(name)")
        }
    }

    @Test func onlyThreeDescriptorsAreOpen() throws {
        try run("true")
        let pid = Int32(try fixture.service("a")["pid"].integer ?? 0)
        // The script and its listener come on top, opened by perl itself.
        let own = ProcessTable.descriptors(pid)
        #expect(own.starts(with: [0, 1, 2]))
        let file = fixture.folder.file("fds")
        try fixture.register("b", command: "ls -l /proc/$$/fd > \(file); exec sleep 300")
        #expect(try fixture.start("b").status == 200)
        #expect(eventually { (TextFile.read(file) ?? "").contains(" 2 -> ") })
        let links = (TextFile.read(file) ?? "").split(separator: "\n").filter { $0.contains("->") }
        let numbers = links.compactMap { $0.split(separator: " ").dropLast(2).last }
        // A shell keeps what a redirection replaced on 10 (dash) or 255 (bash).
        #expect(Set(numbers).isSubset(of: ["0", "1", "2", "10", "255"]), "\(links)")
        #expect(links.contains { $0.contains(" 0 -> /dev/null") })
        #expect(
            ProcessTable.descriptors(Int32(try fixture.service("b")["pid"].integer ?? 0)) == [
                0, 1, 2,
            ])
    }

    @Test func signalsAreAsAProgramExpects() throws {
        try fixture.register("a", command: "exec sleep 300")
        #expect(try fixture.start("a").status == 200)
        let pid = Int32(try fixture.service("a")["pid"].integer ?? 0)
        // An empty mask comes before the exec of sleep; give it the moment it needs.
        #expect(eventually { ProcessTable.words(pid, "cmdline").first == "sleep" })
        let status = TextFile.read("/proc/\(pid)/status") ?? ""
        for name in ["SigBlk", "SigIgn", "SigCgt"] {
            let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") } ?? ""
            #expect(line.hasSuffix("\t0000000000000000"), "\(line)")
        }
        #expect(getsid(pid) != getsid(fixture.daemon.pid))
    }

    @Test func theDirectoryIsTheServices() throws {
        let file = fixture.folder.file("pwd")
        try run("pwd > \(file)", more: "\"cwd\":\"\(fixture.folder.path)\"")
        #expect(TextFile.read(file) == "\(fixture.folder.path)\n")
    }

    @Test func theLogIsWhole() throws {
        let lines = 20_000
        try fixture.register(
            "a",
            command: "i=0; while [ $i -lt \(lines) ]; do echo line $i; i=$((i+1)); done; "
                + "echo to stderr >&2; printf 'no end'; exec sleep 300")
        #expect(try fixture.start("a").status == 200)
        let path = try fixture.service("a")["logFile"].text ?? ""
        func content() -> String { TextFile.read(path) ?? "" }
        #expect(eventually(within: 8_000) { content().contains("line \(lines - 1)") })
        #expect(try fixture.stop("a").status == 200)
        let text = content()
        let numbered = text.split(separator: "\n").compactMap { line in
            line.range("line ").map { Int(line[$0...]) ?? -1 }
        }
        #expect(numbered == Array(0..<lines))
        #expect(text.contains("to stderr"))
        #expect(text.contains("no end"))
    }
}

extension Substring {
    /// Where the text behind `marker` begins.
    fileprivate func range(_ marker: String) -> Index? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(marker) { return index(at, offsetBy: marker.count) }
            at = index(after: at)
        }
        return nil
    }
}
