// What lies on disk and what is told: modes of every file whatever the umask, and canaries that
// must turn up nowhere but in the one file that keeps them.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct SecretFileTests {
    static let canary = "canary-env-5d1c9"
    static let token = "canary-token-5d1c9"

    /// Every path below a folder, the folder included.
    private func paths(_ folder: String) -> [String] {
        var found = [folder]
        for name in ProcessTable.folderNames(folder) { found += paths(folder + "/" + name) }
        return found
    }

    private func use(_ fixture: ServiceFixture, _ fields: [String]) throws -> [WireAnswer] {
        let port = ServiceFixture.freePort()
        let daemon = fixture.daemon
        let body = """
            {"name":"a","port":\(port),"cmd":"echo output; \(fixture.serverCommand)",
             "env":{"API_KEY":"\(Self.canary)"}}
            """
        let bad = #"{"name":"b","port":7,"env":{"API_KEY":1,"X":"\#(Self.canary)"}}"#
        return [
            try daemon.ask("POST", "/v1/services", body, fields),
            try daemon.ask("POST", "/v1/services", bad, fields),
            try daemon.ask("POST", "/v1/services/a/start", nil, fields),
            try daemon.ask("POST", "/v1/services/a/start", nil, fields),
            try daemon.ask("GET", "/v1/services/a", nil, fields),
            try daemon.ask("GET", "/v1/services", nil, fields),
            try daemon.ask("GET", "/v1/resolve/a", nil, fields),
            try daemon.ask("GET", "/health", nil, fields),
            try daemon.ask("GET", "/v1/services/none", nil, fields),
            try daemon.ask("GET", "/v1/services", nil, ["Authorization: Bearer \(Self.token)x"]),
            try daemon.ask("GET", "/v1/services", nil, fields, host: "evil.example"),
        ]
    }

    @Test(arguments: ["000", "022", "077"]) func everythingIsPrivate(umask: String) throws {
        let fixture = try ServiceFixture(umask: umask)
        let answers = try use(fixture, [])
        #expect(answers[0].status == 201)
        #expect(answers[2].status == 200, "\(answers[2].text)")
        let all = paths(fixture.daemon.home)
        #expect(all.count >= 6)
        #expect(all.contains { $0.hasSuffix(".sock") })
        #expect(all.contains { $0.hasSuffix(".log") })
        for path in all {
            let mode = TemporaryFolder.mode(path) ?? 0o777
            let isFolder = all.contains { $0.hasPrefix(path + "/") } || path.hasSuffix("/run")
            #expect(mode & 0o077 == 0, "\(path): \(String(mode, radix: 8))")
            #expect(
                mode & 0o700 == (isFolder ? 0o700 : 0o600), "\(path): \(String(mode, radix: 8))")
        }
        _ = try fixture.stop("a")
        fixture.daemon.stop()
        for path in paths(fixture.daemon.home) {
            #expect((TemporaryFolder.mode(path) ?? 0o777) & 0o077 == 0, "\(path)")
        }
    }

    @Test func secretsAreToldToNobody() throws {
        let configuration = "[auth]\ntoken = \"\(Self.token)\"\n[log]\nlevel = \"debug\"\n"
        let fixture = try ServiceFixture(
            configuration: configuration, environment: ["GR_TOKEN=\(Self.token)-2"])
        let answers = try use(fixture, ["Authorization: Bearer \(Self.token)"])
        #expect(answers[0].status == 201)
        #expect(answers[1].status == 400)
        #expect(answers[2].status == 200, "\(answers[2].text)")
        for answer in answers {
            let all = answer.text + answer.fields.map { "\($0.name): \($0.value)" }.joined()
            #expect(!all.contains("canary"), "\(all)")
        }
        let home = fixture.daemon.home
        #expect(!fixture.daemon.standardError.contains("canary"))
        for path in paths(home) where path != home + "/config.toml" {
            let text = TextFile.read(path) ?? ""
            #expect(!text.contains(Self.token), "\(path)")
            #expect(!text.contains(Self.canary) || path.contains("/state.db"), "\(path)")
        }
        for pid in ProcessTable.descendants(of: [fixture.daemon.pid]).union([fixture.daemon.pid]) {
            #expect(!ProcessTable.words(pid, "cmdline").joined().contains("canary"), "\(pid)")
        }
        #expect(
            TextFile.read("/proc/\(fixture.daemon.pid)/limits")?.contains("core file size") != false
        )
    }

    @Test func aSecondDaemonOnTheHomeIsRefused() throws {
        let daemon = try DaemonProcess()
        let (code, _) = try DaemonProcess.run(
            BuildProducts.gr, ["gr", "serve", "--home", daemon.home, "--listen", "127.0.0.1:0"])
        #expect(code != nil && code != 0)
        #expect(try daemon.ask("GET", "/health").status == 200)
    }

    /// Names never become paths outside the home folder.
    @Test func aNameCannotLeaveTheHomeFolder() throws {
        let fixture = try ServiceFixture()
        let names = ["../../escape", "/etc/escape", "..%2f", "a/../../b", "x\u{E9}y", "~root"]
        let before = Set(ProcessTable.folderNames("/tmp"))
        for name in names {
            try fixture.register(name, command: "echo out; exec sleep 300")
            let path = name.utf8.map { "%" + hex($0) }.joined()
            #expect(try fixture.start(path).status == 200, "\(name)")
            let log = try fixture.service(path)["logFile"].text ?? ""
            #expect(log.hasPrefix(fixture.daemon.home + "/logs/"), "\(log)")
            let file = log.dropFirst(fixture.daemon.home.utf8.count + 6)
            #expect(!file.contains("/") && file != "..", "\(log)")
            #expect(eventually { TextFile.read(log) == "out\n" }, "\(log)")
        }
        // A mark of direction would show a name as another one.
        let turned = try fixture.daemon.ask(
            "POST", "/v1/services", "{\"name\":\"x\u{202E}y\",\"port\":null}")
        #expect(turned.status == 400)
        // Each has its log and the times of its lines.
        let files = ProcessTable.folderNames(fixture.daemon.file("logs"))
        let logs = files.filter { $0.hasSuffix(".log") }
        #expect(logs.count == names.count)
        #expect(files.count - logs.count == files.filter { $0.hasSuffix(".log.times") }.count)
        #expect(!Set(ProcessTable.folderNames("/tmp")).subtracting(before).contains("escape"))
    }

    private func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return text.utf8.count == 1 ? "0" + text : text
    }
}
