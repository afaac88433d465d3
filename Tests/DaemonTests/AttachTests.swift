// Attaching to a program's terminal over the API: raw sockets against the real daemon.

import CEpoll
import Glibc
import TestSupport
import Testing

struct AttachTests {
    private static let upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"

    private func request(_ fixture: ServiceFixture, _ path: String, _ fields: String) -> String {
        "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(fixture.daemon.port)\r\n\(fields)\r\n"
    }

    private func attach(_ fixture: ServiceFixture, _ name: String) throws -> Typist {
        let typist = try Typist(port: fixture.daemon.port)
        typist.type(request(fixture, "/v1/services/\(name)/attach", Self.upgrade))
        #expect(typist.sees("\r\n\r\n"))
        #expect(typist.text.hasPrefix("HTTP/1.1 101 "))
        return typist
    }

    private func repl(_ fixture: ServiceFixture) throws {
        try fixture.register(
            "repl",
            command: "trap 'stty size' WINCH; echo hello; "
                + "while read line; do echo got $line; done; exit 5",
            more: "\"tty\":true,\"restart\":\"never\"")
        #expect(try fixture.start("repl").status == 200)
    }

    @Test("who attaches sees, types, leaves and comes back, and the program goes on")
    func terminal() throws {
        let fixture = try ServiceFixture()
        try repl(fixture)
        let first = try attach(fixture, "repl")
        #expect(first.sees("hello\r\n"))
        first.type("one\n")
        #expect(first.sees("got one\r\n"))
        let second = try attach(fixture, "repl")
        #expect(second.sees("got one\r\n"))
        first.close()
        second.type("two\n")
        #expect(second.sees("got two\r\n"))
        #expect(try fixture.service("repl")["status"] == .string("running"))
        // The end of the input is the end of the program, and of the connection.
        second.type("\u{4}")
        #expect(second.seesEnd())
        #expect(try fixture.waits("repl", for: "failed"))
        #expect(try fixture.service("repl")["exitCode"] == .number("5"))
    }

    @Test("the program hears of a new size")
    func size() throws {
        let fixture = try ServiceFixture()
        // A trap is run behind the command under way: a short one.
        try fixture.register(
            "repl",
            command: "trap 'stty size' WINCH; echo hello; while :; do sleep 0.05; done",
            more: "\"tty\":true,\"restart\":\"never\"")
        #expect(try fixture.start("repl").status == 200)
        let typist = try attach(fixture, "repl")
        #expect(typist.sees("hello\r\n"))
        let path = "/v1/services/repl/resize"
        let answer = try fixture.daemon.ask("POST", "\(path)?rows=50&cols=132")
        #expect(answer.status == 200)
        #expect(answer.text == "{\"name\":\"repl\",\"rows\":50,\"cols\":132}")
        #expect(typist.sees("50 132\r\n"))
        for query in ["", "?rows=50", "?rows=0&cols=1", "?rows=1&cols=10001", "?rows=-1&cols=1"] {
            #expect(try fixture.daemon.ask("POST", path + query).status == 400, "\(query)")
        }
    }

    @Test("without a terminal, a program or an upgrade there is nothing to attach to")
    func refusals() throws {
        let fixture = try ServiceFixture()
        try fixture.register("plain", command: "exec sleep 1000")
        try fixture.register("repl", command: "exec cat", more: "\"tty\":true")
        func code(_ name: String, _ fields: String) throws -> (Int, JSONValue) {
            let client = try WireClient(fixture.daemon)
            client.send(request(fixture, "/v1/services/\(name)/attach", fields))
            let answer = try client.answer()
            return (answer.status, answer.json["code"])
        }
        #expect(try code("nobody", Self.upgrade) == (404, .string("unknown_service")))
        #expect(try code("repl", Self.upgrade) == (409, .string("not_running")))
        #expect(try code("plain", Self.upgrade) == (409, .string("not_running")))
        let resize = try fixture.daemon.ask("POST", "/v1/services/repl/resize?rows=1&cols=1")
        #expect(resize.status == 409)
        try fixture.start("plain")
        try fixture.start("repl")
        #expect(try code("plain", Self.upgrade) == (400, .string("invalid_spec")))
        let told = try fixture.daemon.gr(["attach", "plain"])
        #expect(told.end() == 1 && told.errors.contains("(gr add plain --tty)"), "\(told.errors)")
        #expect(try code("repl", "") == (400, .string("invalid_spec")))
        let other = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        #expect(try code("repl", other) == (400, .string("invalid_spec")))
        // A page in a browser is not let near it.
        let foreign = Self.upgrade + "Origin: http://evil.example\r\n"
        #expect(try code("repl", foreign) == (403, .string("forbidden_origin")))
    }

    @Test("an attached terminal outlives the daemon")
    func outlives() throws {
        let fixture = try ServiceFixture()
        try repl(fixture)
        let typist = try attach(fixture, "repl")
        fixture.daemon.kill()
        typist.type("still\n")
        #expect(typist.sees("got still\r\n"))
        // Ends with its input, so that nothing is left behind.
        typist.type("\u{4}")
        #expect(typist.seesEnd())
    }
}

/// Types and reads on a raw connection.
private final class Typist {
    private let client: WireClient
    private var bytes: [UInt8] = []
    var text: String { String(decoding: bytes, as: UTF8.self) }

    init(port: UInt16) throws { client = try WireClient(port: port) }

    func type(_ text: String) { client.send(text) }
    func close() { client.close() }

    /// Reads until the text has come, at most 10 s of silence.
    func sees(_ wanted: String) -> Bool {
        while !text.contains(wanted) {
            guard read() else { return false }
        }
        return true
    }

    func seesEnd() -> Bool {
        for _ in 0..<10_000 {
            var set = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
            // One entry, alive during the call.
            guard unsafe poll(&set, 1, 10_000) > 0 else { return false }
            if !read() { return true }
        }
        return false
    }

    private func read() -> Bool {
        var set = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
        // One entry, alive during the call.
        guard unsafe poll(&set, 1, 10_000) > 0 else { return false }
        var piece = [UInt8](repeating: 0, count: 16_384)
        // The kernel writes at most the count given.
        let count = unsafe Glibc.read(client.descriptor, &piece, piece.count)
        guard count > 0 else { return false }
        bytes += piece.prefix(count)
        return true
    }
}
