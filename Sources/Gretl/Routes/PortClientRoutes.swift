// /ports: the routes of the Python client `gretl` of PyPI, which knows services by their port. Thin
// over the registry and the supervisor, like /v1, and nothing else of the program knows of them.
// The client waits 5 s for an answer and reads each as JSON, so an operation that takes longer is
// answered with how things stand, and goes on.

package import NetCore

/// Handlers of the routes of the Python client.
@ReactorActor
package struct PortClientRoutes {
    let reactor: Reactor
    let registry: ServiceRegistry
    let supervisor: Supervisor
    let groups: Groups
    let holders: PortHolders
    let output: ServiceOutput
    let background: BackgroundThread

    /// When an operation is answered at the latest.
    private static let patience = Duration.seconds(4)
    private static let grace = Duration.seconds(5)
    /// As in ServiceRoutes.
    private static let servicesPerTurn = 128

    // MARK: Asking

    func list(_ exchange: Exchange) {
        exchange.reply {
            // The client takes what it removed for gone, ended or not.
            let all = registry.all.filter { $0.spec.port != nil && $0.removal == .none }
            let details = await holders(of: all)
            var json = JSONText(capacity: 160 * (all.count + 1))
            json.beginArray()
            for (index, service) in all.enumerated() {
                if index > 0, index % PortClientRoutes.servicesPerTurn == 0 { await othersTurn() }
                write(service, details, into: &json)
            }
            json.endArray()
            return Response(status: 200, body: json.bytes)
        }
    }

    func get(_ exchange: Exchange) {
        answer(exchange) { port throws(APIError) in
            let service = try find(port)
            return object(service, await holders(of: [service]))
        }
    }

    func logs(_ exchange: Exchange) {
        let lines = exchange.query("lines")
        answer(exchange) { port throws(APIError) in
            var query = LogQuery()
            if let lines { query.lines = try count(lines) }
            query.isText = true
            query.colors = false
            let service = try find(port)
            let files = LogFiles(supervisor.environment.logPath(of: service.reachable))
            let search = LogSearch(
                [LogSource(name: service.name, files: files)], query, isSingle: true)
            let text = try await output.work.run(search) { true }
            // A megabyte takes milliseconds.
            let body = try await output.work.step { PortClientRoutes.lines(text) }
            return Response(status: 200, body: body)
        }
    }

    private nonisolated static func lines(_ text: [UInt8]) -> [UInt8] {
        var json = JSONText(capacity: text.count + 64)
        json.beginObject()
        json.key("lines")
        json.beginArray()
        for line in text.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
            json.string(decoding: line)
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    // MARK: Changing

    func add(_ exchange: Exchange) {
        let body = exchange.body
        exchange.reply {
            await APIError.catching { () async throws(APIError) in
                let (patch, port) = try patch(try await background.decode(body))
                let service = try await registry.register(patch) { old throws(APIError) in
                    try check(patch.name, old, isFreeFor: port)
                }
                return object(service, await holders(of: [service]), status: 201)
            }
        }
    }

    func start(_ exchange: Exchange) {
        answerSoon(exchange) { service throws(APIError) in
            do throws(APIError) {
                try await groups.start(service, timeout: .zero)
            } catch {
                guard error.code == .alreadyRunning else { throw error }
            }
            return object(service)
        }
    }

    func stop(_ exchange: Exchange) {
        answerSoon(exchange) { service throws(APIError) in
            try await groups.stop(service, grace: PortClientRoutes.grace)
            return object(service)
        }
    }

    func remove(_ exchange: Exchange) {
        answerSoon(exchange) { service throws(APIError) in
            try await registry.remove(service.name, grace: PortClientRoutes.grace)
            return object(service)
        }
    }

    // MARK: Requests

    /// What the client sends, as a registration. It names a port and means the service there.
    private func patch(
        _ sent: [String: JSONValue]
    ) throws(APIError) -> (patch: ServicePatch, port: Int) {
        // The client sends what it was given, and "" when that was nothing; others send null.
        var fields = sent.filter { $0.value != .string("") && $0.value != .null }
        guard case .integer(let number)? = fields["port"], (1...65_535).contains(number) else {
            throw .invalid(
                "the field 'port' is missing or no port", hint: "a port is a number from 1 to 65535"
            )
        }
        let port = Int(number)
        if fields["name"] == nil {
            fields["name"] = .string((try? find(port))?.name ?? "port-\(port)")
        }
        if case .string(let group) = fields["group"] {
            fields["group"] = .string(Groups.name(group))
        }
        return (try ServicePatch(fields), port)
    }

    /// For the client a service is its port: it can neither move nor get another name.
    private func check(
        _ name: String, _ old: Service?, isFreeFor port: Int
    ) throws(APIError) {
        if let service = old {
            guard service.spec.port != port else { return }
            let place = service.spec.port.map { "on port \($0)" } ?? "without a port"
            throw APIError(
                .nameTaken, "a service '\(name)' is registered \(place) already",
                hint: "remove it first, or choose another name")
        }
        guard let other = registry.claimant(of: port, besides: name) else { return }
        throw APIError(
            .portInUse, "port \(port) is registered under the name '\(other)' already",
            hint: "leave the name out to change that one, or remove it first")
    }

    /// The service registered on `port`; of several the one that is up.
    private func find(_ port: Int) throws(APIError) -> Service {
        let services = registry.services(on: port)
        guard let service = services.first(where: isActive) ?? services.first else {
            throw APIError(
                .unknownService, "no service is registered on port \(port)",
                hint: "GET /ports lists the registered ones")
        }
        return service
    }

    /// More than there can be is as many as there are.
    private func count(_ text: String) throws(APIError) -> Int {
        guard !text.isEmpty, text.utf8.count <= 9,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text)
        else { throw .invalid("'lines' is not a number", hint: "such as ?lines=50") }
        return min(count, LogLimits.answerLines)
    }

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

    /// Answers with what `operation` does, or without its end when that takes too long.
    private func answerSoon(
        _ exchange: Exchange,
        _ operation: @escaping @Sendable @ReactorActor (Service) async throws(APIError) -> Response
    ) {
        guard let port = PortRoutes.port(of: exchange) else {
            return exchange.reply(APIError.noPort.response)
        }
        let service: Service
        do throws(APIError) { service = try find(port) } catch {
            return exchange.reply(error.response)
        }
        let impatient = ImpatientAnswer(exchange.later(), within: Self.patience, on: reactor) {
            object(service)
        }
        spawn {
            impatient.reply(
                await APIError.catching { () async throws(APIError) in
                    try await operation(service)
                })
        }
    }

    // MARK: Answers

    private func object(
        _ service: Service, _ holders: [Int: PortHolder] = [:], status: Int = 200
    ) -> Response {
        var json = JSONText()
        write(service, holders, into: &json)
        return Response(status: status, body: json.bytes)
    }

    private func write(
        _ service: Service, _ holders: [Int: PortHolder], into json: inout JSONText
    ) {
        let holder = service.spec.port.flatMap { holders[$0] }
        json.beginObject()
        json.field("port", service.spec.port)
        json.field("name", service.name)
        json.field("active", isActive(service))
        json.field("pid", service.program?.pid ?? holder?.pid)
        json.field("process", holder?.program)
        json.field("has_command", service.spec.command != nil)
        // The client compares groups as they are, and its own are without the @.
        json.field("group", service.spec.group.map { String($0.dropFirst()) })
        json.field("is_docker", holder?.isDocker ?? false)
        json.key("links")
        json.beginArray()
        json.endArray()
        json.endObject()
    }

    /// Whether somebody is to be found on its port. One that is being stopped still is.
    private func isActive(_ service: Service) -> Bool {
        ["running", "armed", "stopping"].contains(registry.status(of: service))
    }

    /// Who is behind the services that others run. Nobody is looked for when there are none.
    private func holders(of services: [Service]) async -> [Int: PortHolder] {
        let ports = services.filter { $0.isExternal && isActive($0) }.compactMap(\.spec.port)
        guard !ports.isEmpty else { return [:] }
        do throws(APIError) {
            return Dictionary(
                try await holders.all().filter(PortHolders.isLoopback).map { ($0.port, $0) },
                uniquingKeysWith: { first, _ in first })
        } catch {
            // The list is as good without these details.
            return [:]
        }
    }
}

/// An answer that does not wait longer than its client.
@ReactorActor
private final class ImpatientAnswer: TimerHandler {
    private let later: Later
    private let reactor: Reactor
    private let standing: () -> Response
    private var timer = TimerHandle.none

    /// `standing` is asked when the time is over.
    init(
        _ later: Later, within time: Duration, on reactor: Reactor,
        standing: @escaping () -> Response
    ) {
        self.later = later
        self.reactor = reactor
        self.standing = standing
        timer = reactor.timers.schedule(at: reactor.now + time, self)
    }

    /// Only the first answer reaches the client.
    func reply(_ response: Response) {
        reactor.timers.cancel(timer)
        later.reply(response)
    }

    func timerFired(_ tag: UInt32) { later.reply(standing()) }
}
