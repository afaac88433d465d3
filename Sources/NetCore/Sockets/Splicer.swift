// Everything that pairs of spliced sockets share: the pipes, and whose turn it is. A pair that has
// bytes to move stands in line; at the end of a reactor's turn the first move as much as they have
// until the slice of time is used up, the rest wait for the next turn. So all pairs together never
// hold a turn up, each moves much at once (bytes in small pieces cost three times the CPU: the
// senders' work is then done on our time, measured 2026-11-25), and none starves another. Of a
// process that uses it SIGPIPE has to be ignored: splice(2) has no flag against it.

/// The one mover of bytes of a reactor.
@ReactorActor
package final class Splicer: DeferredHandler {
    let reactor: Reactor
    let pool: PipePool
    /// Most bytes of one direction in one turn.
    let bytesPerTurn: Int
    /// Who has something to move; those before `first` had their turn.
    private var line: [SpliceFlow] = []
    private var first = 0
    private var isScheduled = false
    private var sliceEnd = Instant.distantFuture

    package init(
        on reactor: Reactor, pipes: Int = Limits.pipes, pipeBytes: Int = Limits.pipeBytes,
        bytesPerTurn: Int = Limits.spliceBytesPerTurn
    ) {
        self.reactor = reactor
        self.bytesPerTurn = bytesPerTurn
        pool = PipePool(most: pipes, pipeBytes: pipeBytes)
    }

    /// Whether this turn's slice is used up.
    var isSliceOver: Bool { reactor.clock() >= sliceEnd }

    /// Gives `flow` its turn soon; at most one place in line each.
    func enqueue(_ flow: SpliceFlow) {
        guard !flow.isQueued else { return }
        flow.isQueued = true
        line.append(flow)
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        reactor.flushAtEndOfTurn(self)
    }

    package func runDeferred() {
        isScheduled = false
        sliceEnd = reactor.clock() + .microseconds(Limits.spliceMicroseconds)
        // Those who join meanwhile wait for the next turn.
        let end = line.count
        while first < end {
            let flow = line[first]
            first += 1
            flow.isQueued = false
            flow.pair?.move(flow)
            if isSliceOver { break }
        }
        if first == line.count {
            line.removeAll(keepingCapacity: true)
            first = 0
        } else {
            // What is done with goes before it is the larger part.
            if first > line.count / 2 {
                line.removeFirst(first)
                first = 0
            }
            schedule()
        }
    }
}
