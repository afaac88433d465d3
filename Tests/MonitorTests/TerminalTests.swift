// A program that asks for a terminal has one, and people may look and type without ever being able
// to hold it up.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct TerminalTests {
    @Test func theProgramHasAControllingTerminalOfTheWantedSize() throws {
        try withMonitor { monitor in
            monitor.send("O", ["tty=1", "rows=33", "cols=111"])
            try monitor.start(
                "test -t 0 && test -t 1 && test -t 2 && echo all; stty size; : > /dev/tty && "
                    + "echo controlling")
            #expect(try monitor.expect("X")[0] == "0")
            #expect(monitor.log == "all\r\n33 111\r\ncontrolling\r\n")
        }
    }

    @Test func withoutTheOptionThereIsNone() throws {
        try withMonitor { monitor in
            try monitor.start("test -t 0 || test -t 1 || echo none")
            try monitor.expect("X")
            #expect(monitor.log == "none\n")
        }
    }

    @Test func aProgramOnATerminalEndsWithItsExactCodeAndAllItsOutput() throws {
        try withMonitor { monitor in
            monitor.send("O", ["tty=1"])
            try monitor.start("seq 1 20000; printf tail; exit 9")
            #expect(try monitor.expect("X")[0] == "9")
            #expect(monitor.log == (1...20_000).map { "\($0)\r\n" }.joined() + "tail")
            try monitor.expect("E")
        }
    }

    @Test func aNewSizeIsToldToTheProgram() throws {
        try withMonitor { monitor in
            monitor.send("O", ["tty=1"])
            try monitor.start("trap 'stty size' WINCH; echo up; while :; do sleep 0.05; done")
            #expect(eventually { monitor.log.contains("up\r\n") })
            monitor.send("Z", ["50", "132"])
            #expect(eventually { monitor.log.contains("50 132\r\n") })
        }
    }

    @Test func whoAttachesSeesTheScreenAndTypes() throws {
        try withMonitor { monitor in
            monitor.send("O", ["tty=1"])
            let pid = try monitor.start("echo hello; while read line; do echo got $line; done")
            #expect(eventually { monitor.log.contains("hello") })
            let client = try attach(monitor)
            #expect(client.wait(for: "hello\r\n"))
            client.type("one\n")
            #expect(client.wait(for: "got one\r\n"))
            // A second one sees what the first one did, and both see what comes.
            let other = try attach(monitor)
            #expect(other.wait(for: "got one\r\n"))
            other.type("two\n")
            #expect(client.wait(for: "got two\r\n"))
            client.end()
            other.type("three\n")
            #expect(other.wait(for: "got three\r\n"))
            other.end()
            usleep(100_000)
            #expect(isAlive(pid))
            let last = try attach(monitor)
            defer { last.end() }
            last.type("four\n")
            #expect(last.wait(for: "got four\r\n"))
            // Ctrl-D is the end of the input: the program ends, and so does the connection.
            last.type("\u{4}")
            try monitor.expect("X")
            #expect(last.waitForEnd())
        }
    }

    @Test func aClientThatDoesNotReadHoldsNobodyUpAndIsToldWhatItMissed() throws {
        try withMonitor { monitor in
            monitor.send("O", ["tty=1", "log_bytes=100000000"])
            let go = monitor.folder + "/go"
            try monitor.start(
                "seq 1 200000; while ! [ -e \(go) ]; do sleep 0.02; done; echo the end; sleep 60")
            let slow = try attach(monitor)
            defer { slow.end() }
            #expect(eventually { monitor.log.hasSuffix("\r\n200000\r\n") })
            let total = (1...200_000).reduce(0) { $0 + String($1).utf8.count + 2 }
            #expect(monitor.log.utf8.count == total)
            // Nothing of it was read until now.
            #expect(slow.wait(for: " bytes of output were skipped]\r\n"))
            let text = slow.text
            let seen = try #require(text.firstRange(of: "\r\n[gr: "))
            let note = text[seen.upperBound...].prefix { $0.isNumber }
            // It may have attached after the first lines, of which it saw the last 8 KiB.
            let skipped = try #require(Int(note))
            #expect(skipped > 0 && skipped < total)
            touch(go)
            #expect(slow.wait(for: "the end\r\n"))
        }
    }

    @Test func aFifthClientIsSentAwayAndAPlaceThatIsFreeIsGivenAgain() throws {
        try withMonitor { monitor in
            monitor.send("O", ["tty=1"])
            try monitor.start("echo up; sleep 60")
            let clients = try (0..<4).map { _ in try attach(monitor) }
            for client in clients { #expect(client.wait(for: "up")) }
            let fifth = try attach(monitor)
            #expect(fifth.wait(for: "[gr: "))
            #expect(fifth.waitForEnd())
            fifth.end()
            clients[0].end()
            usleep(100_000)
            let next = try attach(monitor)
            #expect(next.wait(for: "up"))
            next.end()
            for client in clients.dropFirst() { client.end() }
        }
    }

    @Test func inputThatNobodyReadsIsBoundedAndHoldsNobodyUp() throws {
        try withMonitor { monitor in
            monitor.send("O", ["tty=1"])
            try monitor.start("stty raw -echo; echo up; while :; do echo tick; sleep 0.05; done")
            #expect(eventually { monitor.log.contains("up") })
            let client = try attach(monitor)
            defer { client.end() }
            // More than terminal, buffers and socket take.
            let flood = String(repeating: "x", count: 65_536)
            for _ in 0..<16 { client.type(flood) }
            let before = monitor.log.utf8.count
            #expect(eventually { monitor.log.utf8.count > before + 30 })
            #expect(try monitor.reconnect()[4] == "running")
        }
    }

    @Test func aProgramWithoutATerminalCanBeLookedAt() throws {
        try withMonitor { monitor in
            try monitor.start("while :; do echo tick; sleep 0.05; done")
            let client = try attach(monitor)
            defer { client.end() }
            client.type("ignored\n")
            #expect(client.wait(for: "tick\ntick\n"))
        }
    }

    private func attach(_ monitor: MonitorHarness) throws -> AttachedClient {
        var pair: [Int32] = [-1, -1]
        guard unsafe cepoll_socketpair(Int32(SOCK_STREAM.rawValue), &pair) == 0 else {
            throw HarnessError.failed("socketpair", errno)
        }
        monitor.send("T", lending: [pair[1]])
        close(pair[1])
        return AttachedClient(pair[0])
    }
}

/// The other end of an attached socket.
final class AttachedClient {
    private let socket: Int32
    private var bytes: [UInt8] = []
    var text: String { String(decoding: bytes, as: UTF8.self) }

    init(_ socket: Int32) { self.socket = socket }

    /// As much as the socket takes.
    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe send(
            socket, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
    }

    /// Reads until the text has come, at most 10 s.
    func wait(for wanted: String) -> Bool {
        while !text.contains(wanted) {
            guard read(within: 10_000) else { return text.contains(wanted) }
        }
        return true
    }

    func waitForEnd() -> Bool {
        for _ in 0..<100_000 where waitReadable(socket, 10_000) {
            if !read(within: 0) { return true }
        }
        return false
    }

    private func read(within milliseconds: Int32) -> Bool {
        guard waitReadable(socket, milliseconds) else { return false }
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe Glibc.read(socket, &piece, piece.count)
        guard count > 0 else { return false }
        bytes += piece.prefix(count)
        return true
    }

    func end() { close(socket) }
}
