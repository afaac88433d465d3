// /k8s/workloads and what a cluster's path says of them: list, get, sync, sleep, wake, auto-sleep.
// Each handler decodes, makes one call into the domain and encodes.

package import NetCore

/// Handlers of the workload routes.
@ReactorActor
package struct WorkloadRoutes {
    let clusters: Clusters
    let workloads: Workloads
    let background: BackgroundThread

    /// About 3 us each.
    private static let workloadsPerTurn = 128

    // MARK: Looking

    func list(_ exchange: Exchange) {
        let cluster = exchange.query("cluster_id")
        list(exchange, of: cluster)
    }

    /// For the public Python client, whose path names the cluster.
    func listOfCluster(_ exchange: Exchange) {
        do throws(APIError) {
            list(exchange, of: try clusters.get(exchange.parameter(0) ?? "").id)
        } catch { exchange.reply(error.response) }
    }

    private func list(_ exchange: Exchange, of cluster: String?) {
        let namespace = exchange.query("namespace")
        let kind = exchange.query("kind")
        let name = exchange.query("name")
        let asleep = exchange.query("asleep")
        exchange.reply {
            await APIError.catching { () async throws(APIError) in
                let wantsAsleep = try asleep.map { text throws(APIError) in
                    try QueryWord.flag("asleep", text)
                }
                if let kind, Workload.Kind(rawValue: kind) == nil {
                    throw .invalid(
                        "there is no kind '\(ClusterFailure.clean(kind, most: 64))'",
                        hint: "it is Deployment or StatefulSet")
                }
                var json = JSONText(capacity: 4_096)
                json.beginArray()
                for (index, workload) in workloads.all.enumerated() {
                    // Ten thousand would take 30 ms: others have their turn in between.
                    if index > 0, index % WorkloadRoutes.workloadsPerTurn == 0 {
                        await othersTurn()
                    }
                    guard cluster == nil || cluster == workload.cluster.id,
                        namespace == nil || namespace == workload.namespace,
                        kind == nil || kind == workload.kind.rawValue,
                        name == nil || name == workload.name,
                        wantsAsleep == nil || wantsAsleep == workload.isAsleep
                    else { continue }
                    workload.write(into: &json)
                }
                json.endArray()
                return Response(status: 200, body: json.bytes)
            }
        }
    }

    func get(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            let workload = try workloads.get(id)
            var json = JSONText()
            workload.write(into: &json)
            return Response(status: 200, body: json.bytes)
        }
    }

    // MARK: Acting

    func sync(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            let count = try await workloads.sync(try clusters.get(id))
            return WorkloadRoutes.number("synced", count)
        }
    }

    func sleep(_ exchange: Exchange) {
        let force = exchange.query("force")
        let body = exchange.body
        answer(exchange) { id throws(APIError) in
            var isForced = try QueryWord.flag("force", force)
            if !body.isEmpty {
                for (name, value) in try await background.decode(body) {
                    guard name == "force", case .bool(let flag) = value else {
                        throw .invalid(
                            "the body is not understood", hint: "send none, or {\"force\": true}")
                    }
                    isForced = flag
                }
            }
            let count = try await workloads.sleep(id, force: isForced)
            return WorkloadRoutes.number("replicas", count)
        }
    }

    func wake(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            WorkloadRoutes.number("replicas", try await workloads.wake(id))
        }
    }

    private static func number(_ name: StaticString, _ value: Int) -> Response {
        var json = JSONText()
        json.beginObject()
        json.field(name, value)
        json.endObject()
        return Response(status: 200, body: json.bytes)
    }

    // MARK: Auto-sleep

    func settings(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            WorkloadRoutes.object(try workloads.get(id).settings)
        }
    }

    func configure(_ exchange: Exchange) {
        let body = exchange.body
        answer(exchange) { id throws(APIError) in
            let change = try AutoSleep.Change(try await background.decode(body))
            return WorkloadRoutes.object(try await workloads.configure(id, change))
        }
    }

    private static func object(_ settings: AutoSleepSettings) -> Response {
        var json = JSONText()
        json.beginObject()
        json.field("auto_sleep_enabled", settings.isEnabled)
        json.field("idle_timeout_minutes", settings.idleMinutes)
        json.endObject()
        return Response(status: 200, body: json.bytes)
    }

    /// What the sweeper is going to do, and why it leaves the others alone; nothing is done.
    func plan(_ exchange: Exchange) {
        let cluster = exchange.query("cluster_id")
        exchange.reply {
            var json = JSONText(capacity: 4_096)
            json.beginArray()
            let enabled = workloads.all.filter {
                $0.settings.isEnabled && (cluster == nil || cluster == $0.cluster.id)
            }
            for (index, workload) in enabled.enumerated() {
                if index > 0, index % WorkloadRoutes.workloadsPerTurn == 0 { await othersTurn() }
                let plan = workloads.sweeper.plan(workload)
                json.beginObject()
                workload.facts.write(into: &json)
                json.field("idle_timeout_minutes", workload.settings.idleMinutes)
                json.field(
                    "sleeps_at", plan.dueAt.map { Timestamp.utcText(milliseconds: $0) })
                json.field("reason", plan.reason)
                json.endObject()
            }
            json.endArray()
            return Response(status: 200, body: json.bytes)
        }
    }

    /// Answers a request about what its path names.
    private func answer(
        _ exchange: Exchange,
        _ operation: @escaping @Sendable @ReactorActor (String) async throws(APIError) -> Response
    ) {
        let id = exchange.parameter(0) ?? ""
        exchange.reply {
            await APIError.catching { () async throws(APIError) in try await operation(id) }
        }
    }
}
