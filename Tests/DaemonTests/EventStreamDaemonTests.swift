// The event stream of the real daemon, as a client sees it: bytes, replay over restarts and kills,
// what it refuses, and what it does with clients that come in crowds or never read.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct EventStreamDaemonTests {
    private static let head = "HTTP/1.1 200 OK"

    private func touch(_ fixture: ServiceFixture, _ name: String) throws {
        try fixture.register(name, command: "exec sleep 300")
    }

    @Test func framesAreExactlyThoseOfTheContract() throws {
        let fixture = try ServiceFixture()
        let listener = try EventListener(fixture.daemon, "?stats=0")
        #expect(listener.head.hasPrefix(Self.head))
        #expect(listener.header("Content-Type") == "text/event-stream")
        #expect(listener.header("Cache-Control") == "no-store")
        #expect(listener.header("X-Content-Type-Options") == "nosniff")
        #expect(listener.header("Cross-Origin-Resource-Policy") == "same-origin")
        #expect(listener.header("X-Gretl-Oldest-Event") == "1")
        #expect(listener.header("X-Gretl-Latest-Event") == "0")
        try fixture.register("web", port: 7_001, command: "exit 3", more: #""group":"@a""#)
        #expect(try fixture.start("web").status == 502)
        #expect(listener.waits(for: "service.crashed"))
        #expect(
            listener.text == """
                retry: 2000

                event: service.registered
                id: 1
                data: {"name":"web","port":7001,"group":"@a"}

                event: service.crashed
                id: 2
                data: {"name":"web","exitCode":3,"signal":null}


                """)
    }

    @Test func whoAsksForTimesGetsThemAlsoAfterARestart() throws {
        let fixture = try ServiceFixture()
        let early = try EventListener(fixture.daemon, "?stats=0&times=1")
        try touch(fixture, "a")
        try touch(fixture, "b")
        let plain = try EventListener(fixture.daemon, "?stats=0&since=0")
        #expect(early.waits(for: "service.registered", "b"))
        #expect(plain.waits(for: "service.registered", "b"))
        let time = early.events.first?.time ?? ""
        let isTime = #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d/#
        #expect(try isTime.wholeMatch(in: time) != nil, "\(early.text)")
        #expect(early.text.contains("\nid: 1\ntime: \(time)\ndata: {\"name\":\"a\","))
        #expect(!plain.text.contains("time: "))
        let seen = early.events
        fixture.daemon.stop()
        try fixture.daemon.restart()
        let late = try EventListener(fixture.daemon, "?stats=0&times=1&since=0")
        #expect(late.waits(for: "service.registered", "b"))
        #expect(late.events.map(\.time) == seen.map(\.time) && seen.allSatisfy { $0.time != nil })
        #expect(try fixture.daemon.ask("GET", "/v1/events?times=x").status == 400)
    }

    @Test func aLifeIsToldInOrder() throws {
        let fixture = try ServiceFixture()
        let listener = try EventListener(fixture.daemon, "?stats=0")
        let port = ServiceFixture.freePort()
        try fixture.register("web", port: port)
        try fixture.start("web")
        let pid = try #require(try fixture.service("web")["pid"].integer)
        try fixture.stop("web")
        try fixture.start("web")
        kill(Int32(try #require(try fixture.service("web")["pid"].integer)), SIGKILL)
        #expect(listener.waits(for: "service.crashed"))
        _ = try fixture.daemon.ask("DELETE", "/v1/services/web")
        #expect(listener.waits(for: "service.unregistered"))
        let types = listener.events.map(\.type)
        #expect(
            types.filter { $0 != "service.started" } == [
                "service.registered", "service.stopped", "service.crashed",
                "service.unregistered",
            ])
        #expect(types.count { $0 == "service.started" } >= 2)
        let started = listener.events[1].json
        #expect(started["pid"].integer == pid)
        #expect(started["url"].text == "http://localhost:\(port)")
        let crashed = try #require(listener.events.first { $0.type == "service.crashed" })
        #expect(crashed.data == #"{"name":"web","exitCode":137,"signal":"SIGKILL"}"#)
        #expect(listener.ids == Array(1...listener.ids.count))
    }

    @Test(arguments: [SIGTERM, SIGKILL])
    func eventsOutliveTheDaemonAndIdsGoOn(signal: Int32) throws {
        let fixture = try ServiceFixture()
        let daemon = fixture.daemon
        let listener = try EventListener(daemon, "?stats=0")
        for name in ["a", "b", "c"] { try touch(fixture, name) }
        #expect(listener.wait { $0.ids == [1, 2, 3] })
        if signal == SIGTERM { #expect(daemon.stop() == 0) } else { daemon.kill() }
        #expect(listener.wait { $0.isOver })
        try daemon.restart()
        let again = try EventListener(daemon, "?stats=0", lastID: "1")
        try touch(fixture, "d")
        #expect(again.wait { $0.ids == [2, 3, 4] })
        #expect(again.events.map(\.name) == ["b", "c", "d"])
        #expect(again.gaps.isEmpty)
        #expect(again.events[0].data == listener.events[1].data)
        let whole = try EventListener(daemon, "?stats=0&since=0")
        #expect(whole.wait { $0.ids == [1, 2, 3, 4] })
        #expect(whole.gaps.isEmpty)
    }

    @Test func whatCannotBeReplayedIsSaid() throws {
        let fixture = try ServiceFixture()
        for name in ["a", "b"] { try touch(fixture, name) }
        for (id, requested, reason) in [("9", "9", "ahead"), ("x", "null", "invalid")] {
            let listener = try EventListener(fixture.daemon, "?stats=0", lastID: id)
            #expect(listener.wait { $0.ids == [1, 2] })
            #expect(
                listener.gaps.map(\.data) == [
                    #"{"requested":\#(requested),"oldest":1,"latest":2,"reason":"\#(reason)"}"#
                ])
        }
        let byQuery = try EventListener(fixture.daemon, "?stats=0&lastEventId=1")
        #expect(byQuery.wait { $0.ids == [2] })
        // A browser repeats its query when it comes back: the header is newer.
        let both = try EventListener(fixture.daemon, "?stats=0&since=0", lastID: "1")
        #expect(both.wait { $0.ids == [2] })
        #expect(both.gaps.isEmpty)
    }

    @Test func filtersChoose() throws {
        let fixture = try ServiceFixture()
        let listener = try EventListener(
            fixture.daemon, "?types=service.unregistered,group.*&services=a,b%2Fc")
        for name in ["a", "b/c", "d"] { try touch(fixture, name) }
        for name in ["d", "b%2Fc", "a"] {
            #expect(try fixture.daemon.ask("DELETE", "/v1/services/\(name)").status == 200)
        }
        #expect(listener.wait { $0.events.count == 2 })
        #expect(listener.events.map(\.name) == ["b/c", "a"])
    }

    @Test func aSnapshotComesFirst() throws {
        let fixture = try ServiceFixture()
        for index in 0..<20 { try touch(fixture, "s\(index)") }
        let listener = try EventListener(fixture.daemon, "?stats=0&snapshot=1")
        try touch(fixture, "later")
        #expect(listener.waits(for: "service.registered", "later"))
        let parts = listener.frames.filter { $0.type == "stream.snapshot" }
        #expect(parts.map { $0.json["last"] } == [.bool(false), .bool(true)])
        let names = parts.flatMap { $0.json["services"].items.compactMap { $0["name"].text } }
        #expect(Set(names) == Set((0..<20).map { "s\($0)" }))
        #expect(listener.ids == [21])
    }

    @Test(arguments: [
        "?since=x", "?since=-1", "?since=", "?types=nothing", "?types=", "?services=",
        "?stats=2", "?snapshot=yes", "?types=\(String(repeating: "service.started,", count: 65))",
    ])
    func aQueryThatMeansNothingIsRefused(query: String) throws {
        let daemon = try DaemonProcess()
        let answer = try daemon.ask("GET", "/v1/events\(query)")
        #expect(answer.status == 400, "\(answer.text)")
        #expect(answer.code == "invalid_spec")
    }

    @Test func aNameCannotForgeAFrame() throws {
        let fixture = try ServiceFixture()
        let listener = try EventListener(fixture.daemon, "?stats=0")
        let evil = #"a\r\n\r\nevent: x\nid: 99\ndata: {}\u2028\u0085"#
        let body = #"{"name":"\#(evil)","port":7002}"#
        let answer = try fixture.daemon.ask("POST", "/v1/services", body)
        // Refused or told harmlessly: never a line of its own.
        let group = #"{"name":"g","port":7003,"group":"@\#(evil)"}"#
        _ = try fixture.daemon.ask("POST", "/v1/services", group)
        try touch(fixture, "end")
        #expect(listener.waits(for: "service.registered", "end"), "\(answer.status)")
        #expect(listener.ids == Array(1...listener.ids.count))
        #expect(listener.frames.allSatisfy { $0.type != "x" })
        #expect(!listener.bytes.contains(13))
    }

    @Test func theGateStandsBeforeTheStream() throws {
        let daemon = try DaemonProcess()
        let cases: [(fields: [String], host: String, code: String)] = [
            ([], "evil.example", "forbidden_host"),
            (["Origin: http://evil.example"], "localhost", "forbidden_origin"),
            (["Origin: null"], "localhost", "forbidden_origin"),
            (["Sec-Fetch-Site: cross-site"], "localhost", "forbidden_origin"),
        ]
        for (fields, host, code) in cases {
            let answer = try daemon.ask("GET", "/v1/events", nil, fields, host: host)
            #expect(answer.status == 403)
            #expect(answer.code == code)
        }
        #expect(try daemon.ask("POST", "/v1/events", "{}").status == 405)
        let guarded = try DaemonProcess(configuration: "[auth]\ntoken = \"0123456789abcdef\"\n")
        #expect(try guarded.ask("GET", "/v1/events").status == 401)
        let listener = try EventListener(
            guarded, fields: ["Authorization: Bearer 0123456789abcdef"])
        #expect(listener.head.hasPrefix(Self.head))
    }

    @Test func statisticsAreMadeOnlyWhileSomebodyWantsThem() throws {
        let fixture = try ServiceFixture()
        try touch(fixture, "a")
        try fixture.start("a")
        let quiet = try EventListener(fixture.daemon, "?stats=0")
        let other = try EventListener(fixture.daemon, "?types=service.stopped")
        let before = try timers(fixture.daemon)
        usleep(4_500_000)
        #expect(try timers(fixture.daemon) - before <= 1)
        let listener = try EventListener(fixture.daemon)
        #expect(
            listener.wait { $0.frames.count { $0.type == "service.stats" } >= 2 })
        let stats = try #require(listener.frames.first { $0.type == "service.stats" })
        #expect(stats.id == nil && stats.name == "a")
        #expect(stats.json["cpu"] != .missing && stats.json["rssMB"].integer != nil)
        for silent in [quiet, other] {
            silent.pump()
            #expect(silent.frames.count <= 2)
            #expect(silent.frames.allSatisfy { $0.type == "" })
        }
    }

    private func timers(_ daemon: DaemonProcess) throws -> Int {
        try daemon.ask("GET", "/v1/daemon/stats").json["reactor"]["timersFired"].integer ?? 0
    }

    @Test func aThousandListenToOneEvent() throws {
        let fixture = try ServiceFixture()
        let listeners = try (0..<1_000).map { _ in try EventListener(fixture.daemon, "?stats=0") }
        try touch(fixture, "web")
        for listener in listeners {
            #expect(listener.waits(for: "service.registered", "web"))
            #expect(listener.ids == [1])
        }
        let stats = try fixture.daemon.ask("GET", "/v1/daemon/stats").json["events"]
        #expect(stats["listeners"].integer == 1_000)
        #expect(fixture.daemon.stop() == 0)
        for listener in listeners { #expect(listener.wait { $0.isOver }) }
    }
}
