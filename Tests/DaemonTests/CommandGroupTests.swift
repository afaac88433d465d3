// Groups on the command line: the real program against the real daemon.

import TestSupport
import Testing

struct CommandGroupTests {
    private func fixture() throws -> ServiceFixture {
        let fixture = try ServiceFixture()
        let group = "\"group\":\"@jobs\""
        try fixture.register("db", command: "exec sleep 1000", more: group)
        try fixture.register(
            "api", command: "exec sleep 1000", more: group + ",\"dependsOn\":[\"db\"]")
        return fixture
    }

    /// The output with pids replaced, of a command that ends with `code`.
    private func golden(
        _ fixture: ServiceFixture, _ words: String..., code: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let run = try fixture.daemon.gr(words)
        #expect(run.end() == code, "\(run.errors)", sourceLocation: sourceLocation)
        return CommandText.withoutNumbers(run.output) + run.errors
    }

    @Test("a group is started, listed, restarted and stopped with all its services")
    func whole() throws {
        let fixture = try fixture()
        let plan = try golden(fixture, "start", "--plan", "@jobs")
        #expect(plan == "start db\nstart api\n")
        let started = "db started, pid N\napi started, pid N\n"
        #expect(try golden(fixture, "start", "@jobs") == started)
        #expect(try golden(fixture, "start", "@jobs").contains("api running"))
        let list = try fixture.daemon.gr(["group", "ls"])
        #expect(list.end() == 0)
        #expect(list.output == "NAME   SERVICES  RUNNING\n@jobs         2        2\n")
        #expect(try golden(fixture, "group", "ls", "-q") == "@jobs\n")
        let json = try fixture.daemon.gr(["group", "ls", "--json"])
        #expect(json.end() == 0)
        #expect(json.output == #"{"groups":[{"name":"@jobs","services":2,"running":2}]}"# + "\n")
        let stopped = "api stopped\ndb stopped\n"
        #expect(try golden(fixture, "restart", "@jobs") == stopped + started)
        #expect(try golden(fixture, "stop", "@jobs") == stopped)
        #expect(try golden(fixture, "stop", "-q", "@jobs") == "")
    }

    @Test("a group of which a part fails ends with 8 and names what failed, one that fails with 1")
    func partly() throws {
        let fixture = try fixture()
        func fails(in group: String) -> String {
            "\"group\":\"\(group)\",\"restart\":\"never\""
        }
        try fixture.register(
            "bad", port: ServiceFixture.freePort(), command: "sleep 0.2; exit 3",
            more: fails(in: "@jobs"))
        let run = try fixture.daemon.gr(["start", "@jobs"])
        #expect(run.end() == 8)
        #expect(run.errors.contains("gr: bad failed: "))
        #expect(run.errors.contains("\nhint: see: gr status bad, gr logs bad\n"))
        #expect(run.output.contains("api started, pid "))
        let json = try fixture.daemon.gr(["start", "@jobs", "--json"])
        #expect(json.end() == 8)
        #expect(json.output.hasPrefix(#"{"code":"group_failed""#) && json.errors == "")
        try fixture.register(
            "alone", port: ServiceFixture.freePort(), command: "sleep 0.2; exit 3",
            more: fails(in: "@one"))
        #expect(try fixture.daemon.gr(["start", "@one"]).end() == 1)
    }

    @Test("an unknown group is answered with 4 and the one that was meant")
    func unknown() throws {
        let fixture = try fixture()
        for command in ["start", "stop", "restart", "logs"] {
            let run = try fixture.daemon.gr([command, "@job"])
            #expect(run.end() == 4)
            #expect(run.errors.hasSuffix("hint: did you mean '@jobs'?\n"), "\(run.errors)")
        }
        let removal = try fixture.daemon.gr(["rm", "@jobs"])
        #expect(removal.end() == 2)
        #expect(removal.errors.contains("hint: its members: gr ls -q @jobs\n"))
    }
}

/// Parts of output that differ from run to run.
enum CommandText {
    /// Digits in a row become N.
    static func withoutNumbers(_ text: String) -> String {
        var result = ""
        var isInNumber = false
        for character in text {
            let isDigit = character.isASCII && character.isNumber
            if !isDigit { result.append(character) } else if !isInNumber { result.append("N") }
            isInNumber = isDigit
        }
        return result
    }
}
