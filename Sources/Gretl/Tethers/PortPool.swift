// The local ports of tethers: which are ours, and which one comes next. A port that went back comes
// last again, so that a client of the old tether does not reach the new one. Knows nothing of who
// has a port; asked by Tethers only.

package import NetCore

/// The ports that tethers listen on.
@ReactorActor
package final class PortPool {
    package nonisolated let range: ClosedRange<UInt16>
    private var held: Set<UInt16> = []
    /// Where the search goes on, counted from the beginning of the range.
    private var next = 0
    /// Whether somebody else has the port, or is to have it.
    private let isTaken: (UInt16) -> Bool

    package init(_ range: ClosedRange<UInt16>, isTaken: @escaping (UInt16) -> Bool) {
        self.range = range
        self.isTaken = isTaken
    }

    /// Ports that are with tethers now.
    package var heldCount: Int { held.count }

    /// A port of the range that nobody has: `wanted` if that is so for it, else one for which
    /// `isRemembered` is false, else any; nil when there is none.
    package func take(
        preferring wanted: UInt16? = nil, isRemembered: (UInt16) -> Bool = { _ in false }
    ) -> UInt16? {
        if let wanted, range.contains(wanted), !held.contains(wanted), !isTaken(wanted) {
            held.insert(wanted)
            return wanted
        }
        var probes = 0
        var looked = 0
        var second: UInt16?
        for step in 0..<range.count {
            looked = step
            let place = (next + step) % range.count
            let port = range.lowerBound + UInt16(place)
            guard !held.contains(port) else { continue }
            let isSecond = isRemembered(port)
            guard !isSecond || second == nil else { continue }
            guard probes < TetherLimits.portsProbed else { break }
            probes += 1
            guard !isTaken(port) else { continue }
            if isSecond {
                second = port
                continue
            }
            next = place + 1
            held.insert(port)
            return port
        }
        // What was looked at in vain is not looked at first again.
        next = (next + looked) % range.count
        if let second { held.insert(second) }
        return second
    }

    /// The port is free again.
    package func giveBack(_ port: UInt16) { held.remove(port) }
}
