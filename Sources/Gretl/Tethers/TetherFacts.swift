// What is told of a tether: in the API, and, shorter, in events.

import NetCore

/// A tether as events tell of it.
package struct TetherFacts: Equatable, Sendable {
    package var id: String
    package var workload: String
    package var label: String?
    package var containerPort: UInt16
    package var localPort: UInt16

    /// Writes its members into an open object.
    func write(into json: inout JSONText) {
        json.field("tether_id", id)
        json.field("workload_id", workload)
        json.field("label", label)
        json.field("container_port", containerPort)
        json.field("local_port", localPort)
        json.field("tunnel_url", Tether.url(localPort))
    }
}

extension Tether {
    var facts: TetherFacts {
        TetherFacts(
            id: id, workload: record.workload, label: record.label,
            containerPort: record.containerPort, localPort: record.localPort)
    }

    /// Writes what is known of it; with `connections`, each that is open, too.
    func write(_ workload: Workload?, connections: Bool, into json: inout JSONText) {
        json.beginObject()
        json.field("id", id)
        facts.write(into: &json)
        json.field("workload", workload?.name)
        json.field("namespace", workload?.namespace)
        json.field("cluster_id", workload?.cluster.id)
        json.field("active", isActive)
        json.field("created_at", Timestamp.utcText(milliseconds: record.createdAt))
        let bytes =
            proxy?.bytes ?? (fromClients: counts.bytesFromClients, fromPods: counts.bytesFromPods)
        json.field("open_connections", proxy?.connectionCount ?? 0)
        json.field("waiting_connections", proxy?.waitingCount ?? 0)
        json.field("total_connections", counts.total)
        json.field("failed_connections", counts.failed)
        json.field("wakes", counts.wakes)
        json.field("bytes_to_pods", bytes.fromClients)
        json.field("bytes_from_pods", bytes.fromPods)
        json.key("last_error")
        if let failure = counts.lastError {
            json.beginObject()
            json.field("message", failure.text)
            json.field("at", Timestamp.utcText(milliseconds: failure.at))
            json.endObject()
        } else {
            json.null()
        }
        if connections { write(proxy?.listed(TetherLimits.listedConnections) ?? [], into: &json) }
        json.endObject()
    }

    private func write(_ connections: [TetherConnection], into json: inout JSONText) {
        json.key("connections")
        json.beginArray()
        for connection in connections {
            json.beginObject()
            json.field("id", connection.id)
            json.field("state", connection.stage.rawValue)
            json.field("client_port", connection.clientPort)
            json.field("pod", connection.pod)
            json.field("since", Timestamp.utcText(milliseconds: connection.since))
            json.field("bytes_to_pod", connection.link?.bytesFromClient ?? 0)
            json.field("bytes_from_pod", connection.link?.bytesFromPod ?? 0)
            json.endObject()
        }
        json.endArray()
    }
}
