// What stands between the HTTP server and the routes: the gate, the look-up of the route, and the
// words of everything that is refused before a handler runs.

import HTTPParser
package import NetCore

/// The daemon as the HTTP server sees it.
@ReactorActor
package final class Application: HTTPApplication {
    /// Headers of every answer: nothing here is cached, framed, or read by other origins.
    package nonisolated static let commonHeaders =
        "Server: gr/\(Version.text)\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        + "Cross-Origin-Resource-Policy: same-origin\r\n"
        + "Content-Security-Policy: frame-ancestors 'none'\r\nVary: Origin\r\n"

    private let gate: Gate
    private let owners: SocketOwners?
    private let uid: UInt32
    private let routes: RouteTable
    private let router: Router

    /// `owners` is nil when the peer check is switched off.
    package init(gate: Gate, routes: RouteTable, owners: SocketOwners?, uid: UInt32) {
        self.routes = routes
        router = routes.router
        self.gate = gate
        self.owners = owners
        self.uid = uid
    }

    package func mark(local: SocketAddress, peer: SocketAddress) -> UInt8 {
        guard let owners else { return Gate.Peer.ours }
        // inode 0: the socket is closed already, and the kernel says uid 0 for it.
        guard let owner = try? owners.peer(local: local, peer: peer), owner.inode != 0,
            owner.uid == uid || owner.uid == 0
        else { return Gate.Peer.foreign }
        return Gate.Peer.ours
    }

    package func mark(user: UInt32?) -> UInt8 {
        if user == uid || user == 0 { return Gate.Peer.door }
        return owners == nil ? Gate.Peer.ours : Gate.Peer.foreign
    }

    package func admit(_ exchange: Exchange) -> Bool {
        switch gate.check(exchange) {
        case .pass: break
        case .answer(let response):
            exchange.reply(response)
            return false
        case .refuse(let error): return refuse(exchange, error)
        }
        let outcome = exchange.match(router)
        switch outcome {
        case .found(let route):
            guard exchange.hasReadableQuery else {
                return refuse(
                    exchange,
                    .invalid(
                        "the query is no UTF-8, or has more than 64 items",
                        hint: "percent-encode UTF-8"))
            }
            exchange.route = route
            return true
        case .methodNotAllowed(let allowed): return refuseMethod(exchange, allowed)
        case .notFound: return refuseUnknown(exchange)
        }
    }

    package func handle(_ exchange: Exchange) {
        routes.handle(exchange.route, exchange)
    }

    package func dependsOnParameterAlone(_ route: Int) -> Bool { route == routes.resolveRoute }

    package func answer(toRoute route: Int, parameter: Span<UInt8>) -> PreparedAnswer? {
        routes.resolve.answer(toPlain: parameter)
    }

    package func answer(to refusal: HTTPRefusal) -> Response {
        let hint =
            switch refusal.status {
            case 408: "send the whole request without pauses"
            case 413: "send a smaller body"
            case 414, 431: "send a shorter path and fewer or shorter headers"
            case 500: "see the daemon's log"
            default: "send a valid HTTP/1.1 request (RFC 9112)"
            }
        return APIError(.forRefusal(refusal.status), refusal.explanation, hint: hint).response
    }

    // MARK: Refusals

    private func refuse(_ exchange: Exchange, _ error: APIError) -> Bool {
        let isOfRuns = exchange.pathBegins(with: "/api/")
        exchange.reply(isOfRuns ? error.detailed : error.response)
        return false
    }

    private func refuseMethod(_ exchange: Exchange, _ allowed: Set<HTTPMethod>) -> Bool {
        let allow = Application.allow(allowed)
        if exchange.method == .options {
            exchange.reply(
                Response(status: 204, contentType: "", headers: [("Allow", allow)], body: []))
            return false
        }
        guard exchange.method != .other else { return refuseUnknownMethod(exchange) }
        return refuse(
            exchange,
            APIError(
                .methodNotAllowed, "this path does not answer that method",
                hint: "it answers \(allow)", headers: ["Allow": allow]))
    }

    private func refuseUnknown(_ exchange: Exchange) -> Bool {
        if exchange.method == .options, exchange.target.form == .asterisk {
            let methods: Set<HTTPMethod> = [.get, .post, .delete]
            exchange.reply(
                Response(
                    status: 204, contentType: "",
                    headers: [("Allow", Application.allow(methods))], body: []))
            return false
        }
        guard exchange.method != .other, exchange.method != .connect else {
            return refuseUnknownMethod(exchange)
        }
        return refuse(
            exchange,
            APIError(
                .notFound, "there is nothing at this path",
                hint: "the routes are listed in docs/api.md and openapi.yaml"))
    }

    private func refuseUnknownMethod(_ exchange: Exchange) -> Bool {
        refuse(
            exchange,
            APIError(
                .notImplemented, "this method is not known here",
                hint: "use GET, HEAD, POST, DELETE or OPTIONS"))
    }

    private static func allow(_ methods: Set<HTTPMethod>) -> String {
        var words: [String] = []
        for (method, word) in [
            (HTTPMethod.get, "GET, HEAD"), (.post, "POST"), (.put, "PUT"), (.patch, "PATCH"),
            (.delete, "DELETE"),
        ] where methods.contains(method) {
            words.append(word)
        }
        return (words + ["OPTIONS"]).joined(separator: ", ")
    }
}
