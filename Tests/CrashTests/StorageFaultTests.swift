// A disk that is full or says EIO: what could not be stored is not acknowledged, what was stored
// before stays, and the daemon goes on.

import CEpoll
import Glibc
import NetCore
import TestSupport
import Testing

/// A small file system that can be filled, mounted for one test.
private final class SmallDisk {
    let path: String

    init?(_ path: String, kilobytes: Int) {
        self.path = path
        guard unsafe mkdir(path, 0o700) == 0,
            unsafe mount("gr-test", path, "tmpfs", 0, "size=\(kilobytes)k,mode=700") == 0
        else { return nil }
    }

    /// Leaves no free page.
    func fill() {
        let file = unsafe open(
            path + "/filler", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(file) }
        let page = [UInt8](repeating: 1, count: 4_096)
        for _ in 0..<100_000 where unsafe write(file, page, page.count) <= 0 { return }
    }

    func free() { _ = unsafe unlink(path + "/filler") }
    func unmount() { _ = unsafe umount2(path, Int32(MNT_DETACH)) }
}

private let canTrace =
    geteuid() == 0 && TextFile.bytes("/usr/bin/strace") != nil

extension CrashTests {
    @Suite struct StorageFaultTests {
        @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
        func `A full disk is 507 storage_full and nothing is changed`() throws {
            let folder = TemporaryFolder()
            let disk = try #require(SmallDisk(folder.file("disk"), kilobytes: 2_048))
            defer { disk.unmount() }
            let daemon = CrashDaemon(home: disk.path + "/home")
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("kept", "exec sleep 1000")
            let pid = try daemon.startService("kept")
            disk.fill()
            let long = String(repeating: "x", count: 20_000)
            var refused: String?
            var accepted: Set<String> = ["kept"]
            for number in 0..<40 where refused == nil {
                let body = CrashDaemon.spec("n\(number)", "echo \(long)", token: daemon.token)
                let answer = try daemon.call("POST", "/v1/services", body)
                switch answer.status {
                case 201: accepted.insert("n\(number)")
                default:
                    #expect(answer.status == 507)
                    #expect(answer.json["code"].text == "storage_full")
                    refused = "n\(number)"
                }
            }
            let name = try #require(refused, "the disk was never full")
            #expect(try daemon.call("GET", "/v1/services/\(name)").status == 404)
            let update = CrashDaemon.spec("kept", "echo \(long)", token: daemon.token)
            #expect(try daemon.call("POST", "/v1/services", update).status == 507)
            #expect(try daemon.service("kept")["cmd"].text == "exec sleep 1000")
            #expect(try daemon.service("kept")["pid"].integer == Int(pid))
            // The full disk does not keep a program from being stopped.
            #expect(try daemon.call("POST", "/v1/services/kept/stop").status == 200)
            disk.free()
            try daemon.register("after", "exec sleep 1000")
            accepted.insert("after")
            daemon.kill9()
            try daemon.start()
            let services = try daemon.call("GET", "/v1/services").json["services"].elements
            #expect(Set(services.compactMap { $0["name"].text }) == accepted)
            #expect(try daemon.service("kept")["cmd"].text == "exec sleep 1000")
        }

        @Test(
            .enabled(if: canTrace, "needs root and strace"),
            arguments: ["fdatasync,fsync", "pwrite64"])
        func `A write that fails is not acknowledged`(calls: String) throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("before", "exec sleep 1000")
            let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
            defer { close(null) }
            let tracer = try CrashDaemon.spawn(
                [
                    "/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-p", "\(daemon.pid)", "-e",
                    "trace=\(calls)", "-e", "inject=\(calls):error=EIO",
                ], ["PATH=/usr/bin:/bin"], [null, null, null])
            defer {
                _ = kill(tracer, SIGKILL)
                waitpid(tracer, nil, 0)
            }
            #expect(eventually { Self.isTraced(daemon.pid) })
            let body = CrashDaemon.spec("during", "exec sleep 1000", token: daemon.token)
            let answer = try daemon.call("POST", "/v1/services", body)
            // Only where bytes are handed over can it be a quota.
            let isSync = calls.hasPrefix("fdatasync")
            #expect(isSync ? answer.status == 500 : answer.status >= 500, "\(answer.text)")
            #expect(try daemon.call("GET", "/v1/services/during").status == 404)
            _ = kill(tracer, SIGTERM)
            #expect(eventually { !Self.isTraced(daemon.pid) })
            try daemon.register("after", "exec sleep 1000")
            daemon.kill9()
            try daemon.start()
            let services = try daemon.call("GET", "/v1/services").json["services"].elements
            #expect(services.compactMap { $0["name"].text } == ["after", "before"])
        }

        private static func isTraced(_ pid: Int32) -> Bool {
            // All threads: the one that writes is not the first.
            let tasks = ProcessTable.names("/proc/\(pid)/task")
            return !tasks.isEmpty
                && tasks.allSatisfy { task in
                    let text = TextFile.read("/proc/\(pid)/task/\(task)/status") ?? ""
                    return text.contains("TracerPid:") && !text.contains("TracerPid:\t0\n")
                }
        }
    }
}
