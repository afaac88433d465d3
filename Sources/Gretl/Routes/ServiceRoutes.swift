// /v1/services: list, get, register, start, stop, restart, unregister. Each handler decodes, makes
// one call into the domain and encodes.

package import NetCore

/// Handlers of the service routes.
@ReactorActor
package struct ServiceRoutes {
    let registry: ServiceRegistry
    let supervisor: Supervisor
    let groups: Groups
    let statistics: ProcessStatistics
    let view: ServiceView
    let background: BackgroundThread

    func list(_ exchange: Exchange) {
        let group = exchange.query("group").map(Groups.name)
        let status = exchange.query("status")
        if let status, !ServiceMachine.statuses.contains(status) {
            let error = APIError.invalid(
                "there is no status '\(status)'",
                hint: "it is one of \(ServiceMachine.statuses.joined(separator: ", "))")
            return exchange.reply(error.response)
        }
        exchange.reply {
            await statistics.refresh(registry.all)
            var json = JSONText(capacity: 512 * (registry.count + 1))
            json.beginObject()
            json.key("services")
            json.beginArray()
            for (index, service) in registry.all.enumerated() {
                // Ten thousand services would take 30 ms: others have their turn in between.
                if index > 0, index % ServiceRoutes.servicesPerTurn == 0 { await othersTurn() }
                let now = registry.status(of: service)
                guard group == nil || group == service.spec.group, status == nil || status == now
                else { continue }
                view.write(service, status: now, into: &json)
            }
            json.endArray()
            json.endObject()
            return Response(status: 200, body: json.bytes)
        }
    }

    /// About 3 us each.
    private static let servicesPerTurn = 128

    func get(_ exchange: Exchange) {
        answer(exchange) { name throws(APIError) in
            let service = try registry.get(name)
            await statistics.refresh([service])
            return object(service, status: 200)
        }
    }

    func register(_ exchange: Exchange) {
        let body = exchange.body
        let restart = exchange.query("restart")
        let plan = exchange.query("plan")
        exchange.reply {
            await APIError.catching { () async throws(APIError) in
                let applies = try QueryWord.flag("restart", restart)
                let isPlan = try QueryWord.flag("plan", plan)
                let patch = try ServicePatch(try await background.decode(body))
                if isPlan { return try await planned(patch) }
                // How often a stop had been asked for while it still ran.
                var stopsAsked: Int?
                let service = try await registry.register(patch) { old throws(APIError) in
                    guard applies, let old else { return }
                    try groups.checkApplicable(to: old)
                    if !old.machine.isIdle { stopsAsked = old.stopsAsked }
                }
                var warnings = patch.warnings + sharedPort(of: service)
                if applies, let stopsAsked, groups.wasStopped(service, since: stopsAsked) {
                    warnings.append(
                        "it was stopped meanwhile: the change counts from its next start")
                } else if applies {
                    try await groups.apply(toRunning: service)
                }
                if service.spec.port == nil, service.spec.command == nil {
                    warnings.append("it has neither 'port' nor 'cmd': there is nothing to run")
                }
                return object(service, status: 201, warnings: warnings)
            }
        }
    }

    /// What a registration would change; nothing is changed.
    private func planned(_ patch: ServicePatch) async throws(APIError) -> Response {
        let (old, spec) = try await registry.preview(patch)
        let changes = old.map { spec.changes(from: $0.spec) } ?? []
        let action = old == nil ? "create" : changes.isEmpty ? "keep" : "update"
        var json = JSONText()
        json.beginObject()
        json.field("name", spec.name)
        json.field("action", action)
        json.field("changes", changes)
        json.field("status", old.map { registry.status(of: $0) })
        json.field("pendingChange", old?.live.map { $0 != spec } ?? false)
        if !patch.warnings.isEmpty { json.field("warnings", patch.warnings) }
        json.endObject()
        return Response(status: 200, body: json.bytes)
    }

    func start(_ exchange: Exchange) {
        let timeout = exchange.query("timeout")
        let onTimeout = exchange.query("onTimeout")
        let deps = exchange.query("deps")
        let plan = exchange.query("plan")
        answer(exchange) { name throws(APIError) in
            let service = try registry.get(name)
            let milliseconds = try QueryNumber.milliseconds("timeout", timeout, default: 30_000)
            let stopsLate = try QueryWord.onTimeout(onTimeout)
            let withDependencies = try QueryWord.isOn("deps", deps, default: true)
            guard try !QueryWord.flag("plan", plan) else {
                return GroupRoutes.planned(
                    name, try await groups.plan(service, withDependencies: withDependencies))
            }
            try await groups.start(
                service, timeout: milliseconds, stopsLate: stopsLate,
                withDependencies: withDependencies)
            return started(service)
        }
    }

    func restart(_ exchange: Exchange) {
        let timeout = exchange.query("timeout")
        let grace = exchange.query("grace")
        let deps = exchange.query("deps")
        answer(exchange) { name throws(APIError) in
            let service = try registry.get(name)
            try await groups.restart(
                service,
                grace: try QueryNumber.milliseconds("grace", grace, default: 5_000),
                timeout: try QueryNumber.milliseconds("timeout", timeout, default: 30_000),
                withDependencies: try QueryWord.isOn("deps", deps, default: true))
            return started(service)
        }
    }

    private func started(_ service: Service) -> Response {
        var json = JSONText()
        json.beginObject()
        json.field("name", service.name)
        json.field("status", registry.status(of: service))
        json.field("pid", service.program?.pid)
        json.endObject()
        return Response(status: 200, body: json.bytes)
    }

    func stop(_ exchange: Exchange) {
        let grace = exchange.query("grace")
        answer(exchange) { name throws(APIError) in
            let service = try registry.get(name)
            let milliseconds = try QueryNumber.milliseconds("grace", grace, default: 5_000)
            try await groups.stop(service, grace: milliseconds)
            let exit = service.machine.lastExit
            var json = JSONText()
            json.beginObject()
            json.field("name", service.name)
            json.field("status", registry.status(of: service))
            json.field("exitCode", exit?.exitCode)
            json.field("signal", exit?.signal.map(SignalName.text))
            json.field("forced", exit?.forced ?? service.isForced)
            json.endObject()
            return Response(status: 200, body: json.bytes)
        }
    }

    func remove(_ exchange: Exchange) {
        let grace = exchange.query("grace")
        let purge = exchange.query("purge")
        answer(exchange) { name throws(APIError) in
            let milliseconds = try QueryNumber.milliseconds("grace", grace, default: 5_000)
            let isPurged = try await registry.remove(
                name, grace: milliseconds, purge: try QueryWord.flag("purge", purge))
            var warnings = registry.dependents(of: name).prefix(16).map { "'\($0)' depends on it" }
            if !isPurged { warnings.append("not all of its log files could be removed") }
            var json = JSONText()
            json.beginObject()
            json.field("ok", true)
            json.field("name", name)
            if !warnings.isEmpty { json.field("warnings", warnings) }
            json.endObject()
            return Response(status: 200, body: json.bytes)
        }
    }

    // MARK: Shared

    /// Two services may be registered on one port; only one of them can run.
    private func sharedPort(of service: Service) -> [String] {
        guard let port = service.spec.port, let other = registry.sharesPort(with: service) else {
            return []
        }
        return ["port \(port) is registered by '\(other)' too; only one of them can run"]
    }

    private func object(_ service: Service, status: Int, warnings: [String] = []) -> Response {
        var json = JSONText(capacity: 1_024)
        view.write(
            service, status: registry.status(of: service), warnings: warnings, into: &json)
        var headers: [(name: String, value: String)] = []
        if status == 201 {
            headers.append(("Location", "/v1/services/\(ServiceNames.encode(service.name))"))
        }
        return Response(status: status, headers: headers, body: json.bytes)
    }

    /// Answers a request about the service its path names.
    private func answer(
        _ exchange: Exchange,
        _ operation: @escaping @Sendable @ReactorActor (String) async throws(APIError) -> Response
    ) {
        guard let name = exchange.parameter(0) else {
            exchange.reply(
                APIError.invalid(
                    "the name in the path is not valid UTF-8", hint: "percent-encode it"
                ).response)
            return
        }
        exchange.reply {
            await APIError.catching { () async throws(APIError) in try await operation(name) }
        }
    }
}

extension BackgroundThread {
    /// Decodes a request's body; a large one on this thread, since it takes milliseconds.
    @ReactorActor
    func decode(_ body: [UInt8]) async throws(APIError) -> [String: JSONValue] {
        // Up to here it takes less than half a millisecond.
        guard body.count > 8 * 1_024 else { return try JSONValue.object(body) }
        let decoded: Result<[String: JSONValue], APIError>
        do throws(Refusal) {
            decoded = try await perform {
                Result { () throws(APIError) in try JSONValue.object(body) }
            }
        } catch { throw .daemonBusy("too much work is waiting") }
        return try decoded.get()
    }
}

extension APIError {
    /// The answer of an operation, or of what it threw.
    @ReactorActor
    static func catching(
        _ operation: @ReactorActor () async throws(APIError) -> Response
    ) async -> Response {
        do throws(APIError) { return try await operation() } catch { return error.response }
    }
}

/// Words in queries.
package enum QueryWord {
    /// `1` or `0`.
    static func flag(_ name: String, _ text: String?) throws(APIError) -> Bool {
        switch text {
        case nil, "0": false
        case "1": true
        default: throw .invalid("'\(name)' is neither 0 nor 1", hint: "such as ?\(name)=1")
        }
    }

    /// What becomes of a program that is not ready in time; true: it is stopped.
    static func onTimeout(_ text: String?) throws(APIError) -> Bool {
        switch text {
        case nil, "leave": false
        case "stop": true
        default:
            throw .invalid("'onTimeout' is neither leave nor stop", hint: "leave is the default")
        }
    }
}

/// Numbers in queries.
package enum QueryNumber {
    /// A duration in milliseconds from 0 to 600000.
    static func milliseconds(
        _ name: String, _ text: String?, default standard: Int
    ) throws(APIError) -> Duration {
        guard let text else { return .milliseconds(standard) }
        guard !text.isEmpty, text.utf8.count <= 6,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let value = Int(text), value <= 600_000
        else {
            throw .invalid(
                "'\(name)' is not a number of milliseconds from 0 to 600000",
                hint: "such as ?\(name)=\(standard)")
        }
        return .milliseconds(value)
    }
}
