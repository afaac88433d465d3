// Deaths at moments at which nobody knows the program: its monitor's right after the fork, or those
// of monitor, daemon and main program together. No copy goes on unknown, and a stop leaves nothing.

import Glibc
import NetCore
import TestSupport
import Testing

/// Kills the first monitor that is there, `pause` ms after it was seen.
private func killAsSoonAsSeen(_ runPath: String, after pause: Double) {
    let end = milliseconds() + 2_000
    while milliseconds() < end {
        guard let monitor = ProcessTable.monitors(runDirectory: runPath).first else { continue }
        let due = milliseconds() + pause
        while milliseconds() < due {}
        _ = kill(monitor.pid, SIGKILL)
        return
    }
}

extension CrashTests {
    @Suite struct LeftoverTests {
        /// A grandchild that left the tree and the session: reparented to whoever is there.
        private static let escaped = "(setsid sh -c 'setsid sleep 1000 & exit 0' &)"

        @Test func `A monitor killed while it starts a program leaves no second copy`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("twin", "exec sleep 1000")
            var started = 0
            for round in 0..<40 {
                let (runPath, pause) = (daemon.runPath, Double(round % 20) / 4)
                let killer = Worker { killAsSoonAsSeen(runPath, after: pause) }
                let answer = try daemon.call("POST", "/v1/services/twin/start?timeout=0")
                killer.join()
                if answer.status == 200 { started += 1 }
                // What is listed is what lives: one program or none, however the start went.
                #expect(
                    try eventually {
                        let listed = try daemon.service("twin")["pid"].integer
                        return ProcessTable.tree(daemon.token).map { Int($0.pid) }
                            == (listed.map { [$0] } ?? [])
                    }, "round \(round): \(answer.text)")
                let stop = try daemon.call("POST", "/v1/services/twin/stop?grace=200")
                #expect(stop.status == 200, "\(stop.text)")
                #expect(ProcessTable.tree(daemon.token).isEmpty, "round \(round)")
            }
            #expect(started >= 30)
            // A monitor that was killed when all was over leaves its socket until the next start.
            #expect(
                eventually {
                    ProcessTable.names(daemon.runPath).allSatisfy {
                        $0.hasSuffix(".sock") || $0.hasSuffix(".exit")
                    }
                })
        }

        @Test(arguments: ["never", "on-failure"])
        func `What a program left behind goes though all three were killed`(restart: String) throws
        {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let spec = CrashDaemon.spec(
                "roots", "\(Self.escaped); exec sleep 1001", token: daemon.token
            ).replacing("\"restart\":\"never\"", with: "\"restart\":\"\(restart)\"")
            try #require(try daemon.call("POST", "/v1/services", spec).status == 201)
            let pid = try daemon.startService("roots")
            #expect(eventually { ProcessTable.tree(daemon.token).count >= 2 })
            let old = Set(ProcessTable.tree(daemon.token).map(\.pid))
            let monitor = try #require(daemon.monitor(of: "roots"))
            daemon.kill9()
            for victim in [monitor.pid, pid] { _ = kill(victim, SIGKILL) }
            #expect(eventually { !ProcessTable.isAlive(monitor.pid) && !ProcessTable.isAlive(pid) })
            try daemon.start()
            #expect(eventually { old.allSatisfy { !ProcessTable.isAlive($0) } })
            if restart == "never" { #expect(try daemon.status("roots") == "failed") }
            #expect(try daemon.call("POST", "/v1/services/roots/stop").status == 200)
            #expect(eventually { ProcessTable.tree(daemon.token).isEmpty })
        }

        @Test func `A stop cut short by both deaths still ends the grandchildren`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register(
                "deaf",
                "(setsid sh -c \"trap '' TERM; echo on; while :; do sleep 0.1; done\" &); "
                    + "exec sleep 1000")
            let pid = try daemon.startService("deaf")
            #expect(eventually { TextFile.read(daemon.log("deaf")) == "on\n" })
            let port = daemon.port
            let stop = Worker {
                _ = try? CrashDaemon.call(port: port, "POST", "/v1/services/deaf/stop?grace=20000")
            }
            #expect(eventually { !ProcessTable.isAlive(pid) })
            let monitor = try #require(daemon.monitor(of: "deaf"))
            daemon.kill9()
            _ = kill(monitor.pid, SIGKILL)
            stop.join()
            #expect(eventually { !ProcessTable.isAlive(monitor.pid) })
            try daemon.start()
            #expect(try daemon.status("deaf") == "stopped")
            // It has its five seconds before it is killed.
            #expect(eventually(within: 20_000) { ProcessTable.tree(daemon.token).isEmpty })
        }
    }
}
