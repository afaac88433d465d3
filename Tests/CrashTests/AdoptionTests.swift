// Monitors are killed, stopped and killed together with the daemon: the program notices nothing, no
// line of it is lost, how it ends is known, and a stop still ends all of it.

import Glibc
import NetCore
import TestSupport
import Testing

extension CrashDaemon {
    func monitor(of name: String) -> RunningMonitor? {
        ProcessTable.monitors(runDirectory: runPath).first { $0.service == name }
    }

    /// Kills the monitor of a service.
    func killMonitor(of name: String) throws -> RunningMonitor {
        let monitor = try #require(self.monitor(of: name))
        _ = Glibc.kill(monitor.pid, SIGKILL)
        return monitor
    }

    /// A registration with further fields.
    func register(_ name: String, _ command: String, port: UInt16? = nil, more: String) throws {
        let ready = port.map { "http://127.0.0.1:\($0)/" }
        let spec = Self.spec(
            name, command, token: token, port: port.map { Int($0) }, ready: ready)
        let answer = try call("POST", "/v1/services", spec.dropLast() + ",\(more)}")
        guard answer.status == 201 else { throw CrashFailure(answer.text) }
    }
}

extension CrashTests {
    @Suite struct AdoptionTests {
        /// Counts lines until `on` is gone, ends with 7; a grandchild in a session of its own.
        private func counting(_ daemon: CrashDaemon) -> String {
            let on = daemon.folder.file("on")
            TemporaryFolder.write("", to: on)
            return "/usr/bin/setsid sleep 1000 & i=0; while test -e \(on); do i=$((i+1)); "
                + "echo line $i; sleep 0.004; done; echo end $i; exit 7"
        }

        /// The lines that are missing below the last one.
        private func missing(_ path: String) -> (last: Int, missing: Int) {
            let numbers = (TextFile.read(path) ?? "").split(separator: "\n").compactMap {
                $0.hasPrefix("line ") ? Int($0.dropFirst(5)) : nil
            }
            let last = numbers.max() ?? 0
            return (last, last - Set(numbers).count)
        }

        private func isForked(of id: String) -> Bool {
            ProcessTable.pids().contains {
                TextFile.read("/proc/\($0)/cmdline") == "gr-monitor\0\(id)\0"
            }
        }

        private func hasNewMonitor(
            _ daemon: CrashDaemon, _ name: String, after old: RunningMonitor
        ) -> Bool {
            eventually {
                guard let new = daemon.monitor(of: name) else { return false }
                // Under the id that is in the program's environment.
                return new.pid != old.pid && new.id == old.id
            }
        }

        @Test(arguments: [false, true])
        func `A program whose monitor is killed keeps its log, its exit code and its end`(
            losesDaemonToo: Bool
        ) throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("lines", counting(daemon))
            let pid = try daemon.startService("lines")
            // More than once: the second monitor is no less replaceable than the first.
            for _ in 0..<3 {
                pause(milliseconds: 60)
                let old = try daemon.killMonitor(of: "lines")
                #expect(hasNewMonitor(daemon, "lines", after: old))
                #expect(try daemon.service("lines")["pid"].integer == Int(pid))
                if losesDaemonToo {
                    daemon.kill9()
                    try daemon.start()
                    #expect(try daemon.service("lines")["pid"].integer == Int(pid))
                    #expect(try daemon.status("lines") == "running")
                }
            }
            pause(milliseconds: 60)
            _ = unsafe unlink(daemon.folder.file("on"))
            #expect(try eventually { try daemon.status("lines") == "failed" })
            let service = try daemon.service("lines")
            #expect(service["exitCode"].integer == 7)
            #expect(service["pid"] == .null)
            let lines = missing(daemon.log("lines"))
            #expect(lines.last > 25)
            #expect(lines.missing == 0)
            let log = TextFile.read(daemon.log("lines")) ?? ""
            #expect(log.hasSuffix("end \(lines.last)\n"))
            // The grandchild, which the program left behind, has gone with it.
            #expect(eventually { ProcessTable.tree(daemon.token).isEmpty })
            #expect(eventually { daemon.monitor(of: "lines") == nil })
            #expect(eventually { ProcessTable.names(daemon.runPath).isEmpty })
        }

        @Test(arguments: [false, true])
        func `A stop ends the whole tree of a program whose monitor was killed`(
            losesDaemonToo: Bool
        ) throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("tree", counting(daemon))
            try daemon.startService("tree")
            #expect(eventually { ProcessTable.tree(daemon.token).count >= 2 })
            let old = try daemon.killMonitor(of: "tree")
            #expect(hasNewMonitor(daemon, "tree", after: old))
            if losesDaemonToo {
                daemon.kill9()
                try daemon.start()
            }
            let answer = try daemon.call("POST", "/v1/services/tree/stop?grace=2000")
            #expect(answer.status == 200)
            #expect(answer.json["status"].text == "stopped")
            #expect(ProcessTable.tree(daemon.token).isEmpty)
            // By the signal of the stop, and known to be.
            #expect(answer.json["exitCode"].integer == 143)
            #expect(try daemon.service("tree")["stopReason"].text == "stopped on request")
            #expect(eventually { ProcessTable.names(daemon.runPath).isEmpty })
        }

        /// Two: while the next one takes the program over; twelve: until none is tried any more.
        @Test(arguments: [2, 12])
        func `Monitors killed one after the other leave nothing behind a stop`(kills: Int) throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("rooted", "(setsid sleep 1000 &); exec sleep 1001")
            let pid = try daemon.startService("rooted")
            #expect(eventually { ProcessTable.tree(daemon.token).count == 2 })
            for _ in 0..<kills {
                // As soon as it is there: mostly before it has taken anything over.
                let end = milliseconds() + 300
                var killed = false
                while !killed, milliseconds() < end {
                    guard let monitor = daemon.monitor(of: "rooted") else { continue }
                    killed = kill(monitor.pid, SIGKILL) == 0
                }
            }
            #expect(try daemon.service("rooted")["pid"].integer == Int(pid))
            #expect(ProcessTable.isAlive(pid))
            let answer = try daemon.call("POST", "/v1/services/rooted/stop?grace=1000")
            #expect(answer.json["status"].text == "stopped", "\(answer.text)")
            #expect(ProcessTable.tree(daemon.token).isEmpty)
            #expect(try daemon.startService("rooted") != pid)
        }

        @Test func `A stop that is under way goes on when its monitor is killed`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("deaf", "trap '' TERM; echo on; while :; do sleep 0.05; done")
            let pid = try daemon.startService("deaf")
            #expect(eventually { TextFile.read(daemon.log("deaf")) == "on\n" })
            let port = daemon.port
            let stop = Worker {
                _ = try? CrashDaemon.call(port: port, "POST", "/v1/services/deaf/stop?grace=600")
            }
            #expect(try eventually { try daemon.status("deaf") == "stopping" })
            _ = try daemon.killMonitor(of: "deaf")
            stop.join()
            #expect(try daemon.status("deaf") == "stopped")
            #expect(try daemon.service("deaf")["exitCode"].integer == 137)
            #expect(!ProcessTable.isAlive(pid))
            #expect(ProcessTable.tree(daemon.token).isEmpty)
        }

        @Test func `A program that lost its daemon and its monitor has a monitor again`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let go = daemon.folder.file("go")
            try daemon.register(
                "stray",
                "/usr/bin/setsid sleep 1000 & echo one; while ! test -e \(go); do sleep 0.02; done;"
                    + " echo two; sleep 0.1; echo three; exit 7")
            let pid = try daemon.startService("stray")
            let old = try #require(daemon.monitor(of: "stray"))
            #expect(eventually { TextFile.read(daemon.log("stray")) == "one\n" })
            daemon.kill9()
            _ = kill(old.pid, SIGKILL)
            #expect(eventually { !ProcessTable.isAlive(old.pid) })
            try daemon.start()
            #expect(try daemon.service("stray")["pid"].integer == Int(pid))
            #expect(hasNewMonitor(daemon, "stray", after: old))
            // Somebody reads what it writes: else its next line would be its last.
            pause(milliseconds: 100)
            TemporaryFolder.write("", to: go)
            #expect(try eventually { try daemon.status("stray") == "failed" })
            #expect(try daemon.service("stray")["exitCode"].integer == 7)
            #expect(TextFile.read(daemon.log("stray")) == "one\ntwo\nthree\n")
            #expect(eventually { ProcessTable.tree(daemon.token).isEmpty })
        }

        /// Between fork and exec a program looks like its monitor: what a busy machine makes of a
        /// monitor that was killed then is made by hand here.
        @Test(arguments: [false, true])
        func `A program whose exec comes late is taken back too`(wasHeardOf: Bool) throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("late", "exec sleep 1000")
            let pid = try daemon.startService("late")
            let monitor = try #require(daemon.monitor(of: "late"))
            daemon.kill9()
            for victim in [monitor.pid, pid] { _ = kill(victim, SIGKILL) }
            #expect(eventually { !ProcessTable.isAlive(monitor.pid) && !ProcessTable.isAlive(pid) })
            let file = "\(daemon.runPath)/\(monitor.id)"
            _ = unsafe unlink("\(file).pid")
            // What stands there as long as nobody has heard of the program.
            if !wasHeardOf { try #require(unsafe rename("\(file).run", "\(file).new") == 0) }
            TemporaryFolder.write(
                "sleep 0.3; export GRETL_NAME=late GRETL_INCARNATION=\(monitor.id) GR_MAIN=1 "
                    + "GR_TREE=\(daemon.token); exec sleep 1000",
                to: daemon.folder.file(monitor.id))
            let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
            defer { close(null) }
            _ = try CrashDaemon.spawn(
                [
                    "/usr/bin/setsid", "/bin/bash", "-c",
                    "cd \(daemon.folder.path) && ln -s /bin/sh gr-monitor"
                        + " && exec -a gr-monitor ./gr-monitor \(monitor.id)",
                ], ["PATH=/usr/bin:/bin"], [null, null, null])
            #expect(eventually { isForked(of: monitor.id) })
            try daemon.start()
            #expect(try eventually { try daemon.status("late") == "running" })
            let found = ProcessTable.tree(daemon.token).map { Int($0.pid) }
            #expect(found.count == 1)
            #expect(try daemon.service("late")["pid"].integer == found.first)
        }

        @Test func `A removal that is cut short by both deaths leaves no program`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register(
                "deaf",
                "trap '' TERM; (setsid sleep 1000 &); while :; do sleep 0.05; done")
            try daemon.startService("deaf")
            #expect(eventually { ProcessTable.tree(daemon.token).count >= 2 })
            let monitor = try #require(daemon.monitor(of: "deaf"))
            let port = daemon.port
            let removal = Worker {
                _ = try? CrashDaemon.call(port: port, "DELETE", "/v1/services/deaf?grace=20000")
            }
            #expect(
                try eventually {
                    let service = try daemon.call("GET", "/v1/services/deaf")
                    return service.status == 404 || service.json["status"].text == "stopping"
                })
            daemon.kill9()
            _ = kill(monitor.pid, SIGKILL)
            removal.join()
            #expect(eventually { !ProcessTable.isAlive(monitor.pid) })
            try daemon.start()
            // Not answered: it is gone with all it had, or there as before.
            if try daemon.call("GET", "/v1/services/deaf").status == 404 {
                #expect(eventually { ProcessTable.tree(daemon.token).isEmpty })
                #expect(eventually { ProcessTable.names(daemon.runPath).isEmpty })
            } else {
                #expect(try daemon.status("deaf") == "running")
            }
        }

        @Test func `A frozen monitor delays a stop and does not prevent it`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("frozen", counting(daemon))
            try daemon.startService("frozen")
            let monitor = try #require(daemon.monitor(of: "frozen"))
            _ = kill(monitor.pid, SIGSTOP)
            defer { _ = kill(monitor.pid, SIGCONT) }
            let began = milliseconds()
            let answer = try daemon.call("POST", "/v1/services/frozen/stop?grace=500")
            #expect(answer.json["status"].text == "stopped")
            #expect(milliseconds() - began < 12_000)
            #expect(ProcessTable.tree(daemon.token).isEmpty)
        }

        @Test func `The last monitors go with many programs at once and all are taken over`() throws
        {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            var pids: [Int] = []
            for number in 0..<20 {
                try daemon.register("s\(number)", "exec sleep 1000")
                pids.append(Int(try daemon.startService("s\(number)")))
            }
            let old = ProcessTable.monitors(runDirectory: daemon.runPath)
            #expect(old.count == 20)
            for monitor in old { _ = kill(monitor.pid, SIGKILL) }
            #expect(
                eventually {
                    let new = ProcessTable.monitors(runDirectory: daemon.runPath)
                    return new.count == 20 && !new.contains { old.contains($0) }
                })
            let found = try daemon.call("GET", "/v1/services").json["services"].elements
            #expect(found.compactMap { $0["pid"].integer }.sorted() == pids.sorted())
            for number in 0..<20 {
                let answer = try daemon.call("POST", "/v1/services/s\(number)/stop?grace=1000")
                #expect(answer.json["status"].text == "stopped")
            }
            #expect(ProcessTable.tree(daemon.token).isEmpty)
        }
    }
}
