// /v1/groups: list, get, start, stop. Each handler decodes, makes one call into the domain and
// encodes.

package import NetCore

/// Handlers of the group routes.
@ReactorActor
package struct GroupRoutes {
    let groups: Groups
    let registry: ServiceRegistry
    let background: BackgroundThread

    func list(_ exchange: Exchange) {
        exchange.reply {
            var counts: [String: (services: Int, running: Int)] = [:]
            for (index, service) in registry.all.enumerated() {
                if index > 0, index % GroupRoutes.servicesPerTurn == 0 { await othersTurn() }
                guard let group = service.spec.group else { continue }
                counts[group, default: (0, 0)].services += 1
                if registry.status(of: service) == "running" {
                    counts[group, default: (0, 0)].running += 1
                }
            }
            var json = JSONText()
            json.beginObject()
            json.key("groups")
            json.beginArray()
            for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
                json.beginObject()
                json.field("name", name)
                json.field("services", count.services)
                json.field("running", count.running)
                json.endObject()
            }
            json.endArray()
            json.endObject()
            return Response(status: 200, body: json.bytes)
        }
    }

    /// Each is a microsecond, or a question to the kernel.
    private static let servicesPerTurn = 128

    func get(_ exchange: Exchange) {
        answer(exchange) { group throws(APIError) in
            let members = try groups.members(of: group)
            var json = JSONText(capacity: 128 * (members.count + 1))
            json.beginObject()
            json.field("name", group)
            json.field("services", members.count)
            json.field("running", members.filter { registry.status(of: $0) == "running" }.count)
            json.key("members")
            json.beginArray()
            for service in members {
                json.beginObject()
                json.field("name", service.name)
                json.field("port", service.reachable.port)
                json.field("status", registry.status(of: service))
                json.field("pid", service.program?.pid)
                json.field("dependsOn", service.spec.dependsOn)
                json.endObject()
            }
            json.endArray()
            json.endObject()
            return Response(status: 200, body: json.bytes)
        }
    }

    func start(_ exchange: Exchange) {
        let timeout = exchange.query("timeout")
        let total = exchange.query("total")
        let parallel = exchange.query("parallel")
        let plan = exchange.query("plan")
        answer(exchange) { group throws(APIError) in
            let options = try GroupRoutes.options(
                timeout: timeout, total: total, parallel: parallel)
            guard try !QueryWord.flag("plan", plan) else {
                return GroupRoutes.planned(group, try await groups.plan(group))
            }
            let results = try await groups.start(group, options)
            return done(group, results, warnings: [])
        }
    }

    func stop(_ exchange: Exchange) {
        let grace = exchange.query("grace")
        answer(exchange) { group throws(APIError) in
            let grace = try QueryNumber.milliseconds("grace", grace, default: 5_000)
            let (results, warnings) = try await groups.stop(group, grace: grace)
            return done(group, results, warnings: warnings)
        }
    }

    // MARK: Shared

    static func options(
        timeout: String?, total: String?, parallel: String?
    ) throws(APIError) -> Groups.StartOptions {
        var options = Groups.StartOptions()
        options.timeout = try QueryNumber.milliseconds("timeout", timeout, default: 30_000)
        if total != nil {
            options.total = try QueryNumber.milliseconds("total", total, default: 60_000)
        }
        options.isParallel = try QueryWord.isOn("parallel", parallel, default: true)
        return options
    }

    /// The answer to a start that is only planned.
    static func planned(_ name: String, _ plan: StartPlan) -> Response {
        var json = JSONText()
        json.beginObject()
        json.field("name", name)
        plan.write(into: &json)
        json.endObject()
        return Response(status: 200, body: json.bytes)
    }

    private func done(
        _ group: String, _ results: [GroupResult], warnings: [String]
    ) -> Response {
        var json = JSONText()
        json.beginObject()
        json.field("name", group)
        GroupResult.write(results, into: &json)
        if !warnings.isEmpty { json.field("warnings", warnings) }
        json.endObject()
        return Response(status: 200, body: json.bytes)
    }

    /// Answers a request about the group its path names, with or without `@`.
    private func answer(
        _ exchange: Exchange,
        _ operation: @escaping @Sendable @ReactorActor (String) async throws(APIError) -> Response
    ) {
        guard let text = exchange.parameter(0) else {
            exchange.reply(
                APIError.invalid(
                    "the name in the path is not valid UTF-8", hint: "percent-encode it"
                ).response)
            return
        }
        let group = Groups.name(text)
        exchange.reply {
            await APIError.catching { () async throws(APIError) in try await operation(group) }
        }
    }
}

extension QueryWord {
    /// `1`, `true`, `0` or `false`.
    static func isOn(
        _ name: String, _ text: String?, default standard: Bool
    ) throws(APIError) -> Bool {
        switch text {
        case nil: standard
        case "1", "true": true
        case "0", "false": false
        default: throw .invalid("'\(name)' is neither true nor false", hint: "such as ?\(name)=0")
        }
    }
}
