// The gate in front of every route of the table: each attack that opened a daemon of this kind to
// web pages or to other users, sent to each route of a daemon with services, a terminal and
// somebody else's server to lose. Refused is not enough: nothing may have happened either.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct EveryRouteTests {
    private struct Attack {
        let name: String
        var hosts = ["localhost"]
        var fields: [String] = []
        var statuses: Set<Int> = [403]
        var code: String?
    }

    private static let attacks: [Attack] = {
        let names = [
            "attacker.example:11611", "localhost6", "0.0.0.0", "0.0.0.0:11611",
            "127.0.0.1.attacker.example", "localhost.attacker.example", "[::]", "[::2]:1",
        ]
        let hosts = names.map { Attack(name: $0, hosts: [$0], code: "forbidden_host") }
        let broken = [
            Attack(name: "two hosts", hosts: ["localhost", "localhost"], statuses: [400]),
            Attack(name: "no host", hosts: [], statuses: [400]),
            Attack(name: "empty host", hosts: [""], statuses: [400, 403]),
            Attack(name: "open bracket", hosts: ["[::1"], statuses: [400, 403]),
            Attack(
                name: "8 KiB", hosts: [String(repeating: "a", count: 8_192)],
                statuses: [400, 403, 431]),
            Attack(name: "beyond ASCII", hosts: ["löcalhost"], statuses: [400, 403]),
            Attack(name: "odd port", hosts: ["localhost:99999"], statuses: [400, 403]),
        ]
        let origins = [
            "null", "http://localhost:3000", "http://evil.example", "chrome-extension://other",
            "file://",
        ].map { Attack(name: $0, fields: ["Origin: \($0)"], code: "forbidden_origin") }
        let sites = [
            Attack(
                name: "image", fields: ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"],
                code: "forbidden_origin"),
            Attack(
                name: "another port", fields: ["Sec-Fetch-Site: same-site"],
                code: "forbidden_origin"),
            Attack(
                name: "web socket",
                fields: [
                    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Origin: http://evil.example",
                ], code: "forbidden_origin"),
        ]
        return hosts + broken + origins + sites
    }()

    @Test func `No attack of a web page reaches any route, and none leaves a trace`() throws {
        let world = try RouteWorld()
        try #require(world.requests.count > 40)
        for attack in Self.attacks {
            for request in world.requests {
                let text = request.bytes(hosts: attack.hosts, attack.fields)
                let head = try world.head(Array(text.utf8))
                let what = "\(attack.name): \(request.name)"
                #expect(attack.statuses.contains(head.status), "\(what): \(head.status)")
                if let code = attack.code, request.method != "HEAD" {
                    #expect(head.rest.contains("\"code\":\"\(code)\""), "\(what): \(head.rest)")
                }
                #expect(head.permissions.isEmpty, "\(what)")
                #expect(head.problems.isEmpty, "\(what)")
            }
            try world.isUntouched(attack.name)
        }
    }

    @Test func `What a page can send without asking changes nothing on any route`() throws {
        let world = try RouteWorld()
        let body = #"{"name":"intruder","port":null,"cmd":"touch /tmp/intruder"}"#
        for var request in world.requests where !request.isRead {
            // A form, a script, a beacon: no preflight, and no Origin from an older browser.
            request.body = body
            for type in [
                "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "",
            ] {
                let head = try world.head(Array(request.bytes(type: type).utf8))
                #expect(head.status == 415, "\(request.name) as '\(type)': \(head.status)")
            }
            // Without a body a page needs no type.
            request.body = nil
            let form = [
                "Origin: http://evil.example", "Sec-Fetch-Site: cross-site",
                "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document",
            ]
            for fields in [form, Array(form.dropFirst())] {
                let head = try world.head(Array(request.bytes(fields).utf8))
                #expect(head.status == 403, "\(request.name) \(fields)")
            }
            // Same origin, but nothing that only a script of ours sets.
            let bare = ["Sec-Fetch-Site: same-origin"]
            #expect(try world.head(Array(request.bytes(bare).utf8)).status == 403)
        }
        try world.isUntouched("simple requests")
    }

    @Test func `No preflight of a foreign page is answered with a permission`() throws {
        let world = try RouteWorld()
        for target in Set(world.requests.map(\.target)) {
            let preflight = RouteRequest(method: "OPTIONS", target: target)
            let wanted = ["Access-Control-Request-Method: POST", "Sec-Fetch-Mode: cors"]
            for origin in ["http://evil.example", "null", "http://localhost:3000"] {
                let text = preflight.bytes(["Origin: \(origin)"] + wanted)
                let head = try world.head(Array(text.utf8))
                #expect(head.status == 403 && head.permissions.isEmpty, "\(target) \(origin)")
            }
            let text = preflight.bytes(["Origin: \(RouteWorld.listed)"] + wanted)
            let head = try world.head(Array(text.utf8))
            #expect(head.status == 204, "\(target)")
            #expect(head.values("Access-Control-Allow-Origin") == [RouteWorld.listed])
            #expect(head.problems.isEmpty, "\(target)")
        }
        try world.isUntouched("preflights")
    }

    @Test func `Every route needs the token that is configured`() throws {
        let token = "canary-0123456789abcdef"
        let world = try TokenWorld(token)
        let wrong = [
            [], ["Authorization: Bearer \(token.dropLast())"], ["Authorization: Bearer \(token)x"],
            ["Authorization: Basic \(token)"], ["Cookie: token=\(token)"],
        ]
        let requests = RouteCatalogue.requests(
            service: "nobody", port: world.port, registered: world.port)
        for request in requests {
            for fields in wrong {
                let head = try world.head(request, fields)
                #expect(head.status == 401, "\(request.name) \(fields): \(head.status)")
                #expect(head.values("WWW-Authenticate") == ["Bearer"], "\(request.name)")
                #expect(head.problems.isEmpty, "\(request.name)")
                #expect(!head.rest.contains("canary"))
            }
            // It is no way around the rules for pages.
            let right = "Authorization: Bearer \(token)"
            let page = try world.head(request, [right, "Origin: http://evil.example"])
            #expect(page.status == 403, "\(request.name)")
        }
    }

    @Test(.enabled(if: getuid() == 0)) func `No route serves another user`() throws {
        let world = try RouteWorld()
        // Each request on a connection of its own; the first line of each answer.
        let script = """
            use Socket; $SIG{PIPE} = 'IGNORE';
            for (@ARGV) {
                socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
                connect($s, sockaddr_in(\(world.fixture.daemon.port), inet_aton("127.0.0.1")))
                    or die;
                syswrite $s, pack("H*", $_);
                my $line = <$s>; print $line; close $s;
                # And one who has left before anybody looks.
                socket(my $t, PF_INET, SOCK_STREAM, 0) or die;
                connect($t, sockaddr_in(\(world.fixture.daemon.port), inet_aton("127.0.0.1")))
                    or die;
                syswrite $t, pack("H*", $_); close $t;
            }
            """
        let words = world.requests.map { Self.hexadecimal($0.bytes()) }
        let (code, text) = try DaemonProcess.run(
            "/usr/bin/setpriv",
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-e", script]
                + words)
        #expect(code == 0)
        let lines = text.split(separator: "\r\n")
        #expect(lines.count == world.requests.count)
        for (request, line) in zip(world.requests, lines) {
            let line = line.drop { $0 == "\n" }
            let status = request.isCluster ? 401 : 403
            #expect(line.hasPrefix("HTTP/1.1 \(status) "), "\(request.name): \(line)")
        }
        try world.isUntouched("another user")
    }

    private static func hexadecimal(_ text: String) -> String {
        let digits = Array("0123456789abcdef")
        return String(text.utf8.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    @Test func `Every answer of every route protects itself, streams and upgrades too`() throws {
        let world = try RouteWorld()
        let nobody = RouteCatalogue.requests(
            service: "nobody", group: "@nobody", port: ServiceFixture.freePort(),
            registered: ServiceFixture.freePort())
        let real = world.requests.filter { request in
            request.isRead || request.target.hasPrefix("/v1/services/busy/attach")
        }
        var seen: Set<Int> = []
        for request in nobody + real {
            let plain = try world.head(Array(request.bytes().utf8))
            #expect(plain.problems.isEmpty, "\(request.name): \(plain.problems)")
            #expect(plain.permissions.isEmpty, "\(request.name)")
            let fields = ["Origin: \(RouteWorld.listed)", "X-Gretl: 1"]
            let listed = try world.head(Array(request.bytes(fields).utf8))
            #expect(listed.problems.isEmpty, "\(request.name): \(listed.problems)")
            let wanted = ["Access-Control-Allow-Origin", "Access-Control-Expose-Headers"]
            #expect(listed.permissions == wanted, "\(request.name)")
            #expect(listed.values("Access-Control-Allow-Origin") == [RouteWorld.listed])
            seen.formUnion([plain.status, listed.status])
        }
        // It saw answers, streams, an upgrade and errors.
        #expect(seen.isSuperset(of: [101, 200, 201, 400, 404]), "\(seen)")
        for line in ["GET", "GET / HTTP/3.0", "GET /health HTTP/1.1\r\nHost: a\r\nHost: b"] {
            let head = try world.head(Array("\(line)\r\n\r\n".utf8))
            #expect(head.status >= 400 && head.problems.isEmpty, "\(line): \(head.problems)")
        }
    }

    @Test func `All the daemon and its monitors listen on is loopback`() throws {
        let fixture = try ServiceFixture()
        let port = ServiceFixture.freePort()
        try fixture.register(
            "held", port: port, command: "exec sleep 300",
            more: "\"listen\":true,\"ready\":\"http://localhost:\(port)/\"")
        _ = try fixture.start("held", "?timeout=0")
        #expect(eventually { Outsider.accepts("127.0.0.1", port) })
        let pids = ProcessTable.descendants(of: [fixture.daemon.pid]).union([fixture.daemon.pid])
        var found: [String] = []
        for pid in pids {
            let links = ProcessTable.folderNames("/proc/\(pid)/fd").compactMap {
                Self.link("/proc/\(pid)/fd/\($0)")
            }
            let inodes = Set(
                links.filter { $0.hasPrefix("socket:[") }.map { $0.dropFirst(8).dropLast() })
            for file in ["tcp", "tcp6"] {
                let text = TextFile.read("/proc/\(pid)/net/\(file)") ?? ""
                for line in text.split(separator: "\n").dropFirst() {
                    let words = line.split(separator: " ")
                    guard words.count > 9, words[3] == "0A", inodes.contains(words[9]) else {
                        continue
                    }
                    found.append(String(words[1].prefix { $0 != ":" }))
                }
            }
        }
        let loopback: Set = ["0100007F", "00000000000000000000000001000000"]
        #expect(found.count >= 2)
        #expect(loopback.isSuperset(of: found), "\(found)")
    }

    private static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        // The buffer lives for the call, which takes its true size.
        let count = unsafe readlink(path, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A daemon with a token.
struct TokenWorld {
    let daemon: DaemonProcess
    let port = ServiceFixture.freePort()

    init(_ token: String, listen: String = "127.0.0.1:0") throws {
        daemon = try DaemonProcess(
            configuration: "[auth]\ntoken = \"\(token)\"\n", listen: listen)
    }

    func head(_ request: RouteRequest, _ fields: [String]) throws -> WireHead {
        let client = try WireClient(daemon)
        client.send(request.bytes(fields))
        return try client.head()
    }
}
