// The Unix socket in the home folder: the same routes and rules as over TCP, a file that nobody
// else can use, and what becomes of it when the daemon ends, is killed, or finds something there.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct SocketDoorTests {
    static let isRoot = geteuid() == 0
    private static let token = "canary-0123456789abcdef"

    private func socket(_ daemon: DaemonProcess) -> String { daemon.file("daemon.sock") }

    private func ask(
        _ path: String, _ method: String, _ target: String, _ body: String? = nil,
        _ fields: [String] = [], host: String = "localhost"
    ) throws -> WireAnswer {
        let client = try WireClient(path: path)
        var head = ["\(method) \(target) HTTP/1.1", "Host: \(host)", "Connection: close"] + fields
        if let body {
            head.append("Content-Length: \(body.utf8.count)")
            if !fields.contains(where: { $0.hasPrefix("Content-Type") }) {
                head.append("Content-Type: application/json")
            }
        }
        client.send(head.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
        return try client.answer(to: method)
    }

    private func kind(_ path: String) -> UInt32? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT
    }

    @Test(arguments: ["000", "022", "077"])
    func `the socket is the owner's alone whatever the umask`(mask: String) throws {
        let daemon = try DaemonProcess(umask: mask)
        #expect(TemporaryFolder.mode(socket(daemon)) == 0o600)
        #expect(TemporaryFolder.mode(daemon.home) == 0o700)
        #expect(kind(socket(daemon)) == S_IFSOCK)
    }

    @Test func `what is done at one door is seen at the other`() throws {
        let daemon = try DaemonProcess()
        let path = socket(daemon)
        let made = try ask(path, "POST", "/v1/services", #"{"name":"a","port":7000}"#)
        #expect(made.status == 201 && made.problems(answering: "POST").isEmpty)
        #expect(try daemon.ask("GET", "/v1/resolve/a").json["port"].integer == 7_000)
        #expect(try ask(path, "GET", "/v1/resolve/a").json["port"].integer == 7_000)
        #expect(try ask(path, "GET", "/health").json["status"] == .string("ok"))
        #expect(try ask(path, "DELETE", "/v1/services/a").status == 200)
        #expect(try daemon.ask("GET", "/v1/resolve/a").status == 404)
    }

    @Test func `many requests on one connection are answered in order`() throws {
        let daemon = try DaemonProcess()
        let client = try WireClient(path: socket(daemon))
        let request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.send(String(repeating: request, count: 300))
        for _ in 0..<300 { #expect(try client.answer().status == 200) }
    }

    @Test func `the rules for browsers hold at the socket too`() throws {
        let daemon = try DaemonProcess()
        let path = socket(daemon)
        for host in ["localhost", "127.0.0.1:1", "[::1]", "localhost:65000"] {
            #expect(try ask(path, "GET", "/health", host: host).status == 200, "\(host)")
        }
        for host in ["evil.example", "daemon.sock", "gr", "0.0.0.0"] {
            let refused = try ask(path, "GET", "/health", host: host)
            #expect(refused.status == 403 && refused.code == "forbidden_host", "\(host)")
        }
        let body = #"{"name":"a","port":7000}"#
        for fields in [["Origin: http://evil.example"], ["Sec-Fetch-Site: cross-site"]] {
            let refused = try ask(path, "POST", "/v1/services", body, fields)
            #expect(refused.status == 403 && refused.code == "forbidden_origin", "\(fields)")
        }
        let plain = try ask(path, "POST", "/v1/services", body, ["Content-Type: text/plain"])
        #expect(plain.status == 415)
        #expect(try daemon.ask("GET", "/v1/services").json["services"].items.isEmpty)
    }

    @Test func `with a token set the socket asks for it on every route`() throws {
        let daemon = try DaemonProcess(configuration: "[auth]\ntoken = \"\(Self.token)\"\n")
        let path = socket(daemon)
        for (method, target) in GateTests.routes where method != "OPTIONS" {
            let body = method == "POST" ? "{}" : nil
            #expect(try ask(path, method, target, body).status == 401, "\(method) \(target)")
        }
        let field = "Authorization: Bearer \(Self.token)"
        #expect(try ask(path, "GET", "/health", nil, [field]).status == 200)
    }

    @Test func `the socket goes with the daemon and comes back with the next`() throws {
        let daemon = try DaemonProcess()
        let path = socket(daemon)
        #expect(daemon.stop() == 0)
        #expect(kind(path) == nil)
        try daemon.restart()
        #expect(try ask(path, "GET", "/health").status == 200)
        daemon.kill()
        #expect(kind(path) == S_IFSOCK, "a killed daemon leaves it")
        try daemon.restart()
        #expect(try ask(path, "GET", "/health").status == 200)
    }

    @Test func `a second daemon of the folder leaves the socket of the first alone`() throws {
        let daemon = try DaemonProcess()
        let second = try Program.run([
            BuildProducts.gr, "serve", "--home", daemon.home, "--listen", "127.0.0.1:0",
        ])
        #expect(second.exit == 1)
        #expect(try ask(socket(daemon), "GET", "/health").status == 200)
    }

    @Test func `what is no socket in its place is not removed`() throws {
        let daemon = try DaemonProcess()
        let path = socket(daemon)
        daemon.stop()
        TemporaryFolder.write("precious", to: path)
        #expect(throws: DaemonProcessError.self) { try daemon.restart() }
        #expect(TextFile.read(path) == "precious")
        #expect(daemon.standardError.contains("daemon.sock: is in the way"))
    }

    @Test(.enabled(if: isRoot, "becoming another user needs root"))
    func `another user is refused even where the file modes let them in`() throws {
        for (configuration, fields, status) in [
            ("", [], "403"), ("peer_check = false", [], "200"),
            ("[auth]\ntoken = \"\(Self.token)\"", [], "401"),
            (
                "[auth]\ntoken = \"\(Self.token)\"",
                ["-H", "Authorization: Bearer \(Self.token)"], "200"
            ),
        ] {
            let daemon = try DaemonProcess(configuration: configuration)
            let path = socket(daemon)
            let parent = String(daemon.home.dropLast("/home".count))
            for folder in [parent, daemon.home] { #expect(unsafe chmod(folder, 0o711) == 0) }
            #expect(unsafe chmod(path, 0o666) == 0)
            let stranger = [
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", "curl", "-s",
                "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", path,
            ]
            let run = try Program.run(stranger + fields + ["http://localhost/health"])
            #expect(run.output == status, "\(configuration) \(fields): \(run.errors)")
        }
    }
}
