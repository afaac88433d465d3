// Ports on the command line: who, ports, kill and adopt, by the real program against the real
// daemon, with a program of the test's own on the port.

import Glibc
import TestSupport
import Testing

struct CommandPortTests {
    /// A program nobody registered, on a port.
    private final class Foreigner {
        let port = ServiceFixture.freePort()
        private let run: CommandProcess

        init(_ fixture: ServiceFixture) throws {
            run = try CommandProcess(
                ["/usr/bin/perl", fixture.folder.file("server.pl")],
                environment: ["PORT=\(port)", "PATH=/usr/bin:/bin"])
            #expect(run.sees("listening\n"))
        }

        var pid: Int32 { run.pid }
        func isEnded() -> Bool { run.end(within: 10_000) != nil }
    }

    @Test("who tells the process on a port, and that there is none")
    func who() throws {
        let fixture = try ServiceFixture()
        let foreigner = try Foreigner(fixture)
        let run = try fixture.daemon.gr(["who", ":\(foreigner.port)"])
        #expect(run.end() == 0)
        let first = "port \(foreigner.port): pid \(foreigner.pid) (perl), user "
        #expect(run.output.hasPrefix(first))
        #expect(
            run.output.hasSuffix(
                ", on 127.0.0.1\ntake it over: gr adopt \(foreigner.port) --as NAME; "
                    + "end it: gr kill :\(foreigner.port)\n"))
        let quiet = try fixture.daemon.gr(["who", "-q", "\(foreigner.port)"])
        #expect(quiet.end() == 0 && quiet.output == "\(foreigner.pid)\n")
        let list = try fixture.daemon.gr(["ports"])
        #expect(list.end() == 0)
        #expect(list.output.hasPrefix(" PORT") || list.output.hasPrefix("PORT"))
        #expect(
            list.output.split(separator: "\n").contains {
                $0.contains("\(foreigner.port)") && $0.contains("perl") && $0.contains("127.0.0.1")
            })
        let json = try fixture.daemon.gr(["who", "\(foreigner.port)", "--json"])
        #expect(json.end() == 0)
        #expect(json.output.hasPrefix("{\"port\":\(foreigner.port),\"registered\":false,"))
        let none = try fixture.daemon.gr(["who", "\(ServiceFixture.freePort())"])
        #expect(none.end() == 1 && none.errors.hasPrefix("gr: "))
        for word in ["0", "65536", "x", ":", "-1"] {
            #expect(try fixture.daemon.gr(["who", "--", word]).end() == 2)
        }
    }

    @Test("kill shows the holder and does nothing without a yes")
    func asks() throws {
        let fixture = try ServiceFixture()
        let foreigner = try Foreigner(fixture)
        let script = try fixture.daemon.gr(["kill", ":\(foreigner.port)"], input: "y\n")
        #expect(script.end() == 2)
        #expect(script.errors.contains("pid \(foreigner.pid) (perl)"))
        #expect(
            script.errors.hasSuffix("hint: if that is the one: gr kill :\(foreigner.port) --yes\n"))
        let words = ["kill", ":\(foreigner.port)"]
        let no = try fixture.daemon.gr(words, on: .terminal(rows: 24, columns: 100))
        #expect(no.sees("End it? [y/N] "))
        no.type("\n")
        #expect(no.end() == 1 && no.output.contains("nothing was done"))
        #expect(ProcessTable.isAlive(foreigner.pid))
        let yes = try fixture.daemon.gr(words, on: .terminal(rows: 24, columns: 100))
        #expect(yes.sees("End it? [y/N] "))
        yes.type("y\n")
        #expect(yes.end() == 0)
        #expect(
            yes.output.contains(
                "pid \(foreigner.pid) (perl) ended; port \(foreigner.port) is free\r\n"))
        #expect(foreigner.isEnded())
        #expect(try fixture.daemon.gr(words + ["--yes"]).end() == 1)
    }

    @Test("an adopted process is a service that kill stops")
    func adopts() throws {
        let fixture = try ServiceFixture()
        let foreigner = try Foreigner(fixture)
        let nameless = try fixture.daemon.gr(["adopt", "\(foreigner.port)"])
        #expect(nameless.end() == 2 && nameless.errors.contains("gr adopt needs --as NAME"))
        let run = try fixture.daemon.gr(
            ["adopt", "\(foreigner.port)", "--as", "web", "--group", "@site"])
        #expect(run.end() == 0, "\(run.errors)")
        #expect(
            run.output.hasPrefix(
                "pid \(foreigner.pid) is service web from now on\nits next start runs: "))
        #expect(run.output.contains("perl"))
        #expect(try fixture.service("web")["group"] == .string("@site"))
        let again = try fixture.daemon.gr(["adopt", "\(foreigner.port)", "--as", "other"])
        #expect(again.end() == 5)
        let kill = try fixture.daemon.gr(["kill", "\(foreigner.port)", "-y"])
        #expect(kill.end() == 0, "\(kill.errors)")
        #expect(kill.output == "service web stopped; port \(foreigner.port) is free\n")
        #expect(foreigner.isEnded())
    }
}
