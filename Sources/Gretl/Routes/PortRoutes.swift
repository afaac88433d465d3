// /v1/ports: who listens on this machine, and what can be done about it. Each handler decodes,
// makes one call into the domain and encodes.

package import NetCore

/// Handlers of the port routes.
@ReactorActor
package struct PortRoutes {
    let holders: PortHolders
    let registry: ServiceRegistry
    let ending: PortKill
    let adoption: PortAdoption
    let view: ServiceView
    let background: BackgroundThread

    package init(
        holders: PortHolders, registry: ServiceRegistry, supervisor: Supervisor,
        view: ServiceView, background: BackgroundThread, on reactor: Reactor
    ) {
        self.holders = holders
        self.registry = registry
        self.view = view
        self.background = background
        ending = PortKill(
            holders: holders, registry: registry, supervisor: supervisor,
            background: background, on: reactor)
        adoption = PortAdoption(
            holders: holders, registry: registry, supervisor: supervisor, background: background)
    }

    func list(_ exchange: Exchange) {
        exchange.reply {
            await APIError.catching { () async throws(APIError) in
                let all = try await holders.all()
                let ports = registry.ports
                var json = JSONText(capacity: 160 * (all.count + 1))
                json.beginObject()
                json.key("ports")
                json.beginArray()
                for holder in all { write(holder, ports, into: &json) }
                json.endArray()
                json.endObject()
                return Response(status: 200, body: json.bytes)
            }
        }
    }

    func get(_ exchange: Exchange) {
        answer(exchange) { port throws(APIError) in
            let found = try await holders.holders(of: port)
            guard !found.isEmpty else { throw .nobodyListens(port) }
            let ports = registry.ports
            var json = JSONText()
            json.beginObject()
            json.field("port", port)
            json.field("registered", ports[port] != nil)
            json.key("holders")
            json.beginArray()
            for holder in found { write(holder, ports, into: &json) }
            json.endArray()
            json.endObject()
            return Response(status: 200, body: json.bytes)
        }
    }

    func kill(_ exchange: Exchange) {
        let grace = exchange.query("grace")
        let pid = exchange.query("pid")
        answer(exchange) { port throws(APIError) in
            let wanted = try QueryNumber.pid(pid)
            let grace = try QueryNumber.milliseconds("grace", grace, default: 5_000)
            let outcome = try await ending.end(port, wanted: wanted, grace: grace)
            return PortRoutes.ended(outcome.holder, port, isForced: outcome.isForced)
        }
    }

    /// Apart from `kill`: Swift 6.3.1 cannot optimize the uses of `holder` in its closure.
    private static func ended(_ holder: PortHolder, _ port: Int, isForced: Bool) -> Response {
        var json = JSONText()
        json.beginObject()
        json.field("ok", true)
        json.field("port", port)
        json.field("pid", holder.pid)
        json.field("program", holder.program)
        json.field("service", holder.service)
        json.field("forced", isForced)
        json.endObject()
        return Response(status: 200, body: json.bytes)
    }

    func adopt(_ exchange: Exchange) {
        let body = exchange.body
        let pid = exchange.query("pid")
        answer(exchange) { port throws(APIError) in
            let wanted = try QueryNumber.pid(pid)
            let (service, warnings) = try await adoption.adopt(
                port, wanted: wanted, try await background.decode(body))
            var json = JSONText(capacity: 1_024)
            view.write(
                service, status: registry.status(of: service), warnings: warnings, into: &json)
            let place = "/v1/services/\(ServiceNames.encode(service.name))"
            return Response(status: 201, headers: [("Location", place)], body: json.bytes)
        }
    }

    // MARK: Shared

    /// One process that listens. `ports` are the services registered on each port.
    private func write(
        _ holder: PortHolder, _ ports: [Int: [Service]], into json: inout JSONText
    ) {
        let services = ports[holder.port] ?? []
        json.beginObject()
        json.field("port", holder.port)
        json.field("addresses", holder.addresses)
        json.field("pid", holder.pid)
        json.field("program", holder.program)
        json.field("uid", holder.uid)
        // A service without a command is whoever listens there.
        json.field("service", holder.service ?? services.first { $0.isExternal }?.name)
        json.field("registered", !services.isEmpty)
        json.field("isDocker", holder.isDocker)
        json.endObject()
    }

    /// The port the path names; nil when that is none.
    static func port(of exchange: Exchange) -> Int? {
        let text = exchange.parameter(0) ?? ""
        guard text.utf8.count <= 5, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(text), (1...65_535).contains(port)
        else { return nil }
        return port
    }

    /// Answers a request about the port its path names.
    private func answer(
        _ exchange: Exchange,
        _ operation: @escaping @Sendable @ReactorActor (Int) async throws(APIError) -> Response
    ) {
        guard let port = PortRoutes.port(of: exchange) else {
            return exchange.reply(APIError.noPort.response)
        }
        exchange.reply {
            await APIError.catching { () async throws(APIError) in try await operation(port) }
        }
    }
}

extension QueryNumber {
    /// The pid of `?pid=`.
    static func pid(_ text: String?) throws(APIError) -> Int32? {
        guard let text else { return nil }
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let pid = Int32(text), pid > 0
        else { throw .invalid("'pid' is not a process id", hint: "such as ?pid=12044") }
        return pid
    }
}

extension APIError {
    static var noPort: APIError {
        .invalid("the path does not name a port", hint: "a port is a number from 1 to 65535")
    }

    static func nobodyListens(_ port: Int) -> APIError {
        APIError(
            .notFound, "nobody listens on port \(port)",
            hint: "run 'gr ports', or ask GET /v1/ports, for the ports in use")
    }
}
