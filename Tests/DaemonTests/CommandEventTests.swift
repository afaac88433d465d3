// gr events: the real program against the real daemon.

import Glibc
import TestSupport
import Testing

struct CommandEventTests {
    private func fixture() throws -> ServiceFixture {
        let fixture = try ServiceFixture()
        try fixture.register(
            "web", command: "exec sleep 1000", more: "\"group\":\"@site\",\"restart\":\"never\"")
        try fixture.register("other", command: "exec sleep 1000")
        try fixture.start("web")
        return fixture
    }

    private func text(_ fixture: ServiceFixture, _ words: String...) throws -> String {
        let run = try fixture.daemon.gr(["events"] + words)
        #expect(run.end() == 0, "\(run.errors)")
        return run.output
    }

    @Test("the past is shown and ends, by number, type and service")
    func past() throws {
        let fixture = try fixture()
        let shown = try text(fixture)
        #expect(
            CommandText.withoutNumbers(shown) == """
                N:N:N       N  service.registered    web  group=@site
                N:N:N       N  service.registered    other
                N:N:N       N  service.started       web  pid=N

                """)
        // The time of the event, and of this zone: that of the start is the service's.
        let startedAt = try #require(try fixture.service("web")["startedAt"].text)
        let lines = shown.split(separator: "\n")
        let seconds = try [startedAt.dropFirst(11), lines[2]].map { text in
            try text.prefix(8).split(separator: ":").reduce(0) { $0 * 60 + (try #require(Int($1))) }
        }
        #expect((seconds[1] - seconds[0] + 86_400) % 86_400 < 60, "\(startedAt) \(lines[2])")
        let registered = "     1  service.registered    web  group=@site\n"
        #expect(
            try text(fixture, "--type", "service.registered", "web").dropFirst(10) == registered)
        #expect(
            try text(fixture, "--type", "service.*", "-n", "1").dropFirst(10).hasPrefix("     3  "))
        #expect(
            try text(fixture, "--since", "1", "--type", "service.*").dropFirst(10)
                .hasPrefix("     2  "))
        #expect(try text(fixture, "-n", "0") == "")
        #expect(try text(fixture, "-q") == "web\nother\nweb\n")
        let line = try text(fixture, "--jsonl", "-n", "1", "other")
        let parts = line.split(separator: #""time":"2"#)
        #expect(parts.first == #"{"event":"service.registered","id":2,"#, "\(line)")
        #expect(
            parts.last?.hasSuffix(
                #"","data":{"name":"other","port":null,"group":null}}"# + "\n") == true, "\(line)")
        let typo = try fixture.daemon.gr(["events", "--type", "service.crash"])
        #expect(typo.end() == 2)
        #expect(typo.errors.hasSuffix("hint: did you mean 'service.crashed'?\n"))
    }

    @Test("what is followed goes on over a restart of the daemon without a gap")
    func follows() throws {
        let fixture = try fixture()
        let run = try fixture.daemon.gr(["events", "-f", "--jsonl", "-n", "1"])
        #expect(run.sees(#""event":"service.started""#))
        fixture.daemon.stop()
        #expect(run.wait { $0.errors.contains("waiting for it\n") })
        try fixture.daemon.restart()
        try fixture.register("late", command: "exec sleep 1000")
        #expect(run.sees(#""name":"late""#))
        run.signal(SIGTERM)
        #expect(run.end() == -SIGTERM)
        // Each one line of JSON; none from before twice.
        let lines = run.output.split(separator: "\n").map { JSONValue(Array($0.utf8)) }
        #expect(lines.allSatisfy { $0 != nil })
        #expect(lines.count { $0?["event"] == .string("service.started") } == 1)
    }

    @Test("a gap is told of, as words and as an object")
    func gap() throws {
        let fixture = try fixture()
        let words = try fixture.daemon.gr(["events", "--since", "99999"])
        #expect(words.end() == 0)
        #expect(words.errors.hasPrefix("gr: events are missing here (ahead)"))
        #expect(try text(fixture, "--since", "99999", "--jsonl").contains(#""event":"stream.gap""#))
    }
}
