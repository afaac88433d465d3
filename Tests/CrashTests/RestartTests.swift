// Services live on when the daemon ends, however it ends, and the next one takes them back: the
// directed cases beside the kill loop's random ones.

import Glibc
import NetCore
import TestSupport
import Testing

/// Asks a service over and over on a thread of its own.
///
/// `@unchecked`: the counts are written by that thread and read after `stop`, which joins it.
private final class Poller: @unchecked Sendable {
    private var worker: Worker?
    private let isOver = Flag()
    private(set) var answers = 0
    private(set) var failures: [String] = []

    init(port: UInt16) {
        worker = Worker { [self] in
            while !isOver.isSet {
                do {
                    let answer = try CrashDaemon.call(port: port, "GET", "/")
                    if answer.status == 200 { answers += 1 } else { failures.append(answer.text) }
                } catch { failures.append("\(error)") }
                pause(milliseconds: 5)
            }
        }
    }

    func stop() {
        isOver.set()
        worker?.join()
        worker = nil
    }
}

/// Takes every line a program has written by now: 1, 2, 3 up to what number?
private func countedLines(_ path: String) -> (last: Int, missing: Int) {
    let text = TextFile.read(path) ?? ""
    let numbers = text.split(separator: "\n").compactMap { line in
        line.split(separator: " ").last.flatMap { Int($0) }
    }
    let last = numbers.max() ?? 0
    return (last, last - Set(numbers).count)
}

extension CrashTests {
    @Suite struct RestartTests {
        @Test(arguments: [SIGTERM, SIGINT, SIGKILL])
        func `A service answers throughout and its log is complete over a restart`(
            signal: Int32
        ) throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            let port = CrashDaemon.freePort()
            try daemon.register(
                "web", "exec /usr/bin/python3 -m http.server --bind 127.0.0.1 \(port)",
                port: Int(port), ready: "http://127.0.0.1:\(port)/")
            try daemon.register(
                "lines", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.003; done")
            let pid = try daemon.startService("web")
            try daemon.startService("lines")
            let poller = Poller(port: port)
            pause(milliseconds: 50)
            let before = countedLines(daemon.log("lines")).last
            daemon.signal(signal)
            let ending = daemon.wait()
            pause(milliseconds: 150)
            try daemon.start()
            let web = try daemon.service("web")
            pause(milliseconds: 100)
            poller.stop()
            #expect(ending == (signal == SIGKILL ? -SIGKILL : 0))
            #expect(web["status"].text == "running")
            #expect(web["pid"].integer == Int(pid))
            #expect(poller.failures.isEmpty)
            #expect(poller.answers >= 10)
            let lines = countedLines(daemon.log("lines"))
            #expect(lines.last > before + 10)
            #expect(lines.missing == 0)
        }

        @Test func `With fifty running services the daemon is up again within half a second`()
            throws
        {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            var pids: [Int32] = []
            for number in 0..<50 {
                try daemon.register("s\(number)", "exec sleep 1000")
                pids.append(try daemon.startService("s\(number)", "?timeout=0"))
            }
            var times: [Double] = []
            for _ in 0..<5 {
                let began = milliseconds()
                daemon.kill9()
                try daemon.start()
                try daemon.waitUntilUp()
                times.append(milliseconds() - began)
                let services = try daemon.call("GET", "/v1/services").json["services"].elements
                let found = Set(services.compactMap { $0["pid"].integer.map { Int32($0) } })
                #expect(found == Set(pids))
                #expect(services.allSatisfy { $0["status"].text == "running" })
            }
            times.sort()
            print("restart with 50 services: p50 \(Int(times[2])) ms, max \(Int(times[4])) ms")
            // Twice of it is the target; a loaded machine must not fail a correct daemon.
            #expect(times[2] < 500)
        }

        @Test func `A program that ended while no daemon ran is reported with its exact code`()
            throws
        {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("seven", "sleep 0.3; exit 7")
            try daemon.register("zero", "sleep 0.3; exit 0")
            try daemon.register("crash", "sleep 0.3; kill -SEGV $$")
            for name in ["seven", "zero", "crash"] { try daemon.startService(name) }
            daemon.kill9()
            pause(milliseconds: 600)
            // Twice: what was reported once is not forgotten by the next kill.
            for _ in 0..<2 {
                try daemon.start()
                let (seven, zero, crash) = (
                    try daemon.service("seven"), try daemon.service("zero"),
                    try daemon.service("crash")
                )
                #expect(seven["exitCode"].integer == 7)
                #expect(seven["status"].text == "failed")
                #expect(seven["signal"] == .null && seven["pid"] == .null)
                #expect(zero["exitCode"].integer == 0)
                #expect(zero["status"].text == "stopped")
                #expect(crash["exitCode"].integer == 139)
                #expect(crash["signal"].text == "SIGSEGV")
                #expect(crash["status"].text == "failed")
                daemon.kill9()
            }
        }

        @Test func `A stop that was under way is finished without the daemon`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            try daemon.register("stubborn", "trap '' TERM; exec sleep 1000")
            let pid = try daemon.startService("stubborn")
            let port = daemon.port
            let stop = Worker {
                _ = try? CrashDaemon.call(
                    port: port, "POST", "/v1/services/stubborn/stop?grace=400")
            }
            #expect(try eventually { try daemon.status("stubborn") == "stopping" })
            daemon.kill9()
            stop.join()
            #expect(ProcessTable.isAlive(pid))
            try daemon.start()
            #expect(["stopping", "stopped"].contains(try daemon.status("stubborn")))
            #expect(try eventually { try daemon.status("stubborn") == "stopped" })
            let service = try daemon.service("stubborn")
            #expect(service["exitCode"].integer == 137)
            #expect(service["stopReason"].text == "stopped on request")
            #expect(!ProcessTable.isAlive(pid))
        }

        @Test func `A start that was not ready is found again and becomes ready`() throws {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            TemporaryFolder.write(ServerScript.text, to: daemon.folder.file(ServerScript.name))
            try daemon.start()
            let port = CrashDaemon.freePort()
            let gate = daemon.folder.file("gate")
            let script = daemon.folder.file(ServerScript.name)
            try daemon.register(
                "late",
                "while ! test -e \(gate); do sleep 0.01; done; "
                    + "exec /usr/bin/python3 -S -E \(script) \(port)",
                port: Int(port), ready: "http://127.0.0.1:\(port)/")
            let answer = try daemon.call("POST", "/v1/services/late/start?timeout=0")
            #expect(answer.status == 200)
            let pid = answer.json["pid"].integer
            daemon.kill9()
            try daemon.start()
            let found = try daemon.service("late")
            #expect(found["status"].text == "starting")
            #expect(found["pid"].integer == pid && pid != nil)
            TemporaryFolder.write("", to: gate)
            #expect(try eventually { try daemon.status("late") == "running" })
            #expect(try daemon.service("late")["pid"].integer == pid)
        }

        @Test func `A kill while monitors are being started leaves no program behind unseen`()
            throws
        {
            let daemon = CrashDaemon()
            defer { daemon.end() }
            try daemon.start()
            for number in 0..<12 { try daemon.register("s\(number)", "exec sleep 1000") }
            for round in 0..<25 {
                let port = daemon.port
                let starts = (0..<12).map { number in
                    Worker {
                        _ = try? CrashDaemon.call(
                            port: port, "POST", "/v1/services/s\(number)/start")
                    }
                }
                usleep(UInt32(500 + round * 400))
                daemon.kill9()
                for start in starts { start.join() }
                try daemon.start()
                let isRight = try eventually {
                    let services = try daemon.call("GET", "/v1/services").json["services"].elements
                    let listed = services.compactMap { $0["pid"].integer.map { Int32($0) } }
                    let alive = ProcessTable.tree(daemon.token).map(\.pid)
                    return listed.sorted() == alive.sorted()
                        && services.allSatisfy {
                            ["running", "stopped"].contains($0["status"].text)
                        }
                }
                #expect(isRight, "round \(round)")
                for number in 0..<12 {
                    _ = try daemon.call("POST", "/v1/services/s\(number)/stop?grace=0")
                }
                #expect(ProcessTable.tree(daemon.token).isEmpty, "round \(round)")
            }
        }
    }
}
