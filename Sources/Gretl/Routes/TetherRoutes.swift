// /k8s/workloads/{id}/tether and /k8s/tethers: local ports that lead to workloads. Each handler
// decodes, makes one call into the domain and encodes.

package import NetCore

/// Handlers of the tether routes.
@ReactorActor
package struct TetherRoutes {
    let tethers: Tethers
    let background: BackgroundThread

    package init(tethers: Tethers, background: BackgroundThread) {
        self.tethers = tethers
        self.background = background
    }

    func create(_ exchange: Exchange) {
        let body = exchange.body
        answer(exchange) { id throws(APIError) in
            let wanted = try TetherRequest(try await background.decode(body))
            let tether = try await tethers.create(
                try tethers.workload(id), containerPort: wanted.containerPort,
                label: wanted.label)
            return TetherRoutes.short(
                tether, status: 201, warnings: wanted.warnings,
                headers: [("Location", "/k8s/tethers/\(tether.id)")])
        }
    }

    func list(_ exchange: Exchange) {
        let workload = exchange.query("workload_id")
        exchange.reply {
            var json = JSONText(capacity: 512 * (tethers.all.count + 1))
            json.beginArray()
            for (index, tether) in tethers.all.enumerated() {
                if index > 0, index % TetherRoutes.tethersPerTurn == 0 { await othersTurn() }
                guard workload == nil || workload == tether.record.workload else { continue }
                tether.write(tethers.workload(of: tether), connections: false, into: &json)
            }
            json.endArray()
            return Response(status: 200, body: json.bytes)
        }
    }

    /// About 3 us each.
    private static let tethersPerTurn = 128

    func get(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            let tether = try tethers.get(id)
            var json = JSONText(capacity: 1_024)
            tether.write(tethers.workload(of: tether), connections: true, into: &json)
            return Response(status: 200, body: json.bytes)
        }
    }

    func activate(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            TetherRoutes.short(try await tethers.activate(id), status: 200)
        }
    }

    func deactivate(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            try await tethers.deactivate(id)
            return TetherRoutes.done
        }
    }

    func remove(_ exchange: Exchange) {
        let force = exchange.query("force")
        answer(exchange) { id throws(APIError) in
            try await tethers.remove(id, force: try QueryWord.flag("force", force))
            return TetherRoutes.done
        }
    }

    // MARK: Shared

    private static var done: Response { Response(status: 200, body: Array("{\"ok\":true}".utf8)) }

    private static func short(
        _ tether: Tether, status: Int, warnings: [String] = [],
        headers: [(name: String, value: String)] = []
    ) -> Response {
        var json = JSONText()
        json.beginObject()
        json.field("tether_id", tether.id)
        json.field("local_port", tether.record.localPort)
        json.field("tunnel_url", tether.url)
        if !warnings.isEmpty { json.field("warnings", warnings) }
        json.endObject()
        return Response(status: status, headers: headers, body: json.bytes)
    }

    /// Answers a request about what its path names.
    private func answer(
        _ exchange: Exchange,
        _ operation: @escaping @Sendable @ReactorActor (String) async throws(APIError) -> Response
    ) {
        guard let id = exchange.parameter(0) else {
            let error = APIError.invalid(
                "the id in the path is not valid UTF-8", hint: "percent-encode it")
            return exchange.reply(error.response)
        }
        exchange.reply {
            await APIError.catching { () async throws(APIError) in try await operation(id) }
        }
    }
}

/// The body of a request for a tether.
struct TetherRequest {
    let containerPort: UInt16
    let label: String?
    /// Fields that are not known here.
    let warnings: [String]

    init(_ fields: [String: JSONValue]) throws(APIError) {
        switch fields["container_port"] {
        case .integer(let port) where (1...65_535).contains(port):
            containerPort = UInt16(truncatingIfNeeded: port)
        case nil, .null:
            throw .invalid(
                "'container_port' is missing", hint: "the port the pod listens on, such as 8000")
        default:
            throw .invalid("'container_port' is no port", hint: "a number from 1 to 65535")
        }
        switch fields["label"] {
        case .string(let text):
            guard text.utf8.count <= TetherLimits.labelBytes, !text.actsOnDisplay else {
                throw .invalid(
                    "'label' is longer than \(TetherLimits.labelBytes) bytes, or has control "
                        + "characters",
                    hint: "such as \"HTTP API\"")
            }
            label = text
        case nil, .null: label = nil
        default: throw .invalid("'label' is no string", hint: "such as \"HTTP API\"")
        }
        let known: Set<String> = ["container_port", "label"]
        warnings = fields.keys.filter { !known.contains($0) }.sorted().prefix(16).map {
            "'\(ClusterFailure.clean($0, most: 64))' is not known and was ignored"
        }
    }
}
