// The proxy of one active tether: listens on 127.0.0.1 and ::1, lets in who may come, and keeps the
// connections and their figures. A connection that fails hurts no other. Made and closed by
// Tethers; it is the door into the cluster, so it listens on loopback only and asks whose process
// is at the other end (docs/threat-model.md).

package import NetCore

/// A local port that leads to pods.
@ReactorActor
package final class TetherProxy {
    let context: TetherContext
    let tether: Tether
    private var listeners: [Listener] = []
    private var connections: [UInt64: TetherConnection] = [:]
    private var nextID: UInt64 = 1
    private var activity = TimerHandle.none
    private var lastLook: Instant
    private var lastFailureTold = Instant(nanoseconds: .min)
    /// Connections that are still to be closed, once it closes.
    private var closing: [TetherConnection] = []
    private var closed: (() -> Void)?

    /// Listens on `port` of both loopback addresses, where this machine has IPv6 at all. Throws
    /// EADDRINUSE when one of them is taken.
    package init(
        _ tether: Tether, port: UInt16, _ context: TetherContext
    ) throws(SystemError) {
        self.tether = tether
        self.context = context
        lastLook = context.reactor.now
        for host in ["127.0.0.1", "::1"] {
            guard let address = SocketAddress(host, port: port) else { continue }
            do throws(SystemError) {
                try listen(address)
            } catch {
                if address.isIPv6, error.isAddressUnavailable { continue }
                stopListening()
                throw error
            }
        }
    }

    private func listen(_ address: SocketAddress) throws(SystemError) {
        let made = try Listener(address, on: context.reactor) { [unowned self] descriptor, peer in
            accepted(descriptor, at: address, from: peer)
        }
        listeners.append(made)
    }

    // MARK: Connections

    private func accepted(_ descriptor: Int32, at local: SocketAddress, from peer: SocketAddress) {
        tether.counts.total += 1
        guard let workload = admit(local, peer) else { return Descriptor.reset(descriptor) }
        let connection = TetherConnection(
            nextID, clientPort: peer.port, to: workload, of: self)
        nextID += 1
        connections[connection.id] = connection
        context.connections += 1
        if connections.count == 1 { watchActivity() }
        context.workloads.noteActivity(workload)
        connection.begin(descriptor)
    }

    /// The workload when the connection may come in; nil, and counted as failed, when it may not.
    private func admit(_ local: SocketAddress, _ peer: SocketAddress) -> Workload? {
        guard context.isOurs(local: local, peer: peer) else {
            failed("a process of another user tried to connect")
            return nil
        }
        guard connections.count < TetherLimits.connectionsPerTether,
            context.connections < context.settings.connections
        else {
            failed("too many connections are open")
            return nil
        }
        guard let workload = context.workloads.find(tether.record.workload) else {
            failed("its workload is not there any more")
            return nil
        }
        return workload
    }

    /// Connections that wait for the workload to wake, and then for its pod.
    var heldCount: Int { connections.values.count { $0.isHeldForWake } }

    func countWake() { tether.counts.wakes += 1 }

    /// A connection came to nothing, or broke.
    func failed(_ text: String) {
        let text = String(text.prefix(TetherLimits.errorBytes))
        tether.counts.failed += 1
        tether.counts.lastError = .init(text: text, at: context.wallMilliseconds)
        let now = context.reactor.now
        guard now >= lastFailureTold + .seconds(TetherLimits.failureEventSeconds) else { return }
        lastFailureTold = now
        context.delegate?.tether(tether, failed: text)
    }

    /// Called by each connection once, when nothing of it is left.
    func ended(_ connection: TetherConnection) {
        guard connections.removeValue(forKey: connection.id) != nil else { return }
        context.connections -= 1
        tether.counts.bytesFromClients &+= connection.link?.bytesFromClient ?? 0
        tether.counts.bytesFromPods &+= connection.link?.bytesFromPod ?? 0
        if let link = connection.link, link.lastMovement >= lastLook { noteActivity() }
        if connections.isEmpty { context.reactor.timers.cancel(activity) }
        finishClosing()
    }

    // MARK: Activity

    private func watchActivity() {
        lastLook = context.reactor.now
        scheduleLook()
    }

    private func scheduleLook() {
        activity = context.reactor.timers.schedule(
            at: context.reactor.now + .seconds(TetherLimits.activitySeconds), self)
    }

    /// Tells the workload when bytes were moved since the last look, which a day-long connection
    /// does without a new one; and ends what is half closed and silent.
    func lookAtActivity() {
        let now = context.reactor.now
        let patience = Duration.seconds(TetherLimits.halfClosedSeconds)
        var isUsed = false
        for connection in Array(connections.values) {
            guard let link = connection.link else { continue }
            if link.lastMovement >= lastLook { isUsed = true }
            if link.isHalfClosed, now - link.lastMovement > patience { connection.close() }
        }
        lastLook = now
        if isUsed { noteActivity() }
    }

    private func noteActivity() {
        guard let workload = context.workloads.find(tether.record.workload) else { return }
        context.workloads.noteActivity(workload)
    }

    // MARK: Figures

    /// What is open now, newest first, at most so many.
    func listed(_ most: Int) -> [TetherConnection] {
        Array(connections.values.sorted { $0.id > $1.id }.prefix(most))
    }

    package var connectionCount: Int { connections.count }
    /// Those of them that are not connected to a pod yet.
    package var waitingCount: Int { connections.values.count { $0.link == nil } }

    /// When bytes were last moved, or a connection opened; nil: none is open.
    var lastMovement: Instant? {
        connections.values.reduce(nil) { latest, connection in
            let moved = connection.link?.lastMovement ?? context.reactor.now
            return max(latest ?? moved, moved)
        }
    }

    /// Bytes from clients and from pods, of open connections too.
    package var bytes: (fromClients: UInt64, fromPods: UInt64) {
        var sum = (tether.counts.bytesFromClients, tether.counts.bytesFromPods)
        for connection in connections.values {
            guard let link = connection.link else { continue }
            sum.0 &+= link.bytesFromClient
            sum.1 &+= link.bytesFromPod
        }
        return sum
    }

    // MARK: The end

    /// Frees the port at once and resets every connection, some in each turn; `finished` is called
    /// when all are gone, perhaps from inside this call.
    package func close(_ finished: @escaping () -> Void) {
        stopListening()
        closed = finished
        closing = Array(connections.values)
        runDeferred()
        finishClosing()
    }

    private func stopListening() {
        for listener in listeners { listener.close() }
        listeners = []
    }

    private func finishClosing() {
        guard connections.isEmpty, let told = closed else { return }
        closed = nil
        told()
    }
}

extension TetherProxy: DeferredHandler {
    package func runDeferred() {
        var count = 0
        while let connection = closing.popLast() {
            connection.close()
            count += 1
            if count & 7 == 0, context.reactor.isTurnSpent { break }
        }
        if !closing.isEmpty { context.reactor.runNextTurn(self) }
    }
}

extension TetherProxy: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        lookAtActivity()
        if !connections.isEmpty { scheduleLook() }
    }
}
