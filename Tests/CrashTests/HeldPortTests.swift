// Ports that monitors hold: a restart refuses nobody, neither of the program nor of the daemon, and
// a service on demand is started by its first connection.

import CEpoll
import Glibc
import NetCore
import TestSupport
import Testing

/// Connects, asks and reads in a loop, on a thread of its own.
///
/// `@unchecked`: the counts are written by that thread and read after `stop`, which joins it.
private final class Visitor: @unchecked Sendable {
    private var worker: Worker?
    private let isOver = Flag()
    private(set) var answers: [String: Int] = [:]
    private(set) var failures: [String] = []

    init(port: UInt16) {
        worker = Worker { [self] in
            while !isOver.isSet {
                do {
                    let answer = try CrashDaemon.call(port: port, "GET", "/")
                    answers[answer.text, default: 0] += 1
                } catch { failures.append("\(error)") }
                pause(milliseconds: 1)
            }
        }
    }

    func stop() {
        isOver.set()
        worker?.join()
        worker = nil
    }
}

extension CrashTests {
    @Suite struct HeldPortTests {
        /// Serves the sockets it was given, one connection after the other, and answers with its
        /// pid. On TERM it ends between two connections, and behind a request for /quit.
        private static let server = """
            import os, select, signal, socket
            assert os.environ["LISTEN_PID"] == str(os.getpid())
            count = int(os.environ["LISTEN_FDS"])
            sockets = [socket.socket(fileno=3 + i) for i in range(count)]
            over = []
            signal.signal(signal.SIGTERM, lambda *_: over.append(1))
            wake, end = os.pipe()
            os.set_blocking(end, False)
            signal.set_wakeup_fd(end)
            print("serving", os.getpid(), flush=True)
            while not over:
                for ready in select.select(sockets + [wake], [], [])[0]:
                    if ready == wake:
                        break
                    connection, _ = ready.accept()
                    head = connection.recv(65536)
                    body = str(os.getpid()).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n"
                        + b"Content-Length: " + str(len(body)).encode() + b"\\r\\n\\r\\n" + body)
                    connection.close()
                    if head.startswith(b"GET /quit "):
                        over.append(1)
            """

        private func makeServer(_ daemon: CrashDaemon) -> String {
            TemporaryFolder.write(Self.server, to: daemon.folder.file("held.py"))
            return "exec /usr/bin/python3 -S -E \(daemon.folder.file("held.py"))"
        }

        private func accepts(_ port: UInt16) -> Bool {
            (try? CrashDaemon.call(port: port, "GET", "/", patience: .seconds(5))) != nil
        }

        /// Whether somebody listens, without a connection that would start something.
        private func isFree(_ port: UInt16) -> Bool {
            var address = cepoll_address()
            // Pointers to locals, for the length of the calls.
            guard unsafe cepoll_address_parse(&address, "127.0.0.1", port) == 0 else {
                return false
            }
            let listener = unsafe cepoll_listen(&address, 1)
            guard listener >= 0 else { return false }
            close(listener)
            return true
        }

        @Test func `Restarts of a service that listens through its monitor refuse nobody`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let port = CrashDaemon.freePort()
            try daemon.register("web", makeServer(daemon), port: port, more: "\"listen\":true")
            var pids: Set<String> = ["\(try daemon.startService("web"))"]
            let visitor = Visitor(port: port)
            for _ in 0..<3 {
                pause(milliseconds: 80)
                let answer = try daemon.call("POST", "/v1/services/web/restart?grace=3000")
                #expect(answer.status == 200, "\(answer.text)")
                pids.insert("\(answer.json["pid"].integer ?? 0)")
            }
            pause(milliseconds: 80)
            visitor.stop()
            #expect(visitor.failures.isEmpty, "\(visitor.failures.first ?? "")")
            #expect(pids.count == 4)
            #expect(Set(visitor.answers.keys) == pids)
            print("answered over 3 restarts: \(visitor.answers.values.reduce(0, +)), failed: 0")
            _ = try daemon.call("POST", "/v1/services/web/stop?grace=3000")
            #expect(isFree(port))
            #expect(ProcessTable.tree(daemon.token).isEmpty)
        }

        @Test(arguments: [SIGTERM, SIGKILL])
        func `A restart of the daemon costs a held port no connection, nor the restarts after it`(
            signal: Int32
        ) throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let port = CrashDaemon.freePort()
            try daemon.register("web", makeServer(daemon), port: port, more: "\"listen\":true")
            let pid = try daemon.startService("web")
            let visitor = Visitor(port: port)
            for _ in 0..<2 {
                pause(milliseconds: 50)
                daemon.signal(signal)
                _ = daemon.wait()
                pause(milliseconds: 50)
                try daemon.start()
            }
            #expect(try daemon.service("web")["pid"].integer == Int(pid))
            let answer = try daemon.call("POST", "/v1/services/web/restart?grace=3000")
            #expect(answer.json["status"].text == "running")
            // And over the loss of the monitor: the daemon keeps what it holds.
            let old = try daemon.killMonitor(of: "web")
            #expect(eventually { daemon.monitor(of: "web").map { $0.pid != old.pid } ?? false })
            let again = try daemon.call("POST", "/v1/services/web/restart?grace=3000")
            #expect(again.json["status"].text == "running")
            pause(milliseconds: 50)
            visitor.stop()
            #expect(visitor.failures.isEmpty, "\(visitor.failures.first ?? "")")
            #expect(visitor.answers.count == 3)
            let total = visitor.answers.values.reduce(0, +)
            print("answered over 2 daemon and 2 service restarts: \(total), failed: 0")
            _ = try daemon.call("POST", "/v1/services/web/stop?grace=3000")
            #expect(isFree(port))
        }

        @Test(arguments: [false, true])
        func `A service on demand starts with its first connection, and again after its end`(
            losesDaemon: Bool
        ) throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let port = CrashDaemon.freePort()
            try daemon.register(
                "lazy", makeServer(daemon), port: port, more: "\"start\":\"on-demand\"")
            let armed = try daemon.call("POST", "/v1/services/lazy/start")
            #expect(armed.status == 200)
            #expect(armed.json["status"].text == "armed")
            #expect(ProcessTable.tree(daemon.token).isEmpty)
            var pids: Set<String> = []
            for round in 1...3 {
                if losesDaemon {
                    daemon.kill9()
                    try daemon.start()
                    #expect(try daemon.status("lazy") == "armed")
                }
                let answer = try CrashDaemon.call(port: port, "GET", "/")
                #expect(answer.status == 200)
                pids.insert(answer.text)
                #expect(pids.count == round)
                #expect(try eventually { try daemon.status("lazy") == "running" })
                let last = try CrashDaemon.call(port: port, "GET", "/quit")
                #expect(last.text == answer.text)
                #expect(try eventually { try daemon.status("lazy") == "armed" })
            }
            let stopped = try daemon.call("POST", "/v1/services/lazy/stop")
            #expect(stopped.json["status"].text == "stopped")
            #expect(isFree(port))
            #expect(!accepts(port))
            #expect(eventually { daemon.monitor(of: "lazy") == nil })
        }

        @Test func `A connection that came while no daemon ran is answered by the next one`() throws
        {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let port = CrashDaemon.freePort()
            try daemon.register(
                "lazy", makeServer(daemon), port: port, more: "\"start\":\"on-demand\"")
            _ = try daemon.call("POST", "/v1/services/lazy/start")
            daemon.kill9()
            let outcome = Outcome<String>()
            let early = Worker {
                let answer = try? CrashDaemon.call(port: port, "GET", "/")
                outcome.set(answer?.text ?? "refused")
            }
            pause(milliseconds: 100)
            try daemon.start()
            early.join()
            // The program may answer before it counts as running.
            #expect(try eventually { try daemon.status("lazy") == "running" })
            #expect(outcome.value == "\(try daemon.service("lazy")["pid"].integer ?? 0)")
            _ = try daemon.call("POST", "/v1/services/lazy/stop?grace=3000")
            #expect(isFree(port))
        }

        /// What is changed while a port is held.
        enum Change: CaseIterable {
            case port
            case portAndDaemon
            case listening
        }

        private func registerRestarting(
            _ daemon: CrashDaemon, _ command: String, port: UInt16, listens: Bool
        ) throws {
            try daemon.register("web", command, port: port, more: "\"listen\":\(listens)")
            let restart = "{\"name\":\"web\",\"restart\":\"on-failure\"}"
            #expect(try daemon.call("POST", "/v1/services", restart).status == 201)
        }

        @Test(arguments: Change.allCases)
        func `A crash behind a change is followed by the old spec, a restart by the new one`(
            change: Change
        ) throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let old = CrashDaemon.freePort()
            let server = makeServer(daemon)
            try registerRestarting(daemon, server, port: old, listens: true)
            let pid = try daemon.startService("web")
            let port = change == .listening ? old : CrashDaemon.freePort()
            if change == .listening {
                let command = "exec /usr/bin/python3 -m http.server --bind 127.0.0.1 \(port)"
                try registerRestarting(daemon, command, port: port, listens: false)
            } else {
                try registerRestarting(daemon, server, port: port, listens: true)
            }
            if change == .portAndDaemon {
                daemon.kill9()
                try daemon.start()
            }
            kill(pid, SIGKILL)
            #expect(
                try eventually {
                    let service = try daemon.service("web")
                    return service["status"].text == "running"
                        && service["pid"].integer != Int(pid)
                })
            let behind = try daemon.service("web")
            #expect(behind["port"].integer == Int(old))
            #expect(behind["pendingChange"] == .bool(true))
            let answer = try CrashDaemon.call(port: old, "GET", "/")
            #expect(answer.text == "\(behind["pid"].integer ?? 0)")
            let restarted = try daemon.call("POST", "/v1/services/web/restart?grace=3000")
            #expect(restarted.status == 200, "\(restarted.text)")
            let now = try daemon.service("web")
            #expect(now["port"].integer == Int(port))
            #expect(now["pendingChange"] == .bool(false))
            #expect(accepts(port))
            #expect(isFree(old) == (old != port))
        }

        @Test func `An armed port that is changed starts what it was armed for`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let old = CrashDaemon.freePort()
            let port = CrashDaemon.freePort()
            let more = "\"start\":\"on-demand\""
            try daemon.register("lazy", makeServer(daemon), port: old, more: more)
            _ = try daemon.call("POST", "/v1/services/lazy/start")
            try daemon.register("lazy", makeServer(daemon), port: port, more: more)
            // Its first end arms the old port again.
            for _ in 0..<2 {
                #expect(try CrashDaemon.call(port: old, "GET", "/").status == 200)
                #expect(try eventually { try daemon.status("lazy") == "running" })
                #expect(try CrashDaemon.call(port: old, "GET", "/quit").status == 200)
                #expect(try eventually { try daemon.status("lazy") == "armed" })
                #expect(try daemon.service("lazy")["pendingChange"] == .bool(true))
            }
            let restarted = try daemon.call("POST", "/v1/services/lazy/restart")
            #expect(restarted.json["status"].text == "armed", "\(restarted.text)")
            #expect(isFree(old))
            #expect(accepts(port))
            #expect(try daemon.service("lazy")["pendingChange"] == .bool(false))
        }
    }
}
