// One client of a tether, from accept to its end: held while the workload wakes and a pod is looked
// for, then one with the pod's connection. Until then no byte is read, so none can be lost, and a
// failure is a reset, since there is no other way to say no. Owned by its proxy.

import NetCore

/// A connection of a tether.
@ReactorActor
final class TetherConnection {
    enum Stage: String {
        /// The workload is being woken.
        case waking
        /// A pod is looked for and connected to.
        case dialling
        case open
        case over
    }

    let id: UInt64
    /// The client's port on this machine.
    let clientPort: UInt16
    /// Milliseconds since 1970.
    let since: Int64
    private let workload: Workload
    private let proxy: TetherProxy
    private(set) var stage = Stage.dialling
    private(set) var pod: String?
    private(set) var link: (any TetherLink)?
    private var held: HeldSocket?
    private var attempt: (any PodAttempt)?
    private var limit = TimerHandle.none
    private var hasWoken = false
    /// It waits for a wake, or for the pod that comes of it.
    var isHeldForWake: Bool { hasWoken && link == nil }

    private var context: TetherContext { proxy.context }

    init(_ id: UInt64, clientPort: UInt16, to workload: Workload, of proxy: TetherProxy) {
        self.id = id
        self.clientPort = clientPort
        self.workload = workload
        self.proxy = proxy
        since = proxy.context.wallMilliseconds
    }

    /// Owns `descriptor` from now on.
    func begin(_ descriptor: Int32) {
        do throws(SystemError) {
            held = try HeldSocket(descriptor, on: context.reactor) { [weak self] in self?.over() }
        } catch { return fail("the connection could not be held: \(SystemError.text(error.code))") }
        limit = context.reactor.timers.schedule(
            at: context.reactor.now + context.settings.wakeTimeout, self)
        if context.workloads.isAwake(workload) { dial() } else { wake() }
    }

    // MARK: On the way

    private func wake() {
        guard context.settings.wakesOnConnect else {
            return fail("'\(workload.name)' sleeps, and 'tethers.wake_on_connect' is false")
        }
        guard proxy.heldCount < TetherLimits.heldConnections else {
            return fail("\(TetherLimits.heldConnections) connections wait for it to wake already")
        }
        hasWoken = true
        stage = .waking
        if context.wakes.join(workload, self) { proxy.countWake() }
    }

    private func dial() {
        stage = .dialling
        attempt = context.dialer.dial(
            workload, port: proxy.tether.record.containerPort, wasWoken: hasWoken
        ) { [weak self] in self?.dialled($0) }
    }

    private func dialled(_ result: Result<any PodEnd, DialFailure>) {
        attempt = nil
        switch result {
        case .success(let end): join(end)
        case .failure(let failure) where failure.isAsleep && !hasWoken: wake()
        case .failure(let failure): fail(failure.text)
        }
    }

    private func join(_ end: any PodEnd) {
        context.reactor.timers.cancel(limit)
        pod = end.pod
        let client = held?.take() ?? -1
        held = nil
        do throws(SystemError) {
            link = try end.join(client, owner: self)
            stage = .open
        } catch { fail("the connections could not be joined: \(SystemError.text(error.code))") }
    }

    // MARK: The end

    private func fail(_ text: String) {
        guard stage != .over else { return }
        proxy.failed(text)
        over()
    }

    /// Ends it; what is open is told of at the end of the turn.
    func close() {
        if let link { return link.close() }
        over()
    }

    private func over() {
        guard stage != .over else { return }
        if stage == .waking { context.wakes.leave(workload.id, self) }
        stage = .over
        context.reactor.timers.cancel(limit)
        attempt?.cancel()
        attempt = nil
        held?.reset()
        held = nil
        proxy.ended(self)
        link = nil
    }
}

extension TetherConnection: WakeWaiter {
    func woken(_ failure: APIError?) {
        guard stage == .waking else { return }
        guard let failure else { return dial() }
        fail("it could not be woken: \(failure.message)")
    }
}

extension TetherConnection: TimerHandler {
    func timerFired(_ tag: UInt32) {
        let seconds = context.settings.wakeTimeout.components.seconds
        fail(
            stage == .waking
                ? "it did not wake within \(seconds) s"
                : "no pod could be reached within \(seconds) s")
    }
}

extension TetherConnection: TetherLinkOwner {
    func linkEnded(_ link: any TetherLink, _ end: TetherLinkEnd) {
        switch end {
        case .finished, .clientLeft, .closed: over()
        case .failed(let text): fail(text)
        }
    }
}
