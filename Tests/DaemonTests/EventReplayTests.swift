// Clients that lose the connection and daemons that are killed: whatever happens, what a client has
// heard and what it is told when it comes back is the log, once and in order.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct EventReplayTests {
    /// What one client knows over all its connections.
    private struct Client {
        var known: [EventFrame] = []
        var gaps = 0
        var listener: EventListener?

        mutating func leave() {
            listener?.pump()
            known += listener?.events ?? []
            gaps += listener?.gaps.count ?? 0
            listener?.wire.reset()
            listener = nil
        }
    }

    @Test(arguments: [11, 12, 13])
    func replayAndLiveAreTheLog(seed: UInt64) throws {
        let fixture = try ServiceFixture()
        let daemon = fixture.daemon
        var random = SeededGenerator(seed: seed)
        var clients = [Client](repeating: Client(), count: 4)
        var registered = 0
        for _ in 0..<150 {
            switch random.number(in: 0...9) {
            case 0...5:
                registered += 1
                try fixture.register("s\(registered % 20)", command: "exec true")
            case 6, 7:
                let index = random.number(in: 0...3)
                guard clients[index].listener == nil else {
                    clients[index].leave()
                    break
                }
                let last = clients[index].known.last?.id
                clients[index].listener = try EventListener(
                    daemon, "?stats=0" + (last == nil ? "&since=0" : ""),
                    lastID: last.map(String.init))
            case 8: for index in clients.indices { clients[index].listener?.pump() }
            default:
                guard random.oneIn(3) else { break }
                if random.oneIn(2) { daemon.kill() } else { #expect(daemon.stop() == 0) }
                for index in clients.indices { clients[index].leave() }
                try daemon.restart()
            }
        }
        let whole = try EventListener(daemon, "?stats=0&since=0")
        #expect(whole.wait { $0.ids.last == registered })
        #expect(whole.ids == Array(1...registered))
        for index in clients.indices {
            clients[index].leave()
            let last = clients[index].known.last?.id ?? 0
            if last < registered {
                clients[index].listener = try EventListener(
                    daemon, "?stats=0&since=\(last)")
                #expect(clients[index].listener?.wait { $0.ids.last == registered } == true)
                clients[index].leave()
            }
            #expect(clients[index].known == whole.events, "seed \(seed), client \(index)")
            #expect(clients[index].gaps == 0, "seed \(seed), client \(index)")
        }
    }

    @Test func aReaderThatNeverReadsHoldsUpNobody() throws {
        let fixture = try ServiceFixture()
        let dead = try EventListener(fixture.daemon, "?stats=0&since=0")
        let live = try EventListener(fixture.daemon, "?stats=0&since=0")
        // Enough for the socket of one that does not read, and for the ring.
        let group = "@" + String(repeating: "g", count: 120)
        let body = #"{"name":"web","port":7004,"group":"\#(group)"}"#
        let client = try WireClient(fixture.daemon)
        let request =
            "POST /v1/services HTTP/1.1\r\nHost: localhost\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        for _ in 0..<1_200 {
            client.send(request)
            #expect(try client.answer(to: "POST").status == 201)
            live.pump()
        }
        #expect(live.wait { $0.ids.last == 1_200 })
        #expect(live.ids == Array(1...1_200))
        dead.pump()
        #expect(dead.wait { $0.ids.last == 1_200 || $0.isOver })
        #expect(dead.ids == Array(1...(dead.ids.last ?? 0)))
        #expect(dead.gaps.count == (dead.isOver ? 1 : 0))
    }

    @Test func streamsEndAtOnceWhenTheDaemonDoes() throws {
        let fixture = try ServiceFixture()
        let listeners = try (0..<3).map { _ in try EventListener(fixture.daemon) }
        let took = milliseconds { #expect(fixture.daemon.stop() == 0) }
        // The drain of a daemon waits up to 5 s for answers: streams are none.
        #expect(took < 4_000)
        for listener in listeners { #expect(listener.wait { $0.isOver }) }
    }

    static var isCurlThere: Bool { unsafe access("/usr/bin/curl", X_OK) == 0 }

    @Test(.enabled(if: EventReplayTests.isCurlThere))
    func curlReadsTheStream() throws {
        let fixture = try ServiceFixture()
        let output = fixture.folder.file("curl.out")
        let url = "http://localhost:\(fixture.daemon.port)/v1/events?stats=0"
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        let file = unsafe open(output, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        let (pid, pidfd) = try DaemonProcess.spawn(
            "/usr/bin/curl", ["curl", "-sN", url], ["PATH=/usr/bin:/bin"], [null, file, null])
        defer {
            _ = cepoll_pidfd_signal(pidfd, SIGKILL)
            waitpid(pid, nil, 0)
            for descriptor in [pidfd, null, file] { close(descriptor) }
        }
        #expect(eventually { TextFile.read(output) == "retry: 2000\n\n" })
        try fixture.register("web", port: 7_005)
        #expect(
            eventually {
                TextFile.read(output)
                    == "retry: 2000\n\nevent: service.registered\nid: 1\n"
                    + "data: {\"name\":\"web\",\"port\":7005,\"group\":null}\n\n"
            })
    }

    @Test func theFileOfEventsIsPrivateAndBounded() throws {
        let fixture = try ServiceFixture()
        try fixture.register("web", port: 7_006)
        var status = stat()
        // The struct is ours and lives for the call.
        #expect(unsafe stat(fixture.daemon.file("events.log"), &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        fixture.daemon.kill()
        // Whatever somebody writes into it, the daemon starts, and ids go on.
        for junk in [
            "", "gretl-events 1 x 5 ok\n", "\u{0}\n\n", String(repeating: "9", count: 70_000),
        ] {
            TemporaryFolder.write(junk, to: fixture.daemon.file("events.log"), mode: 0o600)
            try fixture.daemon.restart()
            let listener = try EventListener(fixture.daemon, "?stats=0", lastID: "1")
            try fixture.register("web", port: 7_006)
            #expect(listener.wait { !$0.ids.isEmpty })
            #expect(listener.gaps.count == 1)
            #expect(listener.ids[0] > 1)
        }
    }
}
