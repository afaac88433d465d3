// What a page in a real browser can do to the daemon: nothing, unless its origin is listed, and
// whoever types the address sees what is there. The browser decides itself which headers it sends,
// so these tests also say whether those of GateTests are the right ones.

import TestSupport
import Testing

@Suite(
    .serialized, .enabled(if: Browser.isThere, "\(Browser.path) is not there: install chromium"))
struct BrowserTests {
    private static let token = "canary-0123456789abcdef"

    /// How many requests the daemon has seen.
    private func requests(_ daemon: DaemonProcess) throws -> Int {
        try daemon.ask("GET", "/v1/daemon/stats").json["http"]["requests"].integer ?? 0
    }

    /// Each request once, and none twice for two services when it names none.
    private func attacked(_ world: RouteWorld) -> [RouteRequest] {
        var known: Set<String> = []
        return world.requests.filter { known.insert($0.name).inserted }
    }

    /// What the pages could read of the daemon on `port`, in words.
    private func seen(_ reports: [JSONValue], _ port: UInt16) -> [String] {
        reports.flatMap { report in
            report["outcomes"].items.map { outcome in
                ["name", "method", "url", "seen"].map { outcome[$0].text ?? "?" }
                    .joined(separator: " ")
            }.filter { $0.contains(":\(port)/") }.map { "\(report["origin"].text ?? ""): \($0)" }
        }
    }

    /// One after the other in the same browser. In a sandbox a page has the origin `null`.
    @Test(arguments: [
        [("127.0.0.1", "/attack.html"), ("127.0.0.1", "/sandbox/attack.html")],
        [("localhost", "/attack.html"), ("attacker.example", "/attack.html")],
    ])
    func `No page of another origin reads or changes anything`(places: [(String, String)]) throws {
        let world = try RouteWorld()
        let daemon = world.fixture.daemon
        let server = try PageServer(AttackPage.files)
        let pages = places.map { "http://\($0.0):\(server.port)\($0.1)" }
        let origins = places.map { host, path in
            path.hasPrefix("/sandbox/") ? "null" : "http://\(host):\(server.port)"
        }
        let targets = ["127.0.0.1", "localhost", "attacker.example", "0.0.0.0"]
        server.write(
            AttackPage.plan(
                server, pages: pages, targets: targets.map { "http://\($0):\(daemon.port)" },
                requests: attacked(world)), to: "plan.js")
        let before = try requests(daemon)
        let browser = try Browser(pages[0])
        let reports = server.reports(pages.count)
        #expect(reports.map { $0["origin"].text } == origins)
        let leaks = seen(reports, daemon.port)
        #expect(leaks.isEmpty, "\(leaks.prefix(20))")
        // The same do reach a server that lets them, and are read from it: they are not blunt.
        _ = eventually { server.arrived.isSuperset(of: AttackPage.names) }
        #expect(AttackPage.names.subtracting(server.arrived).isEmpty)
        let open = seen(reports, server.openPort)
        for way in AttackPage.reading {
            let blunt = origins.filter { origin in
                !open.contains { $0.hasPrefix("\(origin): \(way) ") }
            }
            #expect(blunt.isEmpty, "\(way) reads nothing from \(blunt)")
        }
        let reached = try requests(daemon) - before
        #expect(reached > 100 * pages.count, "\(reached)")
        try world.isUntouched("pages")
        withExtendedLifetime(browser) {}
    }

    /// The name's server answers first; then it is gone, and the browser goes to the name's other
    /// address, which is the daemon's: the page has the origin of what it asks.
    @Test func `A page whose name is pointed to the daemon is refused by its name`() throws {
        var found: (RouteWorld, PageServer)?
        for attempt in 1...5 where found == nil {
            let world = try RouteWorld()
            // Somebody else may have the port of the other address.
            do {
                found = (world, try PageServer(AttackPage.files, six: world.fixture.daemon.port))
            } catch let error as PageServer.NotListening { if attempt == 5 { throw error } }
        }
        let (world, server) = try #require(found)
        let daemon = world.fixture.daemon
        let origin = "http://attacker.example:\(daemon.port)"
        let page = "\(origin)/rebound.html"
        server.write(
            AttackPage.plan(server, pages: [page], targets: [origin], requests: attacked(world)),
            to: "plan.js")
        let browser = try Browser(page, attacker: "localhost")
        let reports = server.reports(1)
        withExtendedLifetime(browser) {}
        #expect(reports.map { $0["origin"].text } == [origin])
        let seen = seen(reports, daemon.port)
        // Of a HEAD there is no code to see.
        let refused = seen.filter { $0.hasSuffix(" 403 forbidden_host") || $0.hasSuffix(" 403 ") }
        #expect(refused.count > 50, "\(refused.count)")
        #expect(seen == refused, "\(Set(seen).subtracting(refused))")
        try world.isUntouched("a page under another name")
    }

    @Test func `Who types the address sees the services, by no other name`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("typed", port: ServiceFixture.freePort())
        let port = fixture.daemon.port
        for host in ["127.0.0.1", "localhost"] {
            let text = try Browser.show("http://\(host):\(port)/v1/services")
            #expect(text.contains("\"name\":\"typed\""), "\(host): \(text)")
        }
        let foreign = try Browser.show("http://attacker.example:\(port)/v1/services")
        #expect(foreign.contains("forbidden_host") && !foreign.contains("typed"), "\(foreign)")
    }

    @Test func `A page of a listed origin can do what the documentation says`() throws {
        let server = try PageServer(ListedPage.files)
        let origin = "http://127.0.0.1:\(server.port)"
        let listed = "[cors]\norigins = [\"\(origin)\"]\n"
        let daemon = try DaemonProcess(configuration: listed)
        let guarded = try DaemonProcess(
            configuration: listed + "[auth]\ntoken = \"\(Self.token)\"\n")
        server.write(
            ListedPage.plan(daemon: daemon.port, guarded: guarded.port, token: Self.token),
            to: "plan.js")
        let browser = try Browser("\(origin)/listed.html")
        let report = server.reports(1).first ?? .missing
        withExtendedLifetime(browser) {}
        #expect(report["steps"] == .object(ListedPage.steps.mapValues { .string($0) }))
        #expect(report["events"].items.map { $0.text ?? "" } == ListedPage.events)
        #expect(try daemon.ask("GET", "/v1/services").json["services"].items.isEmpty)
    }
}
