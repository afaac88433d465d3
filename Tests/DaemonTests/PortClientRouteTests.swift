// The routes of the Python client by themselves: what it may send, the form of every answer, and
// that none comes later than the client waits.

import TestSupport
import Testing

@Suite struct PortClientRouteTests {
    let fixture: ServiceFixture
    var daemon: DaemonProcess { fixture.daemon }
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture() }

    private func add(_ fields: String, _ port: UInt16? = nil) throws -> WireAnswer {
        try daemon.ask("POST", "/ports", "{\"port\":\(port ?? self.port)\(fields)}")
    }

    private func ask(_ method: String, _ rest: String = "") throws -> WireAnswer {
        try daemon.ask(method, "/ports/\(port)\(rest)")
    }

    @Test func startStopAndRemovalAnswerTheServiceAsAnObject() throws {
        try #expect(
            add(",\"name\":\"a\",\"cmd\":\(fixture.quote(fixture.serverCommand))").status == 201)
        for (method, rest) in [
            ("POST", "/start"), ("POST", "/start"), ("GET", ""), ("POST", "/stop"),
            ("POST", "/stop"), ("DELETE", ""),
        ] {
            let answer = try ask(method, rest)
            #expect(answer.status == 200, "\(method) \(rest): \(answer.text)")
            #expect(answer.json["name"] == .string("a"))
            #expect(answer.json["port"].integer == Int(port))
            for key in [
                "active", "pid", "process", "has_command", "group", "is_docker", "links",
            ] { #expect(answer.json[key] != .missing, "\(method) \(rest): \(key)") }
        }
        for (method, rest) in [
            ("GET", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/stop"), ("GET", "/logs"),
        ] {
            let answer = try ask(method, rest)
            #expect(answer.status == 404 && answer.code == "unknown_service", "\(method) \(rest)")
        }
    }

    @Test func aStartDoesNotWaitUntilTheServiceIsReady() throws {
        _ = try add(",\"name\":\"never\",\"cmd\":\"exec sleep 300\"")
        let taken = try milliseconds {
            let answer = try ask("POST", "/start")
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.json["active"] == .bool(false))
            #expect(answer.json["pid"].integer != nil)
        }
        #expect(taken < 5_000)
        #expect(try ask("DELETE").status == 200)
    }

    @Test func aStartBehindADependencyThatIsNotReadyIsAnsweredInTime() throws {
        try fixture.register("db", port: ServiceFixture.freePort(), command: "exec sleep 300")
        try fixture.register(
            "web", port: port, command: "exec sleep 300", more: "\"dependsOn\":[\"db\"]")
        let taken = try milliseconds {
            let answer = try ask("POST", "/start")
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.json["active"] == .bool(false))
        }
        #expect(taken >= 3_900 && taken < 5_000, "\(taken) ms")
        #expect(try fixture.service("db")["status"] == .string("starting"))
    }

    @Test func aServiceWithoutANameGetsOneAndKeepsTheOneItHas() throws {
        let first = try add(",\"cmd\":\"exec sleep 300\"")
        #expect(first.status == 201)
        #expect(first.json["name"] == .string("port-\(port)"))
        #expect(try daemon.ask("DELETE", "/v1/services/port-\(port)").status == 200)
        try fixture.register("mine", port: port, command: "true", more: "\"group\":\"@x\"")
        let second = try add(",\"cmd\":\"false\",\"group\":\"jobs\"")
        #expect(second.json["name"] == .string("mine"))
        #expect(second.json["group"] == .string("jobs"))
        let service = try fixture.service("mine")
        #expect(service["cmd"] == .string("false"))
        #expect(service["group"] == .string("@jobs"))
        let third = try add(",\"name\":\"\",\"cmd\":\"\",\"group\":\"\",\"cwd\":\"\"")
        #expect(third.status == 201, "\(third.text)")
        #expect(try fixture.service("mine")["cmd"] == .string("false"), "nothing is nothing")
        let null = try add(",\"name\":null,\"cmd\":null,\"group\":null,\"cwd\":null")
        #expect(null.status == 201, "\(null.text)")
        #expect(null.json["group"] == .string("jobs"))
        #expect(try fixture.service("mine")["cmd"] == .string("false"), "nothing is nothing")
        #expect(try add(",\"group\":\"@data\"").json["group"] == .string("data"))
    }

    @Test func aNameCannotBeTakenFromAnotherPortNorAPortFromAnotherName() throws {
        let other = ServiceFixture.freePort()
        _ = try add(",\"name\":\"a\",\"cmd\":\"exec sleep 300\"")
        let moved = try add(",\"name\":\"a\"", other)
        #expect(moved.status == 409 && moved.code == "name_taken", "\(moved.text)")
        #expect(moved.message.contains("\(port)"))
        let renamed = try add(",\"name\":\"b\"")
        #expect(renamed.status == 409 && renamed.code == "port_in_use", "\(renamed.text)")
        #expect(renamed.message.contains("'a'"))
        try fixture.register("worker", command: "exec sleep 300")
        #expect(try add(",\"name\":\"worker\"", other).code == "name_taken")
        let all = try daemon.ask("GET", "/ports").json.items
        #expect(all.map { $0["name"] } == [.string("a")], "the worker has no port")
        #expect(all[0]["port"].integer == Int(port))
    }

    @Test func ofManyWhoAddOnePortOrOneNameAtOnceOneIsHeard() throws {
        for round in 0..<3 {
            let port = ServiceFixture.freePort()
            let clients = try (0..<12).map { _ in try WireClient(daemon) }
            for (index, client) in clients.enumerated() {
                client.send(post("/ports", "{\"port\":\(port),\"name\":\"p\(round)-\(index)\"}"))
            }
            let answers = try clients.map { try $0.answer() }
            #expect(answers.count { $0.status == 201 } == 1, "\(answers.map(\.status))")
            for answer in answers where answer.status != 201 {
                #expect(answer.status == 409 && answer.code == "port_in_use", "\(answer.text)")
            }
            let all = try daemon.ask("GET", "/ports").json.items
            #expect(all.count { $0["port"].integer == Int(port) } == 1)
        }
        let ports = (0..<12).map { _ in ServiceFixture.freePort() }
        let clients = try ports.map { _ in try WireClient(daemon) }
        for (port, client) in zip(ports, clients) {
            client.send(post("/ports", "{\"port\":\(port),\"name\":\"one\"}"))
        }
        let answers = try clients.map { try $0.answer() }
        #expect(answers.count { $0.status == 201 } == 1, "\(answers.map(\.status))")
        #expect(answers.count { $0.code == "name_taken" } == 11)
        // What was refused holds nothing.
        let refused = try #require(zip(ports, answers).first { $0.1.status != 201 }).0
        #expect(try add(",\"name\":\"other\"", refused).status == 201)
    }

    @Test(arguments: [
        "{}", "{\"port\":null}", "{\"port\":\"\"}", "{\"port\":\"80\"}", "{\"port\":0}",
        "{\"port\":65536}", "{\"port\":-1}", "{\"port\":1.5}", "[]", "null", "{\"port\":80",
        "{\"port\":80,\"name\":\"80\"}", "{\"port\":80,\"name\":\"@a\"}",
        "{\"port\":80,\"name\":7}", "{\"port\":80,\"cmd\":[]}", "{\"port\":80,\"cwd\":\"here\"}",
        "{\"port\":80,\"group\":7}", "{\"port\":80,\"name\":\"a\\u0007\"}",
    ])
    func whatIsNoServiceIsRefused(body: String) throws {
        let answer = try daemon.ask("POST", "/ports", body)
        #expect(answer.status == 400, "\(body): \(answer.text)")
        #expect(answer.code == "invalid_spec")
        #expect(try daemon.ask("GET", "/ports").json.items.isEmpty)
    }

    @Test func ofTwoServicesOnOnePortTheOneThatRunsIsMeant() throws {
        try fixture.register("a", port: port)
        try fixture.register("b", port: port)
        #expect(try fixture.start("b").status == 200)
        #expect(try ask("GET").json["name"] == .string("b"))
        #expect(try ask("POST", "/stop").json["name"] == .string("b"))
        #expect(try ask("GET").json["name"] == .string("a"))
        #expect(try add(",\"name\":\"b\"").status == 201)
    }

    @Test func logsAreLinesWithoutControlBytes() throws {
        let command = #"printf 'one\ntwo \033[31mred\033[0m\007 "q"\n\303\050\nlast'; sleep 300"#
        _ = try add(",\"name\":\"a\",\"cmd\":\(fixture.quote(command))")
        #expect(try ask("GET", "/logs").json["lines"].items.isEmpty)
        #expect(try ask("POST", "/start").status == 200)
        let isThere = try eventually { try ask("GET", "/logs").json["lines"].items.count == 4 }
        #expect(isThere)
        let answer = try ask("GET", "/logs")
        let lines = answer.json["lines"].items.compactMap(\.text)
        #expect(lines.count == 4, "\(answer.text)")
        #expect(lines.first == "one" && lines.last == "last")
        #expect(!answer.body.contains { $0 < 0x20 || $0 == 0x7F })
        #expect(lines[1].contains("red") && !lines[1].contains("31m"), "\(lines[1])")
        #expect(try ask("GET", "/logs?lines=2").json["lines"].items.count == 2)
        #expect(try ask("GET", "/logs?lines=0").json["lines"].items.isEmpty)
        #expect(try ask("GET", "/logs?lines=999999999").json["lines"].items.count == 4)
        for text in ["-1", "x", "", "1e3", "99999999999999999999"] {
            #expect(try ask("GET", "/logs?lines=\(text)").status == 400, "\(text)")
        }
        #expect(try ask("DELETE").status == 200)
    }

    @Test(arguments: ["0", "65536", "-1", "abc", "7401.0", "%20", "99999999999", "a%2Fb"])
    func whatIsNoPortIsInvalid(text: String) throws {
        for (method, rest) in [("GET", ""), ("DELETE", ""), ("POST", "/start"), ("GET", "/logs")] {
            let answer = try daemon.ask(method, "/ports/\(text)\(rest)")
            #expect(answer.status == 400 && answer.code == "invalid_spec", "\(method) \(text)")
        }
    }
}
