// What else can be lost or be in the way at a restart: monitors, the whole machine, another daemon,
// files of a daemon long gone.

import CEpoll
import Glibc
import NetCore
import TestSupport
import Testing

extension CrashTests {
    @Suite struct MonitorLossTests {
        private func monitor(_ daemon: CrashDaemon, _ name: String) throws -> RunningMonitor {
            let found = ProcessTable.monitors(runDirectory: daemon.runPath)
            return try #require(found.first { $0.service == name })
        }

        @Test func `A program outlives its monitor, stays listed and can be stopped`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register(
                "lines", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done")
            let pid = try daemon.startService("lines")
            _ = kill(try monitor(daemon, "lines").pid, SIGKILL)
            pause(milliseconds: 300)
            let service = try daemon.service("lines")
            #expect(service["status"].text == "running")
            #expect(service["pid"].integer == Int(pid))
            #expect(ProcessTable.isAlive(pid))
            let answer = try daemon.call("POST", "/v1/services/lines/stop?grace=500")
            #expect(answer.status == 200)
            #expect(answer.json["status"].text == "stopped")
            #expect(ProcessTable.tree(daemon.token).isEmpty)
            try daemon.startService("lines")
            #expect(try daemon.status("lines") == "running")
        }

        @Test func `A program without its monitor is taken back by the next daemon`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("alone", "exec sleep 1000")
            let pid = try daemon.startService("alone")
            for _ in 0..<2 {
                let monitor = try monitor(daemon, "alone").pid
                daemon.kill9()
                _ = kill(monitor, SIGKILL)
                #expect(eventually { ProcessTable.monitors(runDirectory: daemon.runPath).isEmpty })
                try daemon.start()
                let service = try daemon.service("alone")
                #expect(service["status"].text == "running")
                #expect(service["pid"].integer == Int(pid))
            }
            let answer = try daemon.call("POST", "/v1/services/alone/stop?grace=500")
            #expect(answer.status == 200)
            #expect(!ProcessTable.isAlive(pid))
        }

        @Test func `A monitor that does not answer delays nobody and is taken back later`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            for name in ["held", "other"] { try daemon.register(name, "exec sleep 1000") }
            let pid = try daemon.startService("held")
            try daemon.startService("other")
            let held = try monitor(daemon, "held").pid
            _ = kill(held, SIGSTOP)
            defer { _ = kill(held, SIGCONT) }
            daemon.kill9()
            let began = milliseconds()
            try daemon.start()
            try daemon.waitUntilUp()
            // Far less than a monitor is looked for: the daemon did not wait for this one.
            #expect(milliseconds() - began < 5_000)
            #expect(try daemon.status("other") == "running")
            _ = kill(held, SIGCONT)
            #expect(try eventually { try daemon.service("held")["pid"].integer == Int(pid) })
            #expect(try daemon.status("held") == "running")
        }

        @Test func `A second daemon on the same home refuses and names the first one's pid`() throws
        {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let errors = daemon.folder.file("second.err")
            let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
            let file = unsafe open(errors, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            defer { for descriptor in [null, file] { close(descriptor) } }
            let second = try CrashDaemon.spawn(
                [BuildProducts.gr, "serve", "--home", daemon.home, "--listen", "127.0.0.1:0"],
                ["PATH=/usr/bin:/bin", "HOME=/tmp"], [null, null, file])
            var status: Int32 = 0
            let isOver = eventually { unsafe waitpid(second, &status, WNOHANG) == second }
            if !isOver { _ = kill(second, SIGKILL) }
            #expect(isOver && (status >> 8) & 0xFF == 1)
            #expect((TextFile.read(errors) ?? "").contains("pid \(daemon.pid)"))
            #expect(try daemon.call("GET", "/health").status == 200)
        }

        @Test func `Files of a daemon long gone are harmless`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("web", "exec sleep 1000")
            daemon.kill9()
            TemporaryFolder.write("http://127.0.0.1:1\n", to: daemon.home + "/address")
            TemporaryFolder.write("999999\n", to: daemon.home + "/daemon.lock")
            let stale = ["0123456789abcdef.sock", "0123456789abcdee.new", "0123456789abcded.exit"]
            for name in stale { TemporaryFolder.write("garbage", to: "\(daemon.runPath)/\(name)") }
            let began = milliseconds()
            try daemon.start()
            #expect(milliseconds() - began < 1_000)
            #expect(try daemon.status("web") == "stopped")
            #expect(ProcessTable.names(daemon.runPath).isEmpty)
            #expect(TextFile.read(daemon.home + "/address")?.contains(":\(daemon.port)") == true)
            try daemon.startService("web")
        }

        @Test func `After a reboot the exit is unknown and not zero`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            // The exit before must not be taken for this one.
            try daemon.register(
                "web", "test -e \(daemon.folder.path)/on || exit 5; exec sleep 1000")
            _ = try? daemon.startService("web")
            #expect(try eventually { try daemon.service("web")["exitCode"].integer == 5 })
            TemporaryFolder.write("", to: daemon.folder.file("on"))
            let pid = try daemon.startService("web")
            let monitor = try monitor(daemon, "web").pid
            daemon.kill9()
            for process in [monitor, pid] { _ = kill(process, SIGKILL) }
            #expect(eventually { !ProcessTable.isAlive(pid) && !ProcessTable.isAlive(monitor) })
            try daemon.start()
            let service = try daemon.service("web")
            #expect(["stopped", "failed"].contains(service["status"].text))
            #expect(service["exitCode"] == .null)
            #expect(service["pid"] == .null)
            // Behind the commit of what is known now.
            #expect(eventually { ProcessTable.names(daemon.runPath).isEmpty })
            try daemon.startService("web")
        }
    }
}
