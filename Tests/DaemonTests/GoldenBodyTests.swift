// The bodies of answers, byte for byte: keys, their case and order, what is null and what is not
// there. Clients are written against these; a change here is a change for all of them. What differs
// from run to run is masked.

import Glibc
import TestSupport
import Testing

@Suite struct GoldenBodyTests {
    let fixture: ServiceFixture
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture() }

    /// The body with pids, times and measured values as `?`, the port as PORT, the home as HOME.
    private func masked(_ answer: WireAnswer) -> String {
        var text = answer.text
        for key in ["pid", "startedAt", "time", "cpu", "rssMB", "after"] {
            text = Self.mask("\"\(key)\":", text)
        }
        text = Self.replace("\(port)", "PORT", text)
        return Self.replace(fixture.daemon.home, "HOME", text)
    }

    private static func replace(_ old: String, _ new: String, _ text: String) -> String {
        var parts: [Substring] = []
        var rest = text[...]
        while let found = rest.firstRange(of: old) {
            parts += [rest[..<found.lowerBound], new[...]]
            rest = rest[found.upperBound...]
        }
        return parts.joined() + rest
    }

    /// Replaces each value behind `key` that is a number or a string.
    private static func mask(_ key: String, _ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let found = rest.firstRange(of: key) {
            result += rest[..<found.upperBound]
            rest = rest[found.upperBound...]
            guard !rest.hasPrefix("null") else { continue }
            if rest.hasPrefix("\"") {
                rest = rest.dropFirst().drop { $0 != "\"" }.dropFirst()
            } else {
                rest = rest.drop { $0.isNumber || ".-+eE".contains($0) }
            }
            result += "?"
        }
        return result + rest
    }

    private func expect(
        _ method: String, _ target: String, _ body: String? = nil, _ status: Int,
        _ golden: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let answer = try fixture.daemon.ask(method, target, body)
        let told = masked(answer)
        #expect(answer.status == status, sourceLocation: sourceLocation)
        #expect(told == golden, sourceLocation: sourceLocation)
    }

    private let database = #"""
        {"name":"db","port":null,"cmd":"echo hello; exec sleep 300","group":"@jobs"}
        """#

    private var server: String {
        """
        {"name":"web","port":\(port),"cmd":\(fixture.quote(fixture.serverCommand)),\
        "group":"@jobs","dependsOn":["db"],"env":{"K":"v"},"restart":"never"}
        """
    }

    private func object(
        _ name: String, _ head: String, _ status: String, _ live: String, _ spec: String
    ) -> String {
        "{\"name\":\"\(name)\",\(head),\"group\":\"@jobs\",\"status\":\"\(status)\","
            + "\(live),\(spec),"
            + #""exitCode":null,"signal":null,"stopReason":null,"endedAt":null,"#
            + #""pendingChange":false,"#
            + #""lastProbe":null,"restarts":0,"nextTryAt":null,"adopted":false,"#
            + "\"logFile\":\"HOME/logs/\(name).log\",\"root\":null}"
    }

    private func web(_ status: String, _ live: String) -> String {
        let command = fixture.quote(fixture.serverCommand)
        return object(
            "web", "\"port\":PORT", status, live,
            "\"cmd\":\(command),\"cwd\":null,\"ready\":null,\"dependsOn\":[\"db\"],"
                + #""restartWith":[],"restart":"never","start":"manual","listen":false,"#
                + #""autostart":false,"#
                + #""tty":false,"stopSignal":"SIGTERM","env":["K"]"#)
    }

    private func db(_ status: String, _ live: String) -> String {
        object(
            "db", "\"port\":null", status, live,
            #""cmd":"echo hello; exec sleep 300","cwd":null,"ready":null,"dependsOn":[],"#
                + #""restartWith":[],"restart":"on-failure","start":"manual","listen":false,"#
                + #""autostart":false,"#
                + #""tty":false,"stopSignal":"SIGTERM","env":[]"#)
    }

    private static func idle(_ url: String) -> String {
        "\"pid\":null,\"url\":\(url),\"startedAt\":null,\"cpu\":null,\"rssMB\":null"
    }

    private static func live(_ url: String) -> String {
        "\"pid\":?,\"url\":\(url),\"startedAt\":?,\"cpu\":?,\"rssMB\":?"
    }

    @Test func `Services, their starts and their stops`() throws {
        let url = "\"http://localhost:PORT\""
        try expect("POST", "/v1/services", database, 201, db("stopped", Self.idle("null")))
        try expect("POST", "/v1/services", server, 201, web("stopped", Self.idle(url)))
        try expect(
            "POST", "/v1/services/web/start?plan=1", nil, 200,
            #"{"name":"web","plan":[{"name":"db","action":"start","level":0,"reason":null},"#
                + #"{"name":"web","action":"start","level":1,"reason":null}]}"#)
        try expect(
            "POST", "/v1/services/web/start", nil, 200,
            #"{"name":"web","status":"running","pid":?}"#)
        let both = db("running", Self.live("null")) + "," + web("running", Self.live(url))
        try expect("GET", "/v1/services", nil, 200, "{\"services\":[\(both)]}")
        try expect("GET", "/v1/services/web", nil, 200, web("running", Self.live(url)))
        try expect(
            "GET", "/v1/resolve/web", nil, 200,
            #"{"name":"web","url":"http://localhost:PORT","port":PORT,"status":"running"}"#)
        try expect(
            "POST", "/v1/services/web/restart", nil, 200,
            #"{"name":"web","status":"running","pid":?}"#)
        try expect(
            "POST", "/v1/services/web/stop", nil, 200,
            #"{"name":"web","status":"stopped","exitCode":143,"signal":"SIGTERM","forced":false}"#)
        try expect("DELETE", "/v1/services/web", nil, 200, #"{"ok":true,"name":"web"}"#)
    }

    @Test func `Groups, logs and ports`() throws {
        _ = try fixture.daemon.ask("POST", "/v1/services", database)
        _ = try fixture.daemon.ask("POST", "/v1/services", server)
        try expect(
            "POST", "/v1/groups/jobs/start", nil, 200,
            #"{"name":"@jobs","results":[{"name":"db","outcome":"started","pid":?},"#
                + #"{"name":"web","outcome":"started","pid":?}]}"#)
        try expect(
            "GET", "/v1/groups", nil, 200,
            #"{"groups":[{"name":"@jobs","services":2,"running":2}]}"#)
        try expect(
            "GET", "/v1/groups/jobs", nil, 200,
            #"{"name":"@jobs","services":2,"running":2,"members":[{"name":"db","port":null,"#
                + #""status":"running","pid":?,"dependsOn":[]},{"name":"web","port":PORT,"#
                + #""status":"running","pid":?,"dependsOn":["db"]}]}"#)
        let log = fixture.daemon.file("logs/db.log")
        #expect(eventually { TextFile.read(log) == "hello\n" })
        try expect(
            "GET", "/v1/services/db/logs", nil, 200,
            #"{"name":"db","lines":[{"time":?,"text":"hello"}],"before":null,"after":?,"#
                + #""truncated":false}"#)
        try expect(
            "GET", "/v1/logs?services=db", nil, 200,
            #"{"services":["db"],"lines":[{"name":"db","time":?,"text":"hello"}],"#
                + #""truncated":false}"#)
        let holder =
            #"{"port":PORT,"addresses":["127.0.0.1"],"pid":?,"program":"perl","#
            + "\"uid\":\(getuid()),\"service\":\"web\",\"registered\":true,\"isDocker\":false}"
        try expect(
            "GET", "/v1/ports/\(port)", nil, 200,
            "{\"port\":PORT,\"registered\":true,\"holders\":[\(holder)]}")
        try expect(
            "POST", "/v1/ports/\(port)/kill", nil, 200,
            #"{"ok":true,"port":PORT,"pid":?,"program":"perl","service":"web","forced":false}"#)
        try expect(
            "POST", "/v1/groups/jobs/stop", nil, 200,
            #"{"name":"@jobs","results":[{"name":"web","outcome":"stopped"},"#
                + #"{"name":"db","outcome":"stopped"}]}"#)
    }

    @Test func `Errors have a code, a message and a hint, and nothing else`() throws {
        try expect(
            "GET", "/v1/resolve/none", nil, 404,
            #"{"code":"unknown_service","message":"no service is registered under the name "#
                + #"'none'","hint":"run 'gr ls' for the registered names, or register it with "#
                + #"'gr add'"}"#)
        let outsider = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        _ = try fixture.daemon.ask("POST", "/v1/services", database)
        _ = try fixture.daemon.ask("POST", "/v1/services", server)
        try expect(
            "POST", "/v1/services/web/start?deps=0", nil, 409,
            "{\"code\":\"port_in_use\",\"message\":\"port PORT is held by pid \(outsider.pid) "
                + #"(perl)","hint":"run 'gr adopt PORT --as <name>' or 'gr kill :PORT'"}"#)
    }
}
