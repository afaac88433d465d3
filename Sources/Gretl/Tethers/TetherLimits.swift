// Every bound of tethers, in one place, with the relations between them asserted. Read by the files
// of this folder and by the table in docs/operations.md. What a user may move comes in through
// TetherSettings.

/// The bounds of tethers.
package enum TetherLimits {
    /// Tethers that are kept, active or not.
    package static let tethers = 4_096
    /// Bytes of a label.
    package static let labelBytes = 256
    /// Ports looked at for one that is free, in one call: each costs two questions to the kernel.
    package static let portsProbed = 128
    /// Open connections of one tether.
    package static let connectionsPerTether = 4_096
    /// Open connections of all tethers, where the descriptor limit allows them.
    package static let tetherConnections = 16_384
    /// Connections of one tether that wait for a workload to wake.
    package static let heldConnections = 64
    /// Ports that are tried in vain in one activation.
    package static let bindsTried = 16
    /// Pods of one workload that are kept.
    package static let podsMost = 1_000
    /// Pods that are tried for one connection.
    package static let podsTried = 3
    /// Seconds to connect to a pod directly; without an answer the API server is asked.
    package static let podDialSeconds = 3
    /// Seconds to connect to one address of an API server.
    package static let serverConnectSeconds = 5
    /// Seconds for which the pods of a workload are watched after they were last asked for.
    package static let podWatchSeconds = 60
    /// Bytes of a client that become one message to an API server, and that are read from it at
    /// once. As much is kept each way when somebody does not read.
    package static let forwardPieceBytes = 32 * 1_024
    /// Bytes moved each way for one forwarded connection before the next has its turn.
    package static let forwardBytesPerTurn = 256 * 1_024
    /// Microseconds of a turn in which forwarded bytes are moved, for all connections together.
    package static let forwardMicroseconds = 500
    /// Longest frame that is taken from an API server; those of today have 32 KiB.
    package static let forwardFrameBytes = 16_384 * 1_024
    /// Seconds between two words to an API server on a connection that is idle.
    package static let keepaliveSeconds = 15
    /// Seconds in which an API server must answer a ping.
    package static let pongSeconds = 30
    /// Seconds without a byte after which a forwarded connection whose client has ended its half,
    /// or whose pod has, is closed.
    package static let lingerSeconds = 30
    /// Bytes a client may send behind the pod's end; they are read and dropped.
    package static let lingerClientBytes = 256 * 1_024
    /// Seconds between two looks at who moved bytes.
    package static let activitySeconds = 10
    /// Seconds without a byte after which a connection whose one half has ended is closed.
    package static let halfClosedSeconds = 300
    /// Seconds in which at most one failure of a tether becomes an event.
    package static let failureEventSeconds = 5
    /// Bytes of an error that is kept or told.
    package static let errorBytes = 512
    /// Connections listed of one tether.
    package static let listedConnections = 256

    /// The relations the code relies on.
    package static func check() {
        precondition(heldConnections <= connectionsPerTether)
        precondition(connectionsPerTether <= tetherConnections)
        precondition(activitySeconds < halfClosedSeconds)
    }
}

/// What the owner of the daemon decides about tethers.
package struct TetherSettings: Equatable, Sendable {
    /// Where local ports are taken from.
    package var ports: ClosedRange<UInt16> = 21_000...21_999
    /// Whether a connection to a sleeping workload wakes it.
    package var wakesOnConnect = true
    /// How long a connection waits, for that and for a pod that is ready.
    package var wakeTimeout = Duration.seconds(120)
    /// Most open connections of all tethers.
    package var connections = TetherLimits.tetherConnections

    package init() {}
}
