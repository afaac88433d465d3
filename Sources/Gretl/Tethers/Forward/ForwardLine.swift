// Whose turn it is among the forwarded connections: each moves some bytes, then the next, until the
// slice of time of this turn of the loop is used up. So a saturated one starves nobody, and all
// together never hold a turn up. Owns the memory that bytes pass through.

package import NetCore

/// The one mover of forwarded bytes of a reactor.
@ReactorActor
package final class ForwardLine: DeferredHandler {
    let reactor: Reactor
    private var line: [ForwardLink] = []
    private var first = 0
    private var isScheduled = false
    /// Made when it is first needed.
    private(set) lazy var memory = WorkingMemory(capacity: ForwardLine.memoryBytes)

    /// One message with its header.
    static let memoryBytes = TetherLimits.forwardPieceBytes + 16

    package init(on reactor: Reactor) { self.reactor = reactor }

    /// Gives `link` its turn soon; at most one place in line each.
    func enqueue(_ link: ForwardLink) {
        guard !link.isQueued else { return }
        link.isQueued = true
        line.append(link)
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        reactor.flushAtEndOfTurn(self)
    }

    package func runDeferred() {
        isScheduled = false
        let end = reactor.clock() + .microseconds(TetherLimits.forwardMicroseconds)
        // Those who join meanwhile wait for the next turn.
        let count = line.count
        while first < count {
            let link = line[first]
            first += 1
            link.isQueued = false
            link.move()
            if reactor.clock() >= end { break }
        }
        if first == line.count {
            line.removeAll(keepingCapacity: true)
            first = 0
        } else {
            if first > line.count / 2 {
                line.removeFirst(first)
                first = 0
            }
            schedule()
        }
    }
}
