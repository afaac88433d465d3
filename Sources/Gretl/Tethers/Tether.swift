// A local port that leads to a port of a workload: what is kept of it, what happened on it, and the
// proxy behind it while it is active. Changed by Tethers and by its proxy only.

package import NetCore

/// A tether as it is stored.
package struct StoredTether: Equatable, Sendable {
    package var id: String
    /// The id of the workload.
    package var workload: String
    package var containerPort: UInt16
    package var label: String?
    /// The port it has, or had last.
    package var localPort: UInt16
    package var isActive: Bool
    /// Milliseconds since 1970.
    package var createdAt: Int64

    package init(
        id: String, workload: String, containerPort: UInt16, label: String?, localPort: UInt16,
        isActive: Bool, createdAt: Int64
    ) {
        self.id = id
        self.workload = workload
        self.containerPort = containerPort
        self.label = label
        self.localPort = localPort
        self.isActive = isActive
        self.createdAt = createdAt
    }
}

/// What happened on a tether since the daemon started.
package struct TetherCounts: Equatable, Sendable {
    /// Connections that were accepted.
    package var total = 0
    /// Those of them that came to nothing, or broke on our side or the pod's.
    package var failed = 0
    /// Wakes that connections asked for.
    package var wakes = 0
    /// Bytes of connections that are over; those of open ones are added where they are shown.
    package var bytesFromClients: UInt64 = 0
    package var bytesFromPods: UInt64 = 0
    package var lastError: Failure?

    /// Why a connection failed, and when in milliseconds since 1970.
    package struct Failure: Equatable, Sendable {
        package var text: String
        package var at: Int64
    }

    package init() {}
}

/// A tether.
@ReactorActor
package final class Tether {
    package internal(set) var record: StoredTether
    package internal(set) var counts = TetherCounts()
    /// Listens while the tether is active.
    package internal(set) var proxy: TetherProxy?
    /// The port is taken from the pool.
    var hasPort = false
    /// It is gone from the list; what waits for it finds nothing.
    var isRemoved = false

    package init(_ record: StoredTether) { self.record = record }

    package nonisolated static func url(_ port: UInt16) -> String { "http://127.0.0.1:\(port)" }

    package var id: String { record.id }
    /// Where clients connect.
    package var url: String { Tether.url(record.localPort) }
    package var isActive: Bool { record.isActive }
}
