// What all tethers share: the loop, the mover of bytes, the way to pods and to workloads, and the
// bound on connections of all together. Made by Tethers, handed to every proxy.

package import NetCore

/// The workloads as tethers need them.
@ReactorActor
package protocol TetherWorkloads: AnyObject {
    func find(_ id: String) -> Workload?
    /// It has replicas, and nobody is about to take them away.
    func isAwake(_ workload: Workload) -> Bool
    /// Somebody uses it now.
    func noteActivity(_ workload: Workload)
    /// Stores it now: what comes to stand on it is on disk too, and must find it after a restart.
    func keep(_ workload: Workload) async throws(APIError)
    /// Brings its replicas back; harmless when it is awake. The number of replicas.
    func wake(_ id: String) async throws(APIError) -> Int
}

/// Who is told what happens on tethers.
@ReactorActor
package protocol TetherDelegate: AnyObject {
    /// A connection came to nothing, or broke. Told at most once in some seconds for each tether.
    func tether(_ tether: Tether, failed text: String)
}

/// What proxies and connections share.
@ReactorActor
package final class TetherContext {
    let reactor: Reactor
    let splicer: Splicer
    let dialer: any PodDialer
    let workloads: any TetherWorkloads
    let wakes: WakeLine
    /// Nil when everybody on this machine may connect.
    let owners: SocketOwners?
    let uid: UInt32
    let settings: TetherSettings
    /// Open connections of all tethers.
    var connections = 0
    weak var delegate: (any TetherDelegate)?

    package init(
        on reactor: Reactor, splicer: Splicer, dialer: any PodDialer,
        workloads: any TetherWorkloads, wakes: WakeLine, owners: SocketOwners?, uid: UInt32,
        settings: TetherSettings
    ) {
        TetherLimits.check()
        self.reactor = reactor
        self.splicer = splicer
        self.dialer = dialer
        self.workloads = workloads
        self.wakes = wakes
        self.owners = owners
        self.uid = uid
        self.settings = settings
    }

    /// Milliseconds since 1970.
    var wallMilliseconds: Int64 { reactor.wallNanoseconds() / 1_000_000 }

    /// Whether the other end of a connection we accepted belongs to our user, or to root. A socket
    /// without an inode is closed already, and the kernel says uid 0 for it.
    func isOurs(local: SocketAddress, peer: SocketAddress) -> Bool {
        guard let owners else { return true }
        guard let owner = try? owners.peer(local: local, peer: peer), owner.inode != 0 else {
            return false
        }
        return owner.uid == uid || owner.uid == 0
    }
}
