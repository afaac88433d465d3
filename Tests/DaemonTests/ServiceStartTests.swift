// POST …/start: when it answers and with what, against real programs. Waits are bounded by the
// request's own timeout; each test has its own daemon, ports and programs.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ServiceStartTests {
    let fixture: ServiceFixture
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture() }

    @Test func startAnswersWhenTheServiceIsReady() throws {
        try fixture.register("a", port: port, env: ["DELAY": "0.4"])
        var answer: WireAnswer?
        let took = try milliseconds { answer = try fixture.start("a") }
        #expect(answer?.status == 200)
        #expect(answer?.json["status"] == .string("running"))
        #expect(took >= 350 && took < 5_000, "\(took) ms")
        let service = try fixture.service("a")
        let pid = Int32(service["pid"].integer ?? 0)
        #expect(ProcessTable.isAlive(pid))
        #expect(answer?.json["pid"].integer == Int(pid))
        #expect(service["status"] == .string("running"))
        #expect(isTimestamp(service["startedAt"].text ?? ""))
        #expect(try fixture.daemon.ask("GET", "/v1/resolve/a").json["status"] == .string("running"))
        let listed = try fixture.daemon.ask("GET", "/v1/services?status=running").json
        #expect(listed["services"].items.count == 1)

        let again = try fixture.start("a")
        #expect(again.status == 409)
        #expect(again.code == "already_running")
        #expect(again.hint.contains("restart"))
        #expect(try fixture.service("a")["pid"].integer == Int(pid))
    }

    /// RFC 3339 with a numeric offset: 2026-04-30T09:42:11+02:00.
    private func isTimestamp(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 25 else { return false }
        let shape = Array("dddd-dd-ddTdd:dd:dd+dd:dd".utf8)
        return zip(bytes, shape).enumerated().allSatisfy { index, pair in
            if index == 19 { return pair.0 == 0x2B || pair.0 == 0x2D }
            return pair.1 == 0x64 ? (0x30...0x39).contains(pair.0) : pair.0 == pair.1
        }
    }

    /// Running, and not known yet to have settled: whoever asks then is told the same.
    @Test func aStartThatSettlesIsJoined() throws {
        try fixture.register(
            "job", command: "sleep 0.25; exit 3", more: "\"restart\":\"never\"")
        var clients: [WireClient] = []
        for _ in 0..<2 {
            let client = try WireClient(fixture.daemon)
            client.send("POST /v1/services/job/start HTTP/1.1\r\nHost: localhost\r\n\r\n")
            clients.append(client)
            _ = try eventually(within: 2_000) {
                try fixture.service("job")["status"] == .string("running")
            }
        }
        for client in clients {
            let answer = try client.answer(within: 10_000)
            #expect(answer.status == 502, "\(answer.text)")
        }
    }

    @Test func aReadyURLIsAskedUntilItSays2xx() throws {
        let ready = "\"ready\":\"http://localhost:\(port)/health\""
        try fixture.register("a", port: port, env: ["FAILS": "4"], more: ready)
        let answer = try fixture.start("a")
        #expect(answer.status == 200, "\(answer.text)")
        try fixture.register("b", port: ServiceFixture.freePort(), env: ["FAILS": "100000"])
        let other = try fixture.service("b")["port"].integer ?? 0
        _ = try fixture.daemon.ask(
            "POST", "/v1/services", "{\"name\":\"b\",\"ready\":\"http://127.0.0.1:\(other)/\"}")
        let never = try fixture.start("b", "?timeout=400")
        #expect(never.status == 502)
        #expect(never.message.contains("503"), "\(never.message)")
    }

    @Test func aTimeoutOf0AnswersAtTheSpawn() throws {
        try fixture.register("a", port: port, env: ["DELAY": "0.5"])
        var answer: WireAnswer?
        let took = try milliseconds { answer = try fixture.start("a", "?timeout=0") }
        #expect(answer?.status == 200)
        #expect(answer?.json["status"] == .string("starting"))
        #expect(took < 400, "\(took) ms")
        #expect(try fixture.waits("a", for: "running"))
    }

    @Test func whatIsNotReadyInTimeStaysAndTurnsReadyLater() throws {
        try fixture.register("a", port: port, env: ["DELAY": "0.8"])
        var answer: WireAnswer?
        let took = try milliseconds { answer = try fixture.start("a", "?timeout=200") }
        #expect(answer?.status == 502)
        #expect(answer?.code == "ready_timeout")
        #expect(took >= 180 && took < 750, "\(took) ms")
        let starting = try fixture.service("a")
        #expect(starting["status"] == .string("starting"))
        let pid = starting["pid"].integer
        #expect(ProcessTable.isAlive(Int32(pid ?? 0)))
        #expect(try fixture.waits("a", for: "running"))
        #expect(try fixture.service("a")["pid"].integer == pid)
    }

    @Test func durationsAreDecimalMilliseconds() throws {
        try fixture.register("a", port: port)
        let bad = [
            "abc", "-1", "600001", "1.5", "", "1e3", "99999999999999999999", "%2B5", "%205", "0x10",
            "5ms", "5,6", "%00", "%D9%A3",
        ]
        for value in bad {
            let start = try fixture.start("a", "?timeout=\(value)")
            #expect(start.status == 400, "timeout=\(value)")
            #expect(start.code == "invalid_spec", "timeout=\(value)")
            #expect(start.message.contains("timeout"), "timeout=\(value)")
            #expect(try fixture.stop("a", "?grace=\(value)").status == 400, "grace=\(value)")
        }
        #expect(try fixture.service("a")["status"] == .string("stopped"))
        #expect(try fixture.start("a", "?timeout=600000").status == 200)
        #expect(try fixture.stop("a", "?grace=600000").status == 200)
    }

    @Test func aWorkerThatFailsAtOnceHasFailedHoweverQuickTheAnswerIs() throws {
        try fixture.register("bad", command: "exit 3", more: #""restart":"never""#)
        try fixture.register("again", command: "exit 3")
        try fixture.register("job", command: "exit 0")
        try fixture.register("good", command: "exec sleep 300")
        for _ in 0..<8 {
            for name in ["bad", "again"] {
                let answer = try fixture.start(name)
                #expect(answer.status == 502 && answer.code == "ready_timeout", "\(answer.text)")
                #expect(answer.message == "'\(name)' ended before it was ready: exit code 3")
            }
            let done = try fixture.start("job")
            #expect(done.status == 200, "\(done.text)")
            #expect(done.json["status"] == .string("stopped"), "\(done.text)")
        }
        let run = try fixture.daemon.gr(["start", "bad"])
        #expect(run.end() == 6 && run.output == "", "\(run.output)")
        #expect(run.errors.hasPrefix("gr: 'bad' ended before it was ready: exit code 3\n"))
        #expect(try fixture.start("good").json["status"] == .string("running"))
        // Only the spawn is waited for.
        #expect(try fixture.start("job", "?timeout=0").status == 200)
        // It has done what it was started for, whatever becomes of it next.
        try fixture.register("loop", command: "exit 0", more: #""restart":"always""#)
        let first = try fixture.start("loop")
        #expect(first.status == 200, "\(first.text)")
    }

    @Test func anExitBeforeReadyIsAnsweredAtOnce() throws {
        let never = #""restart":"never""#
        let table: [(String, String, [String])] = [
            ("code", "echo last words; exit 7", ["7"]),
            ("clean", "exit 0", ["0"]),
            ("signal", "kill -9 $$", ["SIGKILL"]),
            ("unknown", "/no/such/program", ["127"]),
        ]
        for (name, command, words) in table {
            try fixture.register(name, port: port, command: command, more: never)
            var answer: WireAnswer?
            let took = try milliseconds { answer = try fixture.start(name) }
            #expect(answer?.status == 502, "\(name)")
            #expect(answer?.code == "ready_timeout", "\(name)")
            #expect(took < 3_000, "\(name)")
            for word in words {
                #expect(answer?.message.contains(word) == true, "\(name): \(answer?.message ?? "")")
            }
        }
        let code = try fixture.service("code")
        #expect(code["exitCode"].integer == 7)
        #expect(code["status"] == .string("failed"))
        let signal = try fixture.service("signal")
        #expect(signal["exitCode"].integer == 137)
        #expect(signal["signal"] == .string("SIGKILL"))
        #expect(signal["pid"] == .null)
        #expect(try fixture.service("clean")["exitCode"].integer == 0)
    }

    @Test func whatCannotBeStartedIs400() throws {
        try fixture.register("cwd", port: port, more: #""cwd":"/no/such/folder""#)
        let folder = try fixture.start("cwd")
        #expect(folder.status == 400)
        #expect(folder.message.contains("/no/such/folder"))
        #expect(folder.hint == "make that directory, or change 'cwd' of the service")
        try fixture.register("file", port: port, more: #""cwd":"/etc/hostname""#)
        #expect(try fixture.start("file").status == 400)
        _ = try fixture.daemon.ask("POST", "/v1/services", "{\"name\":\"none\",\"port\":\(port)}")
        let none = try fixture.start("none")
        #expect(none.status == 400)
        #expect(none.code == "invalid_spec")
        for name in ["cwd", "file", "none"] {
            #expect(try fixture.service(name)["status"] != .string("running"), "\(name)")
            #expect(try fixture.service(name)["pid"] == .null, "\(name)")
        }
    }

    @Test func aPortHeldByAnotherIs409() throws {
        try fixture.register("a", port: port)
        for host in ["127.0.0.1", "::1", "0.0.0.0", "::"] {
            let holder = Holder(host, port: port)
            try #require(holder.isListening, "\(host)")
            let answer = try fixture.start("a")
            #expect(answer.status == 409, "\(host)")
            #expect(answer.code == "port_in_use", "\(host)")
            #expect(answer.message.contains("\(port)"), "\(host): \(answer.message)")
            #expect(answer.message.contains("pid \(getpid())"), "\(host): \(answer.message)")
            #expect(answer.hint.contains("gr adopt") || answer.hint.contains("gr kill"), "\(host)")
            #expect(try fixture.service("a")["status"] == .string("stopped"), "\(host)")
        }
        #expect(try fixture.start("a").status == 200)
        try fixture.register("b", port: port)
        let own = try fixture.start("b")
        #expect(own.status == 409)
        #expect(own.code == "port_in_use")
        #expect(own.message.contains("'a'"), "\(own.message)")
    }

    @Test func parallelStartsGiveOneProcess() throws {
        try fixture.register("a", port: port, env: ["DELAY": "0.3"])
        let clients = try (0..<30).map { _ in try WireClient(fixture.daemon) }
        for client in clients { client.send(request("POST /v1/services/a/start HTTP/1.1")) }
        let answers = try clients.map { try $0.answer() }
        #expect(answers.allSatisfy { $0.status == 200 || $0.code == "already_running" })
        #expect(answers.filter { $0.status == 200 }.count >= 1)
        #expect(Set(answers.compactMap { $0.json["pid"].integer }).count == 1)
        let log = TextFile.read(try fixture.service("a")["logFile"].text ?? "") ?? ""
        #expect(log.split(separator: "\n").filter { $0.contains("starting") }.count == 1)
    }

    @Test func aClientThatLeavesDoesNotStopTheStart() throws {
        try fixture.register("a", port: port, env: ["DELAY": "0.5"])
        let client = try WireClient(fixture.daemon)
        client.send(request("POST /v1/services/a/start HTTP/1.1"))
        #expect(try fixture.waits("a", for: "starting"))
        client.reset()
        #expect(try fixture.waits("a", for: "running"))
    }

    @Test func aWorkerWithoutAPortRuns() throws {
        try fixture.register("w", command: "exec sleep 300")
        #expect(try fixture.start("w").status == 200)
        #expect(try fixture.service("w")["status"] == .string("running"))
        #expect(try fixture.stop("w").json["exitCode"].integer == 143)
    }

    @Test func aChangeWhileItRunsWaitsForTheNextStart() throws {
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let other = ServiceFixture.freePort()
        let answer = try fixture.daemon.ask(
            "POST", "/v1/services", "{\"name\":\"a\",\"port\":\(other)}")
        #expect(answer.status == 201)
        let service = try fixture.service("a")
        #expect(service["pendingChange"] == .bool(true))
        #expect(service["status"] == .string("running"))
        let live = try fixture.daemon.ask("GET", "/v1/resolve/a").json
        #expect(live["port"].integer == Int(port))
        #expect(try fixture.stop("a").status == 200)
        #expect(
            try fixture.daemon.ask("GET", "/v1/resolve/a").json["port"].integer == Int(other))
        #expect(try fixture.start("a").status == 200)
        #expect(try fixture.service("a")["pendingChange"] != .bool(true))
    }

    @Test func servicesOutliveTheDaemon() throws {
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let pid = try fixture.service("a")["pid"].integer ?? 0
        for isKill in [true, false] {
            if isKill { fixture.daemon.kill() } else { #expect(fixture.daemon.stop() == 0) }
            #expect(ProcessTable.isAlive(Int32(pid)))
            try fixture.daemon.restart()
            #expect(try fixture.waits("a", for: "running"))
            #expect(try fixture.service("a")["pid"].integer == pid)
        }
        #expect(try fixture.start("a").code == "already_running")
        #expect(try fixture.stop("a").status == 200)
        #expect(!ProcessTable.isAlive(Int32(pid)))
    }
}
