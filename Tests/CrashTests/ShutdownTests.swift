// The orderly end: what is under way is answered, who is idle is let go, programs go on.

import Glibc
import NetCore
import TestSupport
import Testing

extension CrashTests {
    @Suite struct ShutdownTests {
        /// A daemon with one program that runs and does not hear TERM.
        private func stubbornDaemon() throws -> (CrashDaemon, Int32) {
            let daemon = CrashDaemon()
            try daemon.start()
            try daemon.register("stubborn", "trap '' TERM; echo on; exec sleep 1000")
            let pid = try daemon.startService("stubborn")
            #expect(eventually { TextFile.read(daemon.log("stubborn")) == "on\n" })
            return (daemon, pid)
        }

        private func ask(_ daemon: CrashDaemon, _ target: String) -> (Worker, Outcome<APIAnswer>) {
            let outcome = Outcome<APIAnswer>()
            let port = daemon.port
            let worker = Worker {
                if let answer = try? CrashDaemon.call(port: port, "POST", target) {
                    outcome.set(answer)
                }
            }
            return (worker, outcome)
        }

        @Test(arguments: [SIGTERM, SIGINT])
        func `Requests under way are answered and idle connections closed`(signal: Int32) throws {
            let (daemon, pid) = try stubbornDaemon()
            defer { daemon.end() }
            try daemon.register("never", "exec sleep 1000", port: Int(CrashDaemon.freePort()))
            let (starter, started) = ask(daemon, "/v1/services/never/start?timeout=60000")
            #expect(try eventually { try daemon.status("never") == "starting" })
            let (stopper, stopped) = ask(daemon, "/v1/services/stubborn/stop?grace=600")
            #expect(try eventually { try daemon.status("stubborn") == "stopping" })
            let address = try #require(SocketAddress("127.0.0.1", port: daemon.port))
            let idle = try HTTPPeer(to: address)
            pause(milliseconds: 50)
            let began = milliseconds()
            daemon.signal(signal)
            let isClosed = eventually(within: 400) {
                idle.pump()
                return idle.isAtEnd
            }
            #expect(isClosed, "the idle connection")
            starter.join()
            #expect(started.value?.status == 503)
            #expect(started.value?.json["code"].text == "daemon_busy")
            stopper.join()
            #expect(stopped.value?.status == 200)
            #expect(stopped.value?.json["exitCode"].integer == 137)
            #expect(daemon.wait() == 0)
            #expect(milliseconds() - began < 3_000)
            #expect(!ProcessTable.isAlive(pid))
            #expect(TextFile.read(daemon.home + "/address") == nil)
            try daemon.start()
            #expect(try daemon.status("never") == "starting", "it was left running")
            #expect(try daemon.service("stubborn")["exitCode"].integer == 137)
        }

        @Test func `A second signal ends at once`() throws {
            let (daemon, pid) = try stubbornDaemon()
            defer { daemon.end() }
            let (stopper, stopped) = ask(daemon, "/v1/services/stubborn/stop?grace=60000")
            #expect(try eventually { try daemon.status("stubborn") == "stopping" })
            daemon.signal(SIGTERM)
            pause(milliseconds: 200)
            #expect(ProcessTable.isAlive(daemon.pid), "the first one waits for the answer")
            let began = milliseconds()
            daemon.signal(SIGTERM)
            #expect(daemon.wait() == 0)
            #expect(milliseconds() - began < 1_000)
            stopper.join()
            #expect(stopped.value == nil)
            #expect(ProcessTable.isAlive(pid))
        }

        @Test func `Without a request under way it ends at once`() throws {
            let (daemon, pid) = try stubbornDaemon()
            defer { daemon.end() }
            let began = milliseconds()
            daemon.signal(SIGTERM)
            #expect(daemon.wait() == 0)
            #expect(milliseconds() - began < 1_000)
            #expect(ProcessTable.isAlive(pid))
        }
    }
}
