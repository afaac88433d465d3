// The routes of tethers as bytes: what is asked, what is answered, and every refusal by its code.

import Glibc
import HTTPParser
import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

/// An application that has these routes only, without the gate in front.
@ReactorActor
private final class TetherApplication: HTTPApplication {
    private enum Route: Int { case create, list, get, activate, deactivate, remove }

    private let router = Router([
        (.post, "/k8s/workloads/{id}/tether", Route.create.rawValue),
        (.get, "/k8s/tethers", Route.list.rawValue),
        (.get, "/k8s/tethers/{id}", Route.get.rawValue),
        (.post, "/k8s/tethers/{id}/activate", Route.activate.rawValue),
        (.post, "/k8s/tethers/{id}/deactivate", Route.deactivate.rawValue),
        (.delete, "/k8s/tethers/{id}", Route.remove.rawValue),
    ])
    private let routes: TetherRoutes

    init(_ routes: TetherRoutes) { self.routes = routes }

    func admit(_ exchange: Exchange) -> Bool {
        guard case .found(let route) = exchange.match(router) else { return false }
        exchange.route = route
        return true
    }

    func handle(_ exchange: Exchange) {
        switch Route(rawValue: exchange.route) {
        case .create: routes.create(exchange)
        case .list: routes.list(exchange)
        case .get: routes.get(exchange)
        case .activate: routes.activate(exchange)
        case .deactivate: routes.deactivate(exchange)
        case .remove: routes.remove(exchange)
        case nil: break
        }
    }

    func answer(to refusal: HTTPRefusal) -> Response { Response(status: refusal.status, body: []) }
    func mark(local: SocketAddress, peer: SocketAddress) -> UInt8 { 0 }
    func mark(user: UInt32?) -> UInt8 { 0 }
}

/// A client of such a server, on the reactor of the process.
@ReactorActor
private final class RouteBench {
    let bench: TetherBench
    private let server: HTTPServer
    private let address: SocketAddress

    init(_ database: Database, _ thread: BackgroundThread) throws {
        bench = TetherBench(database)
        server = HTTPServer(
            on: ReactorThread.reactor,
            application: TetherApplication(
                TetherRoutes(tethers: bench.tethers, background: thread)),
            commonHeaders: "Server: test\r\n")
        address = try server.listen(try #require(SocketAddress("127.0.0.1", port: 0)))
    }

    /// Status and decoded body.
    func ask(_ line: String, _ body: String = "") async throws -> (status: Int, body: JSONValue) {
        let peer = try HTTPPeer(to: address)
        defer { peer.close() }
        peer.send(
            "\(line) HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        for _ in 0..<5_000 {
            peer.pump()
            if let answer = try peer.answers().first {
                return (answer.status, try JSONValue.any(answer.body))
            }
            await ReactorThread.reactor.pause(.milliseconds(2))
        }
        throw HTTPPeerError.notAnAnswer("none came")
    }

    func close() {
        bench.tethers.close()
        server.drain {}
    }
}

extension JSONValue {
    /// Any value, not only an object.
    fileprivate static func any(_ body: [UInt8]) throws -> JSONValue {
        let wrapped = Array("{\"value\":".utf8) + body + Array("}".utf8)
        return try #require(try JSONValue.object(wrapped)["value"])
    }
}

@Suite(.serialized) struct TetherRouteTests {
    @Test func aTetherGoesThroughItsLifeByRequests() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let routes = try RouteBench(try await fixture.open(), fixture.thread)
            let made = try await routes.ask(
                "POST /k8s/workloads/web/tether",
                "{\"container_port\": 8000, \"label\": \"HTTP API\", \"x\": 1}")
            #expect(made.status == 201)
            let id = try #require(made.body["tether_id"]?.text)
            let port = try #require(made.body["local_port"]?.whole)
            #expect(made.body["tunnel_url"]?.text == "http://127.0.0.1:\(port)")
            #expect(made.body["warnings"]?.elements.count == 1)
            for _ in 0..<2 {
                let opened = try await routes.ask("POST /k8s/tethers/\(id)/activate")
                #expect(opened.status == 200 && opened.body["local_port"]?.whole == port)
                #expect(opened.body["tether_id"]?.text == id)
                #expect(opened.body["tunnel_url"]?.text == "http://127.0.0.1:\(port)")
            }
            let list = try await routes.ask("GET /k8s/tethers")
            #expect(list.body.elements.count == 1)
            let shown = try await routes.ask("GET /k8s/tethers/\(id)")
            #expect(shown.body["workload_id"]?.text == "web")
            #expect(shown.body["container_port"]?.whole == 8_000)
            #expect(shown.body["label"]?.text == "HTTP API")
            #expect(shown.body["active"] == .bool(true))
            #expect(shown.body["connections"] == .array([]))
            let others = try await routes.ask("GET /k8s/tethers?workload_id=x")
            #expect(others.body.elements.isEmpty)
            let kept = try await routes.ask("DELETE /k8s/tethers/\(id)")
            #expect(kept.status == 409 && kept.body["code"]?.text == "tether_active")
            for _ in 0..<2 {
                let closed = try await routes.ask("POST /k8s/tethers/\(id)/deactivate")
                #expect(closed.status == 200 && closed.body == .object(["ok": .bool(true)]))
            }
            #expect(try await routes.ask("DELETE /k8s/tethers/\(id)?force=0").status == 200)
            #expect(try await routes.ask("GET /k8s/tethers").body == .array([]))
            routes.close()
        }
    }

    @Test func everyRefusalHasItsCode() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let routes = try RouteBench(try await fixture.open(), fixture.thread)
            for line in [
                "GET /k8s/tethers/x", "POST /k8s/tethers/x/activate",
                "POST /k8s/tethers/x/deactivate", "DELETE /k8s/tethers/x",
            ] {
                let answer = try await routes.ask(line)
                #expect(answer.status == 404 && answer.body["code"]?.text == "unknown_tether")
                #expect(answer.body["hint"]?.text?.isEmpty == false)
            }
            let nowhere = try await routes.ask(
                "POST /k8s/workloads/none/tether", "{\"container_port\": 80}")
            #expect(nowhere.status == 404 && nowhere.body["code"]?.text == "unknown_workload")
            let long = String(repeating: "x", count: 257)
            for body in [
                "", "[]", "{}", "{\"container_port\": 0}", "{\"container_port\": 65536}",
                "{\"container_port\": \"80\"}", "{\"container_port\": 1.5}",
                "{\"container_port\": 80, \"label\": 1}",
                "{\"container_port\": 80, \"label\": \"a\\u001bb\"}",
                "{\"container_port\": 80, \"label\": \"\(long)\"}",
            ] {
                let answer = try await routes.ask("POST /k8s/workloads/web/tether", body)
                #expect(answer.status == 400, "\(body)")
                #expect(answer.body["code"]?.text == "invalid_spec")
            }
            let made = try await routes.ask(
                "POST /k8s/workloads/web/tether", "{\"container_port\": 80}")
            let id = try #require(made.body["tether_id"]?.text)
            #expect(try await routes.ask("DELETE /k8s/tethers/\(id)?force=2").status == 400)
            routes.close()
        }
    }
}
