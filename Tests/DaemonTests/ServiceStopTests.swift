// POST …/stop and DELETE: whom they end, how hard, and when they answer, against real programs.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ServiceStopTests {
    let fixture: ServiceFixture
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture() }

    private func pidOf(_ name: String) throws -> Int32 {
        Int32(try fixture.service(name)["pid"].integer ?? 0)
    }

    @Test func stopAnswersWhenTheProgramIsGone() throws {
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let pid = try pidOf("a")
        let answer = try fixture.stop("a")
        #expect(answer.status == 200)
        #expect(answer.json["status"] == .string("stopped"))
        #expect(answer.json["exitCode"].integer == 143)
        #expect(answer.json["signal"] == .string("SIGTERM"))
        #expect(answer.json["forced"] == .bool(false))
        #expect(!ProcessTable.isAlive(pid))
        #expect(Holder("127.0.0.1", port: port).isListening)
        let service = try fixture.service("a")
        #expect(service["status"] == .string("stopped"))
        #expect(service["exitCode"].integer == 143)
        #expect(service["pid"] == .null)
        let again = try fixture.stop("a")
        #expect(again.status == 200)
        #expect(again.json["status"] == .string("stopped"))
        #expect(try fixture.start("a").status == 200)
    }

    @Test func anExitCodeOfItsOwnIsKept() throws {
        try fixture.register("a", port: port, env: ["TERM_DOES": "3"])
        #expect(try fixture.start("a").status == 200)
        let answer = try fixture.stop("a")
        #expect(answer.json["exitCode"].integer == 3)
        #expect(answer.json["signal"] == .null || answer.json["signal"] == .missing)
        #expect(try fixture.service("a")["status"] == .string("stopped"))
    }

    @Test func theWholeTreeEnds() throws {
        let list = fixture.folder.file("pids")
        // One child, one in a session of its own, and one double-forked out of every group.
        let command = """
            sleep 301 & echo $! >> \(list)
            setsid sh -c 'echo $$ >> \(list); exec sleep 302' &
            setsid sh -c 'setsid sh -c "echo \\$\\$ >> \(list); exec sleep 303" & exit 0'
            while [ $(wc -l < \(list)) -lt 3 ]; do sleep 0.02; done
            \(fixture.serverCommand)
            """
        try fixture.register("a", port: port, command: command)
        #expect(try fixture.start("a").status == 200)
        let text = TextFile.read(list) ?? ""
        let pids = text.split(separator: "\n").compactMap { Int32($0) } + [try pidOf("a")]
        #expect(pids.count == 4)
        #expect(pids.allSatisfy(ProcessTable.isAlive))
        #expect(try fixture.stop("a").status == 200)
        #expect(pids.filter(ProcessTable.isAlive).isEmpty)
        let below = ProcessTable.descendants(of: [fixture.daemon.pid])
        #expect(eventually { below.allSatisfy { !ProcessTable.isAlive($0) } })
    }

    @Test func whatIgnoresTermIsForced() throws {
        try fixture.register("a", port: port, env: ["TERM_DOES": "ignore"])
        #expect(try fixture.start("a").status == 200)
        let pid = try pidOf("a")
        var answer: WireAnswer?
        let took = try milliseconds { answer = try fixture.stop("a", "?grace=300") }
        #expect(answer?.status == 200)
        #expect(answer?.json["forced"] == .bool(true))
        #expect(answer?.json["exitCode"].integer == 137)
        #expect(answer?.json["signal"] == .string("SIGKILL"))
        #expect(took >= 280 && took < 3_000, "\(took) ms")
        #expect(!ProcessTable.isAlive(pid))
        #expect(try fixture.service("a")["status"] == .string("stopped"))

        #expect(try fixture.start("a").status == 200)
        let quick = try milliseconds { answer = try fixture.stop("a", "?grace=0") }
        #expect(answer?.json["exitCode"].integer == 137)
        #expect(quick < 1_500, "\(quick) ms")
    }

    @Test func whatIsStoppingCannotBeStartedAndStopsJoin() throws {
        try fixture.register("a", port: port, env: ["TERM_DOES": "ignore"])
        #expect(try fixture.start("a").status == 200)
        let first = try WireClient(fixture.daemon)
        first.send(request("POST /v1/services/a/stop?grace=900 HTTP/1.1"))
        #expect(try fixture.waits("a", for: "stopping"))
        let start = try fixture.start("a")
        #expect(start.status == 503)
        #expect(start.code == "daemon_busy")
        #expect(start.value("Retry-After").flatMap { Int($0) } != nil)
        let second = try fixture.stop("a")
        #expect(second.status == 200)
        let answer = try first.answer()
        #expect(answer.status == 200)
        #expect(answer.json["exitCode"].integer == 137)
        #expect(try fixture.start("a").status == 200)
    }

    @Test func aStopCancelsAStart() throws {
        try fixture.register("a", port: port, env: ["DELAY": "30"])
        let waiting = try WireClient(fixture.daemon)
        waiting.send(request("POST /v1/services/a/start HTTP/1.1"))
        #expect(try fixture.waits("a", for: "starting"))
        #expect(try fixture.stop("a").status == 200)
        let answer = try waiting.answer()
        #expect(answer.status == 502)
        #expect(
            answer.message.contains("stopped before ready") || answer.message.contains("stopped"))
        #expect(try fixture.service("a")["status"] == .string("stopped"))
    }

    @Test func aStopEndsTheBackoff() throws {
        try fixture.register("a", port: port, command: "sleep 0.05; exit 1")
        #expect(try fixture.start("a").status == 502)
        #expect(
            try eventually {
                let status = try fixture.service("a")["status"].text ?? ""
                return status == "backoff" || status == "failed"
            })
        #expect(try fixture.stop("a").status == 200)
        usleep(700_000)
        let status = try fixture.service("a")["status"].text ?? ""
        #expect(status == "stopped" || status == "failed", "\(status)")
        #expect(try fixture.service("a")["pid"] == .null)
    }

    @Test func deleteStopsFirst() throws {
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let pid = try pidOf("a")
        let answer = try fixture.daemon.ask("DELETE", "/v1/services/a")
        #expect(answer.status == 200)
        #expect(answer.json["ok"] == .bool(true))
        #expect(answer.json["name"] == .string("a"))
        #expect(!ProcessTable.isAlive(pid))
        #expect(try fixture.daemon.ask("GET", "/v1/services/a").status == 404)
        #expect(try fixture.daemon.ask("GET", "/v1/resolve/a").status == 404)
        #expect(try fixture.daemon.ask("DELETE", "/v1/services/a").status == 404)
        try fixture.register("a", port: port)
        #expect(try fixture.service("a")["exitCode"] == .null)
        #expect(try fixture.start("a").status == 200)
    }

    @Test func deleteEndsAStartThatWaits() throws {
        try fixture.register("a", port: port, env: ["DELAY": "30"])
        let waiting = try WireClient(fixture.daemon)
        waiting.send(request("POST /v1/services/a/start HTTP/1.1"))
        #expect(try eventually { try pidOf("a") != 0 })
        let pid = try pidOf("a")
        #expect(try fixture.daemon.ask("DELETE", "/v1/services/a").status == 200)
        #expect(try waiting.answer().status / 100 != 2)
        #expect(!ProcessTable.isAlive(pid))
    }

    @Test func aCrashIsSeenAndThePolicyFollowed() throws {
        try fixture.register("no", port: port, more: #""restart":"never""#)
        #expect(try fixture.start("no").status == 200)
        kill(try pidOf("no"), SIGSEGV)
        #expect(try fixture.waits("no", for: "failed"))
        let failed = try fixture.service("no")
        #expect(failed["exitCode"].integer == 139)
        #expect(failed["signal"] == .string("SIGSEGV"))

        try fixture.register("yes", port: port)
        #expect(try fixture.start("yes").status == 200)
        let pid = try pidOf("yes")
        kill(pid, SIGKILL)
        let isBack = try eventually(within: 5_000) {
            let service = try fixture.service("yes")
            return service["status"] == .string("running") && service["pid"].integer != Int(pid)
        }
        #expect(isBack)
    }

    @Test func aStoppedProgramIsStillEnded() throws {
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let pid = try pidOf("a")
        kill(pid, SIGSTOP)
        let answer = try fixture.stop("a", "?grace=300")
        #expect(answer.status == 200)
        #expect(!ProcessTable.isAlive(pid))
    }
}
