// gr logs: the real program against the real daemon, on pipes and on a terminal.

import Glibc
import TestSupport
import Testing

struct CommandLogTests {
    private static let hostile =
        #"printf 'one\n\033[31mred\033[0m \007\033[2J\n\377end\n'; exec sleep 1000"#

    private func text(_ fixture: ServiceFixture, _ words: String...) throws -> String {
        let run = try fixture.daemon.gr(["logs"] + words)
        #expect(run.end() == 0, "\(run.errors)")
        return run.output
    }

    /// Two services that have written and sleep.
    private func fixture() throws -> ServiceFixture {
        let fixture = try ServiceFixture()
        try fixture.register("web", command: Self.hostile, more: "\"group\":\"@site\"")
        try fixture.register("worker", command: "echo work; exec sleep 1000")
        for name in ["web", "worker"] {
            try fixture.start(name)
            let last = name == "web" ? "end\"" : ":\"work\""
            #expect(
                try eventually {
                    try fixture.daemon.ask("GET", "/v1/services/\(name)/logs").text.contains(last)
                })
        }
        return fixture
    }

    @Test("colours pass where they are wanted, and nothing else of what a program wrote")
    func colours() throws {
        let fixture = try fixture()
        #expect(try text(fixture, "web") == "one\nred \\x07\\x1b[2J\n\\xffend\n")
        let coloured = "one\n\u{1B}[31mred\u{1B}[0m \\x07\\x1b[2J\u{1B}[0m\n\\xffend\n"
        #expect(try text(fixture, "web", "--color", "always") == coloured)
        let run = try fixture.daemon.gr(["logs", "web"], on: .terminal(rows: 24, columns: 80))
        #expect(run.end() == 0)
        #expect(run.output.replacing("\r\n", with: "\n") == coloured)
        let plain = try fixture.daemon.gr(
            ["logs", "web"], environment: ["NO_COLOR=1"], on: .terminal(rows: 24, columns: 80))
        #expect(plain.end() == 0 && !plain.output.contains("\u{1B}"))
    }

    @Test("lines have the name in front when there are several services")
    func several() throws {
        let fixture = try fixture()
        let all = try text(fixture)
        #expect(all.contains("web    | one\n") && all.contains("worker | work\n"))
        #expect(try text(fixture, "@site", "worker", "-n", "0") == "")
        #expect(try text(fixture, "web", "--grep", "RED", "-i") == "red \\x07\\x1b[2J\n")
        #expect(try text(fixture, "-n1", "@site") == "\\xffend\n")
        #expect(try text(fixture, "web", "--since", "1h", "-n", "1") == "\\xffend\n")
        let timed = try text(fixture, "worker", "--times")
        #expect(CommandText.withoutNumbers(timed) == "N-N-NTN:N:N.N+N:N work\n")
        let lines = try text(fixture, "web", "--jsonl", "-n", "1")
        #expect(lines.hasPrefix(#"{"name":"web","time":""#))
        #expect(lines.hasSuffix(#"","text":"\\xffend"}"# + "\n"))
        #expect(try text(fixture, "worker", "--json").hasPrefix(#"{"name":"worker","lines":[{"#))
    }

    @Test("all services and a group are asked for in one short request, however many they are")
    func many() throws {
        let fixture = try ServiceFixture()
        let long = String(repeating: "x", count: 110)
        for index in 0..<100 {
            try fixture.register("\(long)\(index)", command: "true", more: "\"group\":\"@all\"")
        }
        try fixture.register("alone", command: "echo alone")
        try fixture.register("member", command: "echo member", more: "\"group\":\"@all\"")
        for name in ["alone", "member"] {
            try fixture.start(name)
            let isThere = try eventually {
                try fixture.daemon.ask("GET", "/v1/services/\(name)/logs").text.contains(
                    ":\"\(name)")
            }
            #expect(isThere)
        }
        // Written in the same moment, they may come in any order.
        let all = try text(fixture).split(separator: "\n").map { $0.filter { $0 != " " } }
        #expect(Set(all) == ["alone|alone", "member|member"])
        #expect(try text(fixture, "@all").hasSuffix("| member\n"))
        #expect(try text(fixture, "@all", "alone", "-n", "5").contains("| alone\n"))
        for index in 100..<256 { try fixture.register("s\(index)", command: "true") }
        let run = try fixture.daemon.gr(["logs"])
        #expect(run.end() == 2)
        #expect(run.errors.contains("name some of them: gr logs NAME..."), "\(run.errors)")
    }

    @Test("a mistake is refused before anything is asked")
    func mistakes() throws {
        let fixture = try fixture()
        for (words, code) in [
            (["nobody"], 4), (["web", "-n", "x"], 2), (["web", "-n", "10001"], 2),
            (["-f", "web", "nobody"], 4),
        ] as [([String], Int32)] {
            let run = try fixture.daemon.gr(["logs"] + words)
            #expect(run.end() == code && run.output == "", "\(words): \(run.errors)")
        }
    }

    @Test("what is followed goes on over restarts of services and daemon, nothing twice or lost")
    func follows() throws {
        let fixture = try ServiceFixture()
        let count =
            #"perl -e '$| = 1; for (1..100000) { print "$ENV{GRETL_NAME} $_\n"; "#
            + "select(undef, undef, undef, 0.02) }'"
        for name in ["one", "two"] {
            try fixture.register(name, command: "exec \(count)")
            try fixture.start(name, "?timeout=0")
        }
        let run = try fixture.daemon.gr(["logs", "-f", "one", "two", "-n", "5"])
        #expect(run.sees("one | one 20\n") && run.sees("two | two 20\n"))
        fixture.daemon.kill()
        #expect(run.wait { $0.errors.contains("gr: the daemon does not answer; waiting for it\n") })
        try fixture.daemon.restart()
        #expect(run.wait { $0.errors.contains("gr: the daemon is back\n") })
        let reached = run.output.split(separator: "\n").count + 100
        #expect(run.wait { $0.output.split(separator: "\n").count > reached })
        run.signal(SIGINT)
        #expect(run.end() == -SIGINT)
        for name in ["one", "two"] {
            let numbers = run.output.split(separator: "\n").filter { $0.hasPrefix(name) }
                .dropLast().compactMap { Int($0.split(separator: " ").last ?? "") }
            let first = try #require(numbers.first)
            #expect(numbers == Array(first..<(first + numbers.count)))
        }
    }

    @Test("on a terminal each name has its colour, and Ctrl-C ends it")
    func interrupted() throws {
        let fixture = try fixture()
        let run = try fixture.daemon.gr(
            ["logs", "-f", "web", "worker"], on: .terminal(rows: 24, columns: 80))
        #expect(run.sees("work\r\n") && run.sees("end"))
        let colour = try #require(run.output.split(separator: "web    | ").first?.suffix(5))
        #expect(colour.hasPrefix("\u{1B}[") && colour.hasSuffix("m"))
        run.type("\u{3}")
        // What a shell shows as 130.
        #expect(run.end() == -SIGINT)
    }

    @Test("a service that is removed ends its following")
    func removed() throws {
        let fixture = try fixture()
        let run = try fixture.daemon.gr(["logs", "-f", "worker"])
        #expect(run.sees("work\n"))
        #expect(try fixture.daemon.ask("DELETE", "/v1/services/worker").status == 200)
        #expect(run.end() == 0)
        #expect(run.errors == "gr: worker was removed\n")
    }
}
