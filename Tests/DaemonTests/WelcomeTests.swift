// Who must not be refused: the matrix of honest callers times all routes. A gate that also keeps
// these out gets switched off. The names in the paths are nobody's, so that one world serves all:
// what counts is that each caller is told the same as a plain one.

import TestSupport
import Testing

@Suite struct WelcomeTests {
    private struct Caller {
        let name: String
        var host = "localhost"
        var fields: [String] = []
        /// Only asks.
        var isReader = false
    }

    private static let listed = "chrome-extension://abcdefghijklmnop"
    private static let configuration = """
        hosts = ["box.example"]
        [cors]
        origins = ["\(listed)"]
        """

    /// Where no other is set.
    private static let clusterToken = "Authorization: Bearer 0123456789"

    private func callers(_ port: UInt16) -> [Caller] {
        let cors = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"]
        let same = ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"]
        let page = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]
        return [
            Caller(name: "curl", fields: ["User-Agent: curl/7.88.1", "Accept: */*"]),
            Caller(name: "a forwarded port", host: "localhost:9999"),
            Caller(name: "a number", host: "127.0.0.1:\(port)"),
            Caller(name: "all of 127/8", host: "127.9.9.9"),
            Caller(name: "six", host: "[::1]:\(port)"),
            Caller(name: "capitals and a dot", host: "LOCALHOST"),
            Caller(name: "the root's dot", host: "localhost.:\(port)"),
            Caller(name: "a configured name", host: "box.example"),
            Caller(name: "the extension", fields: ["Origin: \(Self.listed)"] + cors),
            Caller(
                name: "our own page", host: "localhost:\(port)",
                fields: ["Origin: http://localhost:\(port)", "X-Gretl: 1"] + same),
            Caller(
                name: "our own page through a tunnel", host: "localhost:9999",
                fields: ["Origin: http://localhost:9999", "X-Gretl: 1"] + same),
            Caller(
                name: "our own page by number", host: "127.0.0.1:\(port)",
                fields: ["Origin: http://127.0.0.1:\(port)", "X-Gretl: 1"] + same),
            Caller(
                name: "a typed address", fields: ["Sec-Fetch-Site: none"] + page, isReader: true),
            Caller(
                name: "a followed link", fields: ["Sec-Fetch-Site: cross-site"] + page,
                isReader: true),
        ]
    }

    private func check(
        _ daemon: DaemonProcess, from host: String, _ token: [String] = []
    ) throws {
        let requests = RouteCatalogue.requests(
            service: "nobody", group: "@nobody", port: ServiceFixture.freePort(),
            registered: ServiceFixture.freePort())
        for request in requests {
            let token = request.isCluster && token.isEmpty ? [Self.clusterToken] : token
            func status(_ shown: String, _ fields: [String]) throws -> Int {
                let client = try WireClient(port: daemon.port, host: host)
                client.send(request.bytes(hosts: [shown], token + fields))
                return try client.head().status
            }
            let plain = try status("localhost", [])
            #expect(![401, 403, 415, 421].contains(plain), "\(request.name): \(plain)")
            for caller in callers(daemon.port) where request.isRead || !caller.isReader {
                let told = try status(caller.host, caller.fields)
                #expect(told == plain, "\(caller.name): \(request.name): \(told), not \(plain)")
            }
        }
    }

    @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
    func `No honest caller is refused on any route`(listen: String) throws {
        let daemon = try DaemonProcess(
            configuration: Self.configuration, environment: ["GR_TOKEN=0123456789"],
            listen: listen)
        try check(daemon, from: listen.hasPrefix("[") ? "::1" : "127.0.0.1")
    }

    @Test func `With a token, whoever has it is served on every route`() throws {
        let token = "canary-0123456789abcdef"
        let daemon = try DaemonProcess(
            configuration: Self.configuration + "\n[auth]\ntoken = \"\(token)\"\n")
        try check(daemon, from: "127.0.0.1", ["Authorization: Bearer \(token)"])
    }
}
