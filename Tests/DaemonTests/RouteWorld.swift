// What an attack has to leave as it is: a daemon with services, a terminal, a log and somebody
// else's server. Used by the tests that attack every route, with requests made by hand and by a
// browser. Looks at everything from outside.

import TestSupport
import Testing

/// A daemon with something to lose, and a way to see that nothing of it is lost.
final class RouteWorld {
    static let listed = "chrome-extension://abcdefghijklmnop"
    let fixture: ServiceFixture
    let outsider: Outsider
    let events: EventListener
    let requests: [RouteRequest]
    private let before: String

    init(configuration: String = "") throws {
        fixture = try ServiceFixture(
            configuration: "[cors]\norigins = [\"\(Self.listed)\"]\n" + configuration)
        let port = ServiceFixture.freePort()
        outsider = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let group = #""group":"@g","restart":"never""#
        let own = ServiceFixture.freePort()
        try fixture.register("idle", port: own, more: group)
        try fixture.register(
            "busy",
            command: "trap 'stty size' WINCH; echo up; while read line; do echo got $line; done",
            more: "\"tty\":true," + group)
        #expect(try fixture.start("busy").status == 200)
        let log = fixture.daemon.file("logs/busy.log")
        let isUp = eventually { TextFile.read(log)?.contains("up") == true }
        #expect(isUp)
        requests = ["idle", "busy"].flatMap {
            RouteCatalogue.requests(service: $0, port: port, registered: own)
        }
        // The stream tells of everything that happens to services from here on.
        events = try EventListener(fixture.daemon, "?stats=0")
        before = try Self.state(fixture)
    }

    private static func log(_ fixture: ServiceFixture) -> String? {
        TextFile.read(fixture.daemon.file("logs/busy.log"))
    }

    private static func state(_ fixture: ServiceFixture) throws -> String {
        let list = try fixture.daemon.ask("GET", "/v1/services").json["services"].items.map {
            "\($0["name"].text ?? "") \($0["status"].text ?? "") \($0["pid"].integer ?? 0)"
        }
        return list.joined(separator: "\n") + "\n" + (log(fixture) ?? "")
    }

    /// Sends one request; what came back, or how it ended.
    func head(_ bytes: [UInt8]) throws -> WireHead {
        let client = try WireClient(fixture.daemon)
        client.send(bytes)
        return try client.head()
    }

    /// Nothing has happened to anything.
    func isUntouched(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let after = try Self.state(fixture)
        #expect(after == before, "\(what)", sourceLocation: sourceLocation)
        #expect(outsider.isAlive, "\(what)", sourceLocation: sourceLocation)
        events.pump()
        #expect(events.events.isEmpty, "\(what)", sourceLocation: sourceLocation)
    }
}
