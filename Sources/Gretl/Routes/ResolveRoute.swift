// GET /v1/resolve/{name}: the hot path. One look-up by the bytes of the path, one copy of a
// finished answer; no allocation, no closure, no task. Names that need decoding and services that
// others run take the slow way, which gives the same answers.

import HTTPParser
package import NetCore

/// Handler of the resolve route.
@ReactorActor
package struct ResolveRoute {
    private let registry: ServiceRegistry
    private let table: ResolveTable
    private let reactor: Reactor

    package init(registry: ServiceRegistry, on reactor: Reactor) {
        self.registry = registry
        self.reactor = reactor
        table = registry.resolutions
    }

    func resolve(_ exchange: Exchange) {
        let range = exchange.parameters[0]
        let now = reactor.now
        let answer = exchange.withHead { bytes in
            table.find(
                bytes.extracting(range.lower..<min(range.end, bytes.count)), at: now)
        }
        if let answer { return exchange.reply(answer) }
        resolveSlowly(exchange)
    }

    /// The answer for a name as it stands in a path, when it is at hand and the name is one that a
    /// path holds undecoded.
    @inline(__always)
    func answer(toPlain name: Span<UInt8>) -> PreparedAnswer? {
        table.find(name, at: reactor.now, plainOnly: true)
    }

    private func resolveSlowly(_ exchange: Exchange) {
        guard let name = exchange.parameter(0) else {
            return exchange.reply(
                APIError.invalid(
                    "the name in the path is not valid UTF-8", hint: "percent-encode it"
                ).response)
        }
        guard let service = registry.find(name) ?? byPort(name) else {
            return exchange.reply(APIError.unknownService(name).response)
        }
        registry.render(service)
        exchange.reply(ServiceView.resolution(service, status: registry.status(of: service)))
    }

    /// `:7401` names the service on that port.
    private func byPort(_ text: String) -> Service? {
        guard text.hasPrefix(":"), let port = Int(text.dropFirst()) else { return nil }
        return registry.all.first { $0.reachable.port == port }
    }
}
