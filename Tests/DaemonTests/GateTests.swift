// The gate before every route: which Host, Origin and Sec-Fetch combinations of browsers are
// refused, which of everybody else are not, and what a refusal says. Every attack here is one that
// worked against a daemon of this kind.

import TestSupport
import Testing

@Suite struct GateTests {
    static let configuration = """
        hosts = ["box.example", "Dev.Local"]
        [cors]
        origins = ["chrome-extension://abcdefghijklmnop", "https://app.example"]
        """
    static let listed = "chrome-extension://abcdefghijklmnop"
    /// All of the table, a path that is none, and a bare OPTIONS.
    static let routes: [(String, String)] =
        RouteCatalogue.requests(service: "a", port: 7000, registered: 7000).map {
            ($0.method, $0.target)
        }
        + [("GET", "/nothing"), ("OPTIONS", "/health")]
    let daemon: DaemonProcess

    init() throws {
        daemon = try DaemonProcess(configuration: Self.configuration)
        _ = try daemon.ask(
            "POST", "/v1/services", #"{"name":"a","port":7000,"cmd":"exec sleep 300"}"#)
    }

    private func ask(
        _ method: String, _ target: String, _ fields: [String], host: String = "localhost"
    ) throws -> WireAnswer {
        let body = method == "POST" && target == "/v1/services" ? #"{"name":"b","port":7}"# : nil
        return try daemon.ask(method, target, body, fields, host: host)
    }

    @Test func aForeignHostIsRefusedOnEveryRoute() throws {
        for (method, target) in Self.routes {
            let answer = try ask(method, target, [], host: "evil.example:11611")
            #expect(answer.status == 403, "\(method) \(target)")
            guard method != "HEAD" else { continue }
            #expect(answer.code == "forbidden_host", "\(method) \(target)")
            #expect((answer.message + answer.hint).contains("hosts"), "\(method) \(target)")
        }
        let list = try daemon.ask("GET", "/v1/services").json["services"]
        #expect(list.items.count == 1)
        #expect(list[0]["status"] == .string("stopped"))
        for name in ["X-Forwarded-Host", "Forwarded", "X-Original-Host"] {
            let fields = ["\(name): localhost"]
            #expect(try ask("GET", "/health", fields, host: "evil.example").status == 403)
            let inverse = ["\(name): evil.example"]
            #expect(try ask("GET", "/health", inverse).status == 200)
        }
    }

    @Test func aForeignOriginIsRefusedOnEveryRoute() throws {
        let origins = [
            "null", "http://localhost:3000", "http://evil.example", "https://localhost",
            "chrome-extension://other", "chrome-extension://abcdefghijklmnopq", "file://",
            "https://app.example.evil.example", "https://app.example:444", "http://app.example",
            "moz-extension://abcdefghijklmnop", "tauri://localhost",
            "http://localhost.evil.example",
            "https://evil.app.example", "HTTPS://app.example/", "https://app.example/x",
        ]
        for origin in origins {
            for (method, target) in Self.routes {
                let answer = try ask(method, target, ["Origin: \(origin)"])
                #expect(answer.status == 403, "\(origin) \(method) \(target): \(answer.status)")
                #expect(answer.value("Access-Control-Allow-Origin") == nil, "\(origin)")
                guard method != "HEAD" else { continue }
                #expect(answer.code == "forbidden_origin", "\(origin) \(method) \(target)")
                #expect((answer.message + answer.hint).contains("cors.origins"), "\(origin)")
            }
        }
        let list = try daemon.ask("GET", "/v1/services").json["services"]
        #expect(list.items.count == 1)
        #expect(list[0]["status"] == .string("stopped"))
    }

    @Test func anOriginThatCannotBeReadIsRefused() throws {
        let odd = [
            "", "http://", "://", "http://[::1", "http://localhost:99999", "localhost", "*",
            "http://a b", "http://locálhost", String(repeating: "a", count: 9_000),
            "http://localhost, http://localhost", "http://user@localhost",
        ]
        for origin in odd {
            let answer = try ask("GET", "/health", ["Origin: \(origin)"])
            #expect([400, 403].contains(answer.status), "\(origin.prefix(60)): \(answer.status)")
        }
        let same = "http://localhost"
        let twice = try ask("GET", "/health", ["Origin: \(same)", "Origin: http://evil.example"])
        #expect([400, 403].contains(twice.status))
    }

    @Test func foreignTextInARefusalDoesNothingToADisplay() throws {
        let origin = "http://a\u{202E}b\u{9B}31m.example"
        let answer = try ask("GET", "/health", ["Origin: \(origin)"])
        #expect(answer.status == 403)
        #expect(answer.message.contains("http://ab31m.example"), "\(answer.text)")
    }

    @Test func aBrowserOnAnotherSiteIsRefusedWithoutOriginToo() throws {
        for site in ["cross-site", "same-site", "nonsense", "CROSS-SITE"] {
            for (mode, target) in [
                ("no-cors", "image"), ("cors", "empty"), ("websocket", "websocket"),
            ] {
                let fields = [
                    "Sec-Fetch-Site: \(site)", "Sec-Fetch-Mode: \(mode)",
                    "Sec-Fetch-Dest: \(target)",
                ]
                for (method, path) in Self.routes {
                    let answer = try ask(method, path, fields)
                    #expect(answer.status == 403, "\(site) \(mode) \(method) \(path)")
                    #expect(method == "HEAD" || answer.code == "forbidden_origin")
                }
            }
        }
        // A form that a foreign page submits into a new tab.
        let form = [
            "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document",
        ]
        #expect(try ask("POST", "/v1/services/a/start", form).status == 403)
        #expect(
            try ask("POST", "/v1/services/a/start", form + ["Origin: null"]).status == 403)
        let frame = [
            "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe",
        ]
        #expect(try ask("GET", "/v1/services", frame).status == 403)
        #expect(try daemon.ask("GET", "/v1/services/a").json["status"] == .string("stopped"))
    }

    @Test func theSocketUpgradeObeysTheGate() throws {
        let fields = [
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Origin: http://evil.example",
        ]
        for (method, target) in Self.routes {
            #expect(try ask(method, target, fields).status == 403, "\(method) \(target)")
        }
    }

    /// A form or a script without preflight cannot send JSON.
    @Test func simpleRequestsOfAPageChangeNothing() throws {
        let body = #"{"name":"evil","port":7,"cmd":"touch /tmp/evil"}"#
        for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
            let answer = try daemon.ask("POST", "/v1/services", body, ["Content-Type: \(type)"])
            #expect(answer.status == 415, "\(type)")
        }
        #expect(try daemon.ask("GET", "/v1/services").json["services"].items.count == 1)
        // Same origin, but with neither JSON nor the header a page needs a preflight for.
        let same = ["Origin: http://localhost:\(daemon.port)", "Sec-Fetch-Site: same-origin"]
        let host = "localhost:\(daemon.port)"
        let bare = try daemon.ask("POST", "/v1/services/a/stop", nil, same, host: host)
        #expect([403, 415].contains(bare.status), "\(bare.status)")
        let marked = try daemon.ask(
            "POST", "/v1/services/a/stop", nil, same + ["X-Gretl: 1"], host: host)
        #expect(marked.status == 200, "\(marked.text)")
    }

    @Test func whatIsNoAttackIsServed() throws {
        let hosts = [
            "localhost", "localhost:11611", "127.0.0.1:8080", "[::1]:9", "127.9.9.9:1",
            "localhost.", "LOCALHOST", "box.example", "BOX.example:99", "dev.local", "dev.local:1",
        ]
        for host in hosts {
            #expect(try daemon.ask("GET", "/v1/services", host: host).status == 200, "\(host)")
            let own = ["Origin: http://\(host.lowercased())"]
            #expect(
                try daemon.ask("GET", "/v1/services", nil, own, host: host).status == 200, "\(host)"
            )
        }
        let navigation = [
            ["Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"],
            ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"],
            ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"],
            ["Sec-Fetch-Site: none"],
        ]
        for fields in navigation {
            #expect(try ask("GET", "/v1/services", fields).status == 200, "\(fields)")
        }
        #expect(try ask("POST", "/v1/services/a/stop", []).status == 200)
        #expect(
            try ask("POST", "/v1/services/a/stop", ["User-Agent: curl/7.88.1", "Accept: */*"])
                .status == 200)
        for name in ["box.example.evil.example", "xbox.example", "box.exampl", "box.example."] {
            let answer = try daemon.ask("GET", "/health", host: name)
            #expect(answer.status == 403 || name.hasSuffix("."), "\(name)")
        }
    }

    @Test func aListedOriginGetsExactlyItsHeaders() throws {
        for origin in [Self.listed, "https://app.example"] {
            let preflight = try ask(
                "OPTIONS", "/v1/services",
                [
                    "Origin: \(origin)", "Access-Control-Request-Method: POST",
                    "Access-Control-Request-Headers: content-type,authorization,last-event-id",
                    "Access-Control-Request-Private-Network: true", "Sec-Fetch-Site: cross-site",
                    "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty",
                ])
            #expect(preflight.status / 100 == 2, "\(preflight.text)")
            #expect(preflight.value("Access-Control-Allow-Origin") == origin)
            let words = { (name: String, answer: WireAnswer) in
                Set((answer.value(name) ?? "").split(separator: ",").map(\.trimmed))
            }
            #expect(
                words("Access-Control-Allow-Methods", preflight)
                    == ["GET", "POST", "DELETE", "PUT", "PATCH"])
            #expect(
                Set(words("Access-Control-Allow-Headers", preflight).map { $0.lowercased() })
                    == ["content-type", "authorization", "last-event-id", "x-gretl"])
            #expect(preflight.value("Access-Control-Expose-Headers") == nil)
            #expect(preflight.value("Access-Control-Max-Age") == "600")
            #expect(preflight.value("Access-Control-Allow-Credentials") == nil)
            #expect(preflight.value("Access-Control-Allow-Private-Network") == nil)
            #expect(preflight.value("Vary")?.contains("Origin") == true)
            let fields = [
                "Origin: \(origin)", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors",
            ]
            let answer = try ask("GET", "/v1/services", fields)
            #expect(answer.status == 200)
            #expect(answer.values("Access-Control-Allow-Origin") == [origin])
            #expect(
                words("Access-Control-Expose-Headers", answer)
                    == ["Retry-After", "X-Gretl-Latest-Event", "X-Gretl-Oldest-Event"])
            #expect(answer.value("Access-Control-Allow-Credentials") == nil)
            let error = try ask("GET", "/v1/services/none", fields)
            #expect(error.status == 404)
            #expect(error.value("Access-Control-Allow-Origin") == origin)
            let made = try ask("POST", "/v1/services", fields)
            #expect(made.status == 201)
        }
        let plain = try ask("GET", "/v1/services", [])
        #expect(plain.fields.allSatisfy { !$0.name.lowercased().hasPrefix("access-control") })
        #expect(plain.value("Vary")?.contains("Origin") == true)
        let foreign = try ask(
            "OPTIONS", "/v1/services",
            ["Origin: http://evil.example", "Access-Control-Request-Method: POST"])
        #expect(foreign.fields.allSatisfy { !$0.name.lowercased().hasPrefix("access-control") })
    }

    @Test func onlyLoopbackListens() throws {
        #expect(throws: (any Error).self) { try DaemonProcess(listen: "0.0.0.0:0") }
        #expect(throws: (any Error).self) {
            try DaemonProcess(configuration: "bind = [\"0.0.0.0\"]")
        }
        let six = try DaemonProcess(listen: "[::1]:0")
        let client = try WireClient(port: six.port, host: "::1")
        client.send(get("/health", host: "[::1]:\(six.port)"))
        #expect(try client.answer().status == 200)
    }
}
