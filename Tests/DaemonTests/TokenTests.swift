// auth.token and the check of who is at the other end of a connection.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct TokenTests {
    static let token = "canary-0123456789abcdef"
    static let configuration = """
        [auth]
        token = "\(token)"
        """

    @Test func everyRouteNeedsTheToken() throws {
        let daemon = try DaemonProcess(configuration: Self.configuration)
        let token = Self.token
        let wrong: [(String, [String])] = [
            ("missing", []), ("empty", ["Authorization:"]),
            ("scheme only", ["Authorization: Bearer"]),
            ("blank", ["Authorization: Bearer "]),
            ("prefix", ["Authorization: Bearer \(token.dropLast())"]),
            ("longer", ["Authorization: Bearer \(token)x"]),
            ("capitals", ["Authorization: Bearer \(token.uppercased())"]),
            ("other scheme", ["Authorization: Basic \(token)"]),
            ("no scheme", ["Authorization: \(token)"]),
            ("two blanks and junk", ["Authorization: Bearer \(token) x"]),
            ("NUL-like end", ["Authorization: Bearer \(token)%00"]),
            ("twice", ["Authorization: Bearer \(token)", "Authorization: Bearer x"]),
            ("in a cookie", ["Cookie: token=\(token)"]), ("other field", ["X-Token: \(token)"]),
        ]
        for (name, fields) in wrong {
            for (method, target) in GateTests.routes where method != "OPTIONS" {
                let body = method == "POST" ? "{}" : nil
                let answer = try daemon.ask(method, target, body, fields)
                #expect(answer.status == 401, "\(name): \(method) \(target): \(answer.status)")
                let challenge = answer.value("WWW-Authenticate") ?? ""
                #expect(challenge.hasPrefix("Bearer"), "\(name): \(method) \(target)")
                #expect(!answer.text.contains("canary"), "\(name)")
                #expect(method == "HEAD" || answer.code == "unauthorized", "\(name)")
            }
        }
        let missing = try daemon.ask("GET", "/v1/services")
        let other = try daemon.ask("GET", "/v1/services", nil, ["Authorization: Bearer no"])
        #expect(missing.body == other.body)
        let query = try daemon.ask("GET", "/v1/services?token=\(token)&access_token=\(token)")
        #expect(query.status == 401)
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let right = ["Authorization: \(scheme) \(token)"]
            #expect(try daemon.ask("GET", "/health", nil, right).status == 200, "\(scheme)")
        }
        let right = ["Authorization: Bearer \(token)"]
        let body = #"{"name":"a","port":7000}"#
        #expect(try daemon.ask("POST", "/v1/services", body, right).status == 201)
        #expect(try daemon.ask("GET", "/v1/services", nil, right).status == 200)
        #expect(try daemon.ask("GET", "/v1/resolve/a", nil, right).status == 200)
        #expect(try daemon.ask("POST", "/v1/services/a/stop", nil, right).status == 200)
        #expect(try daemon.ask("DELETE", "/v1/services/a", nil, right).status == 200)
        // A token does not open the gate to a page.
        let page = right + ["Origin: http://evil.example"]
        #expect(try daemon.ask("GET", "/health", nil, page).status == 403)
        #expect(try daemon.ask("GET", "/health", nil, right, host: "evil.example").status == 403)
    }

    @Test func aPreflightNeedsNoToken() throws {
        let daemon = try DaemonProcess(
            configuration: Self.configuration + "\n[cors]\norigins = [\"https://app.example\"]\n")
        let answer = try daemon.ask(
            "OPTIONS", "/v1/services", nil,
            ["Origin: https://app.example", "Access-Control-Request-Method: GET"])
        #expect(answer.status / 100 == 2)
        #expect(answer.value("Access-Control-Allow-Origin") == "https://app.example")
        let get = try daemon.ask("GET", "/v1/services", nil, ["Origin: https://app.example"])
        #expect(get.status == 401)
        // The page has to be able to read why.
        #expect(get.value("Access-Control-Allow-Origin") == "https://app.example")
    }

    /// Sends a GET as another user; needs root, as the tests of a build machine have.
    private func askAsNobody(
        _ daemon: DaemonProcess, _ fields: String, halfClose: Bool = false
    )
        throws -> String
    {
        let script = """
            use Socket;
            socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
            connect($s, sockaddr_in(\(daemon.port), inet_aton("127.0.0.1"))) or die;
            select($s); $| = 1;
            print $s "GET /v1/services HTTP/1.1\\r\\nHost: localhost\\r\\n\(fields)"
                . "Connection: close\\r\\n\\r\\n";
            shutdown($s, 1) if \(halfClose ? 1 : 0);
            alarm 10;
            print STDOUT $_ while <$s>;
            """
        let (_, text) = try DaemonProcess.run(
            "/usr/bin/setpriv",
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-e", script])
        return text
    }

    @Test(.enabled(if: getuid() == 0)) func anotherUserIsRefused() throws {
        let daemon = try DaemonProcess()
        for half in [false, true] {
            let text = try askAsNobody(daemon, "", halfClose: half)
            #expect(text.hasPrefix("HTTP/1.1 403 "), "\(text)")
            #expect(text.contains("\"forbidden_user\""), "\(text)")
            #expect(text.contains("peer_check") || text.contains("auth.token"), "\(text)")
            #expect(!text.contains("\"services\""))
        }
        // Ourselves, half closed, are served.
        let client = try WireClient(daemon)
        client.send(get("/v1/services"))
        client.endSending()
        #expect(try client.answer().status == 200)
        let open = try DaemonProcess(configuration: "peer_check = false\n")
        #expect(try askAsNobody(open, "").hasPrefix("HTTP/1.1 200 "))
    }

    @Test(.enabled(if: getuid() == 0)) func aValidTokenLetsAnotherUserIn() throws {
        let daemon = try DaemonProcess(configuration: Self.configuration)
        let right = "Authorization: Bearer \(Self.token)\\r\\n"
        #expect(try askAsNobody(daemon, right).hasPrefix("HTTP/1.1 200 "))
        let wrong = try askAsNobody(daemon, "Authorization: Bearer nonsense\\r\\n")
        #expect(wrong.hasPrefix("HTTP/1.1 40"))
        #expect(!wrong.contains("\"services\""))
    }

    /// Who is gone when the daemon looks must not count as root.
    @Test(.enabled(if: getuid() == 0)) func aRequestOfOneWhoLeftDoesNothing() throws {
        let daemon = try DaemonProcess()
        let body = #"{\"name\":\"ghost\",\"port\":7}"#
        let script = """
            use Socket;
            for (1..200) {
              socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
              connect($s, sockaddr_in(\(daemon.port), inet_aton("127.0.0.1"))) or die;
              syswrite $s, "POST /v1/services HTTP/1.1\\r\\nHost: localhost\\r\\n"
                . "Content-Type: application/json\\r\\nContent-Length: 25\\r\\n\\r\\n\(body)";
              close $s;
            }
            """
        daemon.signal(SIGSTOP)
        let (code, _) = try DaemonProcess.run(
            "/usr/bin/setpriv",
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-e", script])
        daemon.signal(SIGCONT)
        #expect(code == 0)
        usleep(200_000)
        #expect(try daemon.ask("GET", "/v1/services").json["services"].items.isEmpty)
    }

    @Test func aBadConfigurationRefusesToStart() throws {
        let table: [(String, [String])] = [
            ("prot = 1\n", ["config.toml:1", "prot", "port"]),
            ("port = 1\n[auth]\ntokn = \"x\"\n", ["config.toml:3", "tokn"]),
            ("[limits]\nbody_bytes = \"x\"\n", ["config.toml:2", "body_bytes"]),
            ("[limits]\nconnections = 1\n", ["config.toml:2", "connections"]),
            ("hosts = \"a\"\n", ["config.toml:1", "hosts"]),
            ("[cors]\norigins = [\"*\"]\n", ["config.toml:2", "cors.origins"]),
            ("[cors]\norigins = [\"null\"]\n", ["config.toml:2", "cors.origins"]),
            ("[auth]\ntoken = \"canary\"\n", ["config.toml:2", "auth.token"]),
            ("port = \n", ["config.toml:1"]), ("[auth\n", ["config.toml:1"]),
        ]
        for (text, words) in table {
            do {
                _ = try DaemonProcess(configuration: text)
                Issue.record("it started with \(text)")
            } catch DaemonProcessError.notListening(let code, let said) {
                #expect(code != nil && code != 0, "\(text)")
                for word in words { #expect(said.contains(word), "\(text): \(said)") }
                #expect(!said.contains("canary"), "\(said)")
            }
        }
        for mode: UInt32 in [0o660, 0o602, 0o666, 0o620] {
            do {
                _ = try DaemonProcess(configuration: "port = 0\n", configurationMode: mode)
                Issue.record("it started with mode \(mode)")
            } catch DaemonProcessError.notListening(let code, let said) {
                #expect(code != nil && code != 0)
                #expect(said.contains("chmod"), "\(said)")
            }
        }
    }

    @Test func limitsOfTheConfigurationHold() throws {
        let daemon = try DaemonProcess(
            configuration: "[limits]\nbody_bytes = 1024\nconnections = 8\n")
        let body = #"{"name":"a","port":7000}"# + String(repeating: " ", count: 1_100)
        let answer = try daemon.ask("POST", "/v1/services", body)
        #expect(answer.status == 413)
        #expect(answer.message.contains("1024"), "\(answer.message)")
        let clients = try (0..<8).map { _ in try WireClient(daemon) }
        for client in clients { client.send(get("/health")) }
        #expect(try clients.allSatisfy { try $0.answer().status == 200 })
        let ninth = try WireClient(daemon)
        ninth.send(get("/health"))
        if let over = try? ninth.answer(within: 300) {
            #expect(over.status == 503)
        }
        for client in clients { client.close() }
        #expect(
            eventually { (try? daemon.ask("GET", "/health"))?.status == 200 })
    }
}
