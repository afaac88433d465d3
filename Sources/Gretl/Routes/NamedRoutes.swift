// POST /v1/start and /v1/stop: many services by name, as one operation. The handlers decode, make
// one call into the domain and encode; a part of GroupRoutes, whose answers they share.

import NetCore

extension GroupRoutes {
    func startMany(_ exchange: Exchange) {
        let body = exchange.body
        let timeout = exchange.query("timeout")
        let total = exchange.query("total")
        let parallel = exchange.query("parallel")
        let deps = exchange.query("deps")
        let wait = exchange.query("wait")
        let plan = exchange.query("plan")
        exchange.reply {
            await APIError.catching { () async throws(APIError) in
                var options = try GroupRoutes.options(
                    timeout: timeout, total: total, parallel: parallel)
                options.withDependencies = try QueryWord.isOn("deps", deps, default: true)
                options.waitsForOthers = try QueryWord.isOn("wait", wait, default: false)
                let isPlan = try QueryWord.flag("plan", plan)
                let fields = try await background.decode(body)
                options.serialGroups = try serial(fields["serial"])
                let services = try named(fields)
                var json = JSONText()
                json.beginObject()
                if isPlan {
                    let plan = try await groups.plan(
                        services, withDependencies: options.withDependencies)
                    plan.write(into: &json)
                } else {
                    GroupResult.write(try await groups.start(services, options), into: &json)
                }
                json.endObject()
                return Response(status: 200, body: json.bytes)
            }
        }
    }

    func stopMany(_ exchange: Exchange) {
        let body = exchange.body
        let grace = exchange.query("grace")
        exchange.reply {
            await APIError.catching { () async throws(APIError) in
                let grace = try QueryNumber.milliseconds("grace", grace, default: 5_000)
                let services = try named(try await background.decode(body))
                let (results, warnings) = try await groups.stop(services, grace: grace)
                var json = JSONText()
                json.beginObject()
                GroupResult.write(results, into: &json)
                if !warnings.isEmpty { json.field("warnings", warnings) }
                json.endObject()
                return Response(status: 200, body: json.bytes)
            }
        }
    }

    /// The groups whose services are to be started one by one.
    private func serial(_ value: JSONValue?) throws(APIError) -> Set<String> {
        guard let value else { return [] }
        let most = Project.groupsMost
        guard case .array(let items) = value, items.count <= most else {
            throw .invalid(
                "the field 'serial' is no array of at most \(most) groups",
                hint: "such as {\"names\": [\"web\"], \"serial\": [\"@data\"]}")
        }
        var groups: Set<String> = []
        for item in items {
            guard case .string(let name) = item else {
                throw ServicePatch.wrong("serial", item, "a group's name")
            }
            groups.insert(Groups.name(name))
        }
        return groups
    }

    /// The services a body names.
    private func named(_ fields: [String: JSONValue]) throws(APIError) -> [Service] {
        let most = DependencyOrder.servicesMost
        guard case .array(let items) = fields["names"], !items.isEmpty, items.count <= most else {
            throw .invalid(
                "the field 'names' is no array of 1 to \(most) names",
                hint: "such as {\"names\": [\"web\"]}")
        }
        var services: [Service] = []
        var seen: Set<ObjectIdentifier> = []
        for item in items {
            guard case .string(let name) = item else {
                throw ServicePatch.wrong("names", item, "a service's name")
            }
            let service = try registry.get(name)
            if seen.insert(ObjectIdentifier(service)).inserted { services.append(service) }
        }
        return services
    }
}
