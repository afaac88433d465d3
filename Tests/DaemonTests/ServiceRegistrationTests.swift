// POST /v1/services and the reads behind it: what a registration may hold, how a later one merges
// (RFC 7396), and what lists, single reads, resolve and DELETE answer.

import TestSupport
import Testing

@Suite struct ServiceRegistrationTests {
    let daemon: DaemonProcess

    init() throws { daemon = try DaemonProcess(configuration: "[limits]\nservices = 400\n") }

    private func judge(
        _ table: [(String, Int)], _ location: SourceLocation = #_sourceLocation
    )
        throws
    {
        for (body, status) in table {
            let answer = try daemon.ask("POST", "/v1/services", body, sourceLocation: location)
            #expect(
                answer.status == status, "\(body.prefix(200)): \(answer.text)",
                sourceLocation: location)
            if status == 400 {
                #expect(answer.code == "invalid_spec", "\(body.prefix(200))")
            }
        }
    }

    @Test func theListIsNarrowedByWhatThereIs() throws {
        let body = #"{"name":"a","port":7001,"group":"@x"}"#
        #expect(try daemon.ask("POST", "/v1/services", body).status == 201)
        for (query, count) in [
            ("group=@x", 1), ("group=x", 1), ("group=@y", 0), ("status=stopped", 1),
            ("status=failed", 0), ("status=stopped&group=x", 1),
        ] {
            let answer = try daemon.ask("GET", "/v1/services?\(query)")
            #expect(answer.json["services"].items.count == count, "\(query)")
        }
        for query in ["status=bogus", "status=", "status=Running"] {
            let answer = try daemon.ask("GET", "/v1/services?\(query)")
            #expect(answer.status == 400 && answer.hint.contains("backoff"), "\(query)")
        }
    }

    @Test func tooManyNamesAreCounted() throws {
        let names = (0..<257).map { "\"d\($0)\"" }.joined(separator: ",")
        let body = "{\"name\":\"a\",\"port\":null,\"dependsOn\":[\(names)]}"
        let answer = try daemon.ask("POST", "/v1/services", body)
        #expect(answer.status == 400)
        #expect(answer.message == "the field 'dependsOn' has 257 names, and 256 is the most")
    }

    @Test func aNameHasRules() throws {
        func named(_ name: String) -> String { "{\"name\":\(name),\"port\":7000}" }
        let long = String(repeating: "n", count: 128)
        let wide = String(repeating: "ü", count: 64)
        let bad = [
            "\"\"", "\"\(long)n\"", "\"\(wide)n\"", "\"@x\"", "\"@\"", "\":1\"", "\":x\"",
            "\"123\"", "\"7\"", "\".\"", "\"..\"", #""a\u0000b""#, #""a\nb""#, #""a\u007fb""#,
            "\"a\u{202E}b\"", "\"a\u{200F}b\"", "\"a\u{61C}b\"", "\"a\u{2066}b\"",
            #""\u001b[31m""#, "1", "null", "true", "[]", "{}", #""a\ud800""#, "\"a\u{1}\"",
        ]
        try judge(bad.map { (named($0), 400) })
        let good = [
            "\"\(long)\"", "\"\(wide)\"", "\"ünï\"", "\"a/b\"", "\"a b\"", "\"A\"", "\"a\"",
            "\"1a\"", "\"_-\"", "\"a@b\"", "\"a:1\"", "\"...\"", "\"日本\"", #""\ud83d\ude00""#,
            "\"a%2Fb\"", "\"a?b#c\"", #""a\"b\\c""#, "\"<script>\"", "\"a.b\"", "\"_\"",
        ]
        try judge(good.map { (named($0), 201) })
        let list = try daemon.ask("GET", "/v1/services")
        let names = list.json["services"].items.compactMap { $0["name"].text }
        #expect(names.count == good.count)
        #expect(names.contains("a\"b\\c") && names.contains("😀") && names.contains("A"))
        #expect(try daemon.ask("GET", "/v1/services/%F0%9F%98%80").status == 200)
        #expect(try daemon.ask("GET", "/v1/services/a%22b%5Cc").status == 200)
    }

    @Test func aPortIsANumberFrom1To65535() throws {
        func with(_ port: String) -> String { "{\"name\":\"p\(port.hashValue)\",\"port\":\(port)}" }
        let bad = [
            "\"7401\"", "true", "false", "0", "65536", "-1", "7401.5", "[]", "{}", "1e400", "\"\"",
            "99999999999999999999", "0.5", "-0", "18446744073709559017", "4294974697",
            "\(daemon.port)",
        ]
        try judge(bad.map { (with($0), 400) })
        try judge(["1", "65535", "7401", "7401.0", "null"].map { (with($0), 201) })
        try judge([(#"{"name":"without"}"#, 400)])
        let whole = try daemon.ask("POST", "/v1/services", #"{"name":"whole","port":7411.0}"#)
        #expect(whole.json["port"] == .number("7411"))
        let none = try daemon.ask("POST", "/v1/services", #"{"name":"worker","port":null}"#)
        #expect(none.json["port"] == .null)
        #expect(none.json["url"] == .null)
        let missing = try daemon.ask("POST", "/v1/services", #"{"name":"without"}"#)
        #expect(missing.message.contains("port"))
    }

    @Test func `How a program lives is checked field by field and together`() throws {
        func with(_ field: String) -> String {
            "{\"name\":\"l\",\"port\":7000,\"cmd\":\"x\",\"cwd\":\"/tmp\",\(field)}"
        }
        let ready = #","ready":"http://localhost:7000/""#
        let bad = [
            #""start":"auto""#, #""start":1"#, #""listen":1"#, #""listen":"yes""#,
            #""autostart":0"#, #""tty":"true""#, #""stopSignal":"SIGKILL""#,
            #""stopSignal":"INT""#, #""stopSignal":2"#, #""logFile":1"#, #""logFile":"a.log""#,
            #""logFile":"/tmp/../etc/x""#, #""logFile":"/tmp/""#, #""logFile":"/tmp/./x""#,
            #""logFile":"/tmp//x""#, #""logFile":"/etc/gr-canary.log""#,
            #""logFile":"/tmp/no-such-folder/x.log""#, #""logFile":"/""#,
            // Together: a connection proves nothing while the socket is held for the program.
            #""listen":true"#, #""start":"on-demand""#,
        ]
        try judge(bad.map { (with($0), 400) })
        try judge([
            (#"{"name":"l","port":null,"cmd":"x","listen":true\#(ready)}"#, 400),
            (#"{"name":"l","port":7000,"start":"on-demand"\#(ready)}"#, 400),
        ])
        let why = try daemon.ask("POST", "/v1/services", with(#""start":"on-demand""#))
        #expect(why.message.contains("on-demand") && why.message.contains("ready"))
        let good = [
            #""start":"manual""#, #""start":null"#, #""listen":true\#(ready)"#,
            #""start":"on-demand"\#(ready)"#, #""autostart":true,"tty":true"#,
            #""stopSignal":"SIGINT""#, #""stopSignal":null"#, #""logFile":null"#,
        ]
        try judge(good.map { (with($0), 201) })
        let body = try daemon.ask(
            "POST", "/v1/services", with(#""start":"on-demand","stopSignal":"SIGINT"\#(ready)"#))
        #expect(body.json["start"].text == "on-demand")
        #expect(body.json["listen"] == .bool(true))
        #expect(body.json["autostart"] == .bool(true))
        #expect(body.json["tty"] == .bool(true))
        #expect(body.json["stopSignal"].text == "SIGINT")
        // What made it possible cannot be taken away alone.
        try judge([(#"{"name":"l","ready":null}"#, 400), (#"{"name":"l","port":null}"#, 400)])
        // It is all still there behind a new daemon.
        daemon.kill()
        try daemon.restart()
        let later = try daemon.ask("GET", "/v1/services/l").json
        for field in ["start", "listen", "autostart", "tty", "stopSignal"] {
            #expect(later[field] == body.json[field], "\(field)")
        }
    }

    @Test func `Those who depend on a removed service are named, and keep its name`() throws {
        try judge([
            (#"{"name":"db","port":7001}"#, 201),
            (#"{"name":"api","port":7002,"dependsOn":["db"]}"#, 201),
        ])
        let removed = try daemon.ask("DELETE", "/v1/services/db")
        #expect(removed.json["warnings"].items.first?.text?.contains("'api'") == true)
        let left = try daemon.ask("GET", "/v1/services/api").json
        #expect(left["dependsOn"].items.compactMap(\.text) == ["db"])
    }

    @Test func otherFieldsHaveTypes() throws {
        func with(_ field: String) -> String { "{\"name\":\"f\",\"port\":7000,\(field)}" }
        let bad = [
            #""cmd":1"#, #""cmd":[]"#, #""cmd":"a\u0000b""#, #""cwd":1"#, #""cwd":"a\u0000""#,
            #""group":1"#, #""group":"jobs""#, #""group":"@""#, #""group":"""#,
            #""ready":1"#, #""ready":"ftp://localhost/""#, #""ready":"http://""#,
            #""ready":"nonsense""#, #""ready":"http://localhost:99999/""#,
            #""ready":"http://localhost/\r\nA: b""#, #""env":[]"#, #""env":"A=B""#, #""env":1"#,
            #""env":{"A":1}"#, #""env":{"A":true}"#, #""env":{"A":["b"]}"#, #""env":{"":"x"}"#,
            #""env":{"A=B":"x"}"#, #""env":{"A":"x\u0000y"}"#, #""env":{"A\u0000":"x"}"#,
            #""restart":"sometimes""#, #""restart":1"#, #""dependsOn":"a""#, #""dependsOn":[1]"#,
            #""dependsOn":["f"]"#, #""dependsOn":{}"#, #""cwd":"relative/path""#,
        ]
        try judge(bad.map { (with($0), 400) })
        let good = [
            #""cmd":null"#, #""cwd":null"#, #""group":null"#, #""group":"@jobs""#, #""env":{}"#,
            #""env":null"#, #""env":{"A":""}"#, #""env":{"A":null}"#, #""ready":null"#,
            #""ready":"http://localhost:7000/health""#, #""ready":"http://127.0.0.1:1""#,
            #""restart":"always""#, #""restart":"never""#, #""restart":"on-failure""#,
            #""dependsOn":["later"]"#, #""dependsOn":[]"#, #""cwd":"/tmp""#, #""group":"@a b""#,
        ]
        try judge(good.map { (with($0), 201) })
        let far = try daemon.ask(
            "POST", "/v1/services", with(#""ready":"http://example.com/health""#))
        #expect(far.status == 400, "a ready check leaves this machine: \(far.text)")
    }

    @Test func aBodyIsOneJSONObject() throws {
        let deep = String(repeating: "[", count: 100_000)
        let nested = String(repeating: "{\"a\":", count: 50_000)
        let bad = [
            "[]", "null", "1", "\"a\"", "true", "{", "}", "{\"name\":", "{'name':'a'}", "{}",
            #"{"name":"a","port":7000"#, #"{"name":"a","port":7000}}"#,
            #"{"name":"a","port":7000} x"#,
            #"{"name":"a","port":7000,}"#, #"{name:"a","port":7000}"#, #"{"name":"a" "port":7000}"#,
            #"{"name":"a","port":NaN}"#, #"{"name":"a","port":+7000}"#,
            #"{"name":"a","port":07000}"#,
            #"{"name":"a","port":7000}//"#, #"{"name":"a\x","port":7000}"#, " ", deep, nested,
            #"{"name":"a","port":0x1b58}"#, "{\"name\":\"a\nb\",\"port\":7000}", "name=a&port=7000",
            #"{"name":"a","port":7000,"zzz":"# + String(repeating: "[", count: 5_000) + "}",
        ]
        try judge(bad.map { ($0, 400) })
        let client = try WireClient(daemon)
        let bytes = Array(#"{"name":""#.utf8) + [0xFF, 0xC0] + Array(#"","port":7000}"#.utf8)
        client.send(
            request(
                "POST /v1/services HTTP/1.1",
                ["Content-Type: application/json", "Content-Length: \(bytes.count)"]))
        client.send(bytes)
        #expect(try client.answer().status == 400)
        try judge([("\r\n\t " + #"{ "port" : 7000 , "name" : "spaced" }"# + "\n", 201)])
    }

    /// What came out of it would be taken for what was sent.
    @Test(arguments: ["gzip", "identity", "br, gzip", ""])
    func aCodedBodyIsNotTaken(coding: String) throws {
        let fields = ["Content-Type: application/json", "cOnTent-EncodinG: \(coding)"]
        let body = #"{"name":"coded","port":7000}"#
        let answer = try daemon.ask("POST", "/v1/services", body, fields)
        #expect(answer.status == 415)
        #expect(answer.code == "unsupported_media_type")
        #expect(try daemon.ask("GET", "/v1/services/coded").status == 404)
        // A name that only begins like it, or ends so, is another one.
        for name in ["Content-Encodings", "X-Content-Encoding"] {
            let other = [fields[0], "\(name): gzip"]
            #expect(try daemon.ask("POST", "/v1/services", body, other).status == 201)
        }
    }

    @Test func onlyJSONIsTaken() throws {
        let body = #"{"name":"typed","port":7000}"#
        let table: [(String, [Int])] = [
            ("application/json", [201]), ("APPLICATION/JSON", [201]),
            ("application/json; charset=utf-8", [201]),
            ("application/json;charset=\"UTF-8\"", [201]),
            ("application/json; charset=UTF-8", [201]),
            ("application/json;CHARSET=\"utf-8\"", [201]),
            ("application/json; charset=utf-16", [415]),
            ("application/json; a=b; charset=latin1", [415]),
            ("application/json ; a=b", [201]), ("text/plain", [415]), ("", [415, 400]),
            ("text/plain;application/json", [415]), ("application/x-www-form-urlencoded", [415]),
            ("multipart/form-data; boundary=a", [415]), ("application/jsonx", [415]),
            ("application/json-patch+json", [415]), ("text/json", [415]), ("json", [415]),
            ("application/json, text/plain", [415, 400]), ("application / json", [415, 400]),
        ]
        for (type, statuses) in table {
            let answer = try daemon.ask("POST", "/v1/services", body, ["Content-Type: \(type)"])
            #expect(statuses.contains(answer.status), "\(type): \(answer.status)")
            #expect(answer.status != 415 || answer.code == "unsupported_media_type")
        }
        try daemon.judge([
            WireCase(
                "none", request("POST /v1/services HTTP/1.1", ["Content-Length: 28"], body: body),
                415),
            WireCase(
                "two",
                post("/v1/services", body, ["Content-Type: text/plain"]), 415, 400),
        ])
        #expect(try daemon.ask("GET", "/v1/services").json["services"].items.count == 1)
    }

    @Test func aLaterRegistrationMerges() throws {
        let full = """
            {"name":"m","port":7401,"cmd":"true","cwd":"/tmp","group":"@g",
             "ready":"http://localhost:7401/h","env":{"A":"1","B":"2"},"restart":"never",
             "dependsOn":["x"]}
            """
        #expect(try daemon.ask("POST", "/v1/services", full).status == 201)
        let first = try daemon.ask("GET", "/v1/services/m").json
        let kept = try daemon.ask("POST", "/v1/services", #"{"name":"m"}"#)
        #expect(kept.status == 201)
        #expect(kept.value("Location") == "/v1/services/m")
        #expect(try daemon.ask("GET", "/v1/services/m").json == first)
        #expect(try daemon.ask("POST", "/v1/services", full).status == 201)
        #expect(try daemon.ask("GET", "/v1/services/m").json == first)
        let part = #"{"name":"m","group":null,"cwd":null,"env":{"A":null,"C":"3"},"port":7402}"#
        let merged = try daemon.ask("POST", "/v1/services", part).json
        #expect(merged["group"] == .null)
        #expect(merged["cwd"] == .null)
        #expect(merged["cmd"] == .string("true"))
        #expect(merged["port"] == .number("7402"))
        #expect(merged["url"] == .string("http://localhost:7402"))
        #expect(merged["env"] == .array([.string("B"), .string("C")]))
        #expect(merged["restart"] == .string("never"))
        let bad = try daemon.ask("POST", "/v1/services", #"{"name":"m","port":"x","cmd":"no"}"#)
        #expect(bad.status == 400)
        #expect(try daemon.ask("GET", "/v1/services/m").json["cmd"] == .string("true"))
        let cleared = try daemon.ask(
            "POST", "/v1/services",
            #"{"name":"m","cmd":null,"ready":null,"env":null,"restart":null,"dependsOn":null}"#
        ).json
        #expect(cleared["cmd"] == .null)
        #expect(cleared["ready"] == .null)
        #expect(cleared["env"] == .array([]))
        #expect(cleared["restart"] == .string("on-failure"))
        #expect(cleared["dependsOn"] == .array([]))
    }

    @Test func unknownFieldsAreNamedInWarnings() throws {
        let answer = try daemon.ask(
            "POST", "/v1/services", #"{"name":"w","port":7000,"prot":1,"Ünknown":{"a":[]}}"#)
        #expect(answer.status == 201)
        let warnings = answer.json["warnings"].items.compactMap(\.text).joined()
        #expect(warnings.contains("prot") && warnings.contains("Ünknown"))
        let twin = try daemon.ask("POST", "/v1/services", #"{"name":"twin","port":7000}"#)
        #expect(twin.status == 201)
        #expect(twin.json["warnings"].items.compactMap(\.text).joined().contains("7000"))
    }

    @Test func aServiceObjectHasAStableShape() throws {
        _ = try daemon.ask("POST", "/v1/services", #"{"name":"s","port":7401,"env":{"K":"v"}}"#)
        let service = try daemon.ask("GET", "/v1/services/s").json
        let nulls = [
            "group", "pid", "startedAt", "cpu", "rssMB", "cmd", "cwd", "ready", "exitCode",
        ]
        for key in nulls { #expect(service[key] == .null, "\(key)") }
        #expect(service["status"] == .string("stopped"))
        #expect(service["url"] == .string("http://localhost:7401"))
        #expect(service["env"] == .array([.string("K")]))
        let https = try daemon.ask(
            "POST", "/v1/services", #"{"name":"t","port":7402,"ready":"https://localhost:7402/"}"#)
        if https.status == 201 {
            #expect(https.json["url"] == .string("https://localhost:7402"))
        }
    }

    @Test func listsAreSortedAndFiltered() throws {
        for (name, group) in [("c", "@x"), ("a", "@y"), ("B", "@x"), ("é", "@z z"), ("b", "@x")] {
            _ = try daemon.ask(
                "POST", "/v1/services",
                "{\"name\":\"\(name)\",\"port\":7000,\"group\":\"\(group)\"}")
        }
        func names(_ query: String) throws -> [String] {
            let answer = try daemon.ask("GET", "/v1/services\(query)")
            #expect(answer.status == 200, "\(query)")
            return answer.json["services"].items.compactMap { $0["name"].text }
        }
        #expect(try names("") == ["B", "a", "b", "c", "é"])
        #expect(try names("?group=@x") == ["B", "b", "c"])
        #expect(try names("?group=%40x") == ["B", "b", "c"])
        #expect(try names("?group=@z%20z") == ["é"])
        #expect(try names("?group=@none").isEmpty)
        #expect(try names("?status=running").isEmpty)
        #expect(try names("?status=stopped").count == 5)
        #expect(try names("?group=@x&status=stopped").count == 3)
        #expect(try names("?other=1").count == 5)
        let bad = try daemon.ask("GET", "/v1/services?status=nonsense")
        #expect([200, 400].contains(bad.status))
        if bad.status == 200 { #expect(bad.json["services"].items.isEmpty) }
    }

    @Test func resolveFindsByNameAndByPort() throws {
        _ = try daemon.ask("POST", "/v1/services", #"{"name":"r/1","port":7433}"#)
        _ = try daemon.ask("POST", "/v1/services", #"{"name":"worker","port":null}"#)
        for target in ["r%2F1", "%72%2f1", ":7433", "%3A7433"] {
            let answer = try daemon.ask("GET", "/v1/resolve/\(target)")
            #expect(answer.status == 200, "\(target)")
            #expect(answer.json["name"] == .string("r/1"), "\(target)")
            #expect(answer.json["port"] == .number("7433"), "\(target)")
            #expect(answer.json["url"] == .string("http://localhost:7433"), "\(target)")
            #expect(answer.json["status"] == .string("stopped"), "\(target)")
        }
        let worker = try daemon.ask("GET", "/v1/resolve/worker")
        #expect(worker.status == 200)
        #expect(worker.json["url"] == .null)
        for target in ["none", ":7434", ":0", ":99999", ":x", "R%2F1", "r", ":", "@g"] {
            let answer = try daemon.ask("GET", "/v1/resolve/\(target)")
            #expect(answer.status == 404 || answer.status == 400, "\(target)")
            #expect(answer.status == 400 || answer.code == "unknown_service", "\(target)")
        }
        #expect(try daemon.ask("GET", "/v1/resolve").status == 404)
        #expect(try daemon.ask("GET", "/v1/resolve/").status == 404)
    }

    @Test func whatIsUnknownIs404() throws {
        let table: [(String, String)] = [
            ("GET", "/v1/services/no"), ("DELETE", "/v1/services/no"),
            ("POST", "/v1/services/no/start"), ("POST", "/v1/services/no/stop"),
            ("GET", "/v1/resolve/no"),
        ]
        for (method, target) in table {
            let answer = try daemon.ask(method, target)
            #expect(answer.status == 404, "\(method) \(target)")
            #expect(answer.code == "unknown_service", "\(method) \(target)")
            #expect(answer.message.contains("no"), "\(method) \(target)")
        }
        for target in ["/v1", "/v1/", "/v2/services", "/v1/services/a/b", "/v1/services/", "/x"] {
            #expect(try daemon.ask("GET", target).status == 404, "\(target)")
        }
        #expect(try daemon.ask("GET", "/health").json["status"] == .string("ok"))
    }

    @Test func registrationsOutliveTheDaemon() throws {
        for index in 0..<20 {
            let body = "{\"name\":\"d\(index)\",\"port\":\(7_000 + index),\"env\":{\"A\":\"b\"}}"
            #expect(try daemon.ask("POST", "/v1/services", body).status == 201)
        }
        #expect(try daemon.ask("DELETE", "/v1/services/d3").json["ok"] == .bool(true))
        daemon.kill()
        try daemon.restart()
        let list = try daemon.ask("GET", "/v1/services").json["services"].items
        #expect(list.count == 19)
        #expect(list.allSatisfy { $0["env"] == .array([.string("A")]) })
        #expect(try daemon.ask("GET", "/v1/resolve/d3").status == 404)
        #expect(daemon.stop() == 0)
    }

    @Test func servicesAreLimited() throws {
        let small = try DaemonProcess(configuration: "[limits]\nservices = 2\n")
        func add(_ name: String) throws -> WireAnswer {
            try small.ask("POST", "/v1/services", "{\"name\":\"\(name)\",\"port\":7000}")
        }
        #expect(try add("a").status == 201)
        #expect(try add("b").status == 201)
        let third = try add("c")
        #expect([503, 507, 400, 409].contains(third.status))
        #expect(try add("a").status == 201)
        #expect(try small.ask("DELETE", "/v1/services/b").status == 200)
        #expect(try add("c").status == 201)
    }
}
