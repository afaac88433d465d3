// Two connected TCP sockets and the bytes between them, moved by splice(2) without entering user
// space. An end of one side becomes an end of the other, a reset becomes a reset, and a side that
// does not read stops the other one from sending. For the tether proxy.
//
// Never calls its owner from inside a call of the owner's, nor while it moves bytes: how it ended
// is told at the end of the turn. Has no timer: what is too long is the owner's business, who finds
// the instant of the last movement here.

internal import CEpoll

/// Who is told that a pair is over.
@ReactorActor
package protocol SplicePairOwner: AnyObject {
    /// Called exactly once, when both sockets are closed and everything is given back.
    func pairEnded(_ pair: SplicePair, _ end: SplicePair.End)
}

/// A pair of sockets that are one connection.
@ReactorActor
package final class SplicePair {
    /// The socket that was given first, or the other one.
    package enum Side: Sendable { case near, far }

    /// How a pair ended.
    package enum End: Equatable, Sendable {
        /// Both sides have ended and everything was handed on.
        case finished
        /// That side was reset or lost; so was the other one then.
        case reset(Side, SystemError)
        /// The owner closed it.
        case closed
        /// This machine failed us: both sides were reset.
        case failed(SystemError)
    }

    private let splicer: Splicer
    private var owner: (any SplicePairOwner)?
    private let near: SpliceFlow
    private let far: SpliceFlow
    private var end: End?
    /// When bytes were last moved, first of all when it was made.
    package private(set) var lastMovement: Instant

    /// Begins to move bytes between two non-blocking TCP sockets, which should send without delay.
    /// It owns both from now on, and closes them when it throws; the owner is not told then.
    package init(
        near: Int32, far: Int32, through splicer: Splicer, owner: any SplicePairOwner
    ) throws(SystemError) {
        self.splicer = splicer
        self.owner = owner
        self.near = SpliceFlow(near, isNear: true)
        self.far = SpliceFlow(far, isNear: false)
        lastMovement = splicer.reactor.now
        do throws(SystemError) {
            try want(.readable, self.near)
            try want(.readable, self.far)
        } catch {
            closeSockets(withReset: true)
            throw error
        }
        self.near.pair = self
        self.far.pair = self
    }

    /// Bytes handed on from the near side to the far one.
    package var bytesFromNear: UInt64 { near.moved }
    /// Bytes handed on from the far side to the near one.
    package var bytesFromFar: UInt64 { far.moved }
    /// One side has sent its end and the other has not.
    package var isHalfClosed: Bool { near.hasEnded != far.hasEnded }
    package var isOver: Bool { end != nil }

    /// Closes both sides with a reset, since what is on its way is lost. The owner is told as of
    /// every other end.
    package func close() { finish(.closed) }

    // MARK: Events

    func ready(isNear: Bool, _ mask: EventMask) {
        guard end == nil else { return }
        let (this, other) = isNear ? (near, far) : (far, near)
        if !mask.isDisjoint(with: [.error, .hangUp]) {
            let code = cepoll_socket_error(this.descriptor)
            if code != 0 { return finish(.reset(side(this), SystemError("socket", code))) }
            // Both halves are over, in order. The kernel goes on saying so, whatever is wanted.
            if !this.wantsSource { leave(this) }
        }
        if other.isBlocked, mask.contains(.writable) { splicer.enqueue(other) }
        // A hang-up is seen by reading as an end.
        if this.wantsSource, !mask.isDisjoint(with: [.readable, .hangUp, .error]) {
            splicer.enqueue(this)
        }
    }

    /// Called by the splicer when it is this direction's turn.
    func move(_ flow: SpliceFlow) {
        guard end == nil else { return }
        flow.unblock()
        move(flow, to: flow === near ? far : near)
        settle()
    }

    private func move(_ flow: SpliceFlow, to sink: SpliceFlow) {
        let before = flow.moved
        let outcome = flow.move(to: sink.descriptor, splicer)
        if flow.moved != before { lastMovement = splicer.reactor.now }
        splicer.reactor.statistics.reads &+= 1
        switch outcome {
        case .goesOn: break
        case .ended:
            // Fails only when the sink is gone, which its registration reports.
            _ = cepoll_shutdown(sink.descriptor, 0)
            if sink.hasEnded { finish(.finished) }
        case .sourceFailed(let error): fail(error, of: flow)
        case .sinkFailed(let error): fail(error, of: sink)
        }
    }

    private func fail(_ error: SystemError, of flow: SpliceFlow) {
        finish(error.kind == .peerGone ? .reset(side(flow), error) : .failed(error))
    }

    private func side(_ flow: SpliceFlow) -> Side { flow === near ? .near : .far }

    /// Wants what each socket can be used for now.
    private func settle() {
        guard end == nil else { return }
        near.checkInvariants()
        far.checkInvariants()
        do throws(SystemError) {
            try want(mask(near, far), near)
            try want(mask(far, near), far)
        } catch { finish(.failed(error)) }
    }

    private func mask(_ this: SpliceFlow, _ other: SpliceFlow) -> EventMask {
        var mask: EventMask = []
        if this.wantsSource { mask.insert(.readable) }
        if other.isBlocked { mask.insert(.writable) }
        return mask
    }

    private func want(_ mask: EventMask, _ flow: SpliceFlow) throws(SystemError) {
        if flow.registration != .none { return try splicer.reactor.change(flow.registration, mask) }
        guard !mask.isEmpty else { return }
        flow.registration = try splicer.reactor.register(flow.descriptor, mask, flow)
    }

    private func leave(_ flow: SpliceFlow) {
        splicer.reactor.deregister(flow.registration)
        flow.registration = .none
    }

    // MARK: The end

    private func finish(_ end: End) {
        guard self.end == nil else { return }
        self.end = end
        closeSockets(withReset: end != .finished)
        splicer.reactor.flushAtEndOfTurn(self)
    }

    private func closeSockets(withReset: Bool) {
        for flow in [near, far] {
            leave(flow)
            flow.release(splicer.pool)
            if withReset { _ = cepoll_set_reset_on_close(flow.descriptor) }
            Descriptor.close(flow.descriptor)
            flow.pair = nil
        }
    }
}

extension SplicePair: DeferredHandler {
    package func runDeferred() {
        guard let end, let told = owner else { return }
        owner = nil
        told.pairEnded(self, end)
    }
}
