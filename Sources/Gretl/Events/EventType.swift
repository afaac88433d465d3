// The words of the `event:` field, numbered so that a filter is a mask and a match one instruction.
// A type that Event.swift knows and this table does not would never pass a filter: a test compares.

/// A type of event.
package struct EventType: Equatable, Sendable {
    package let name: String
    /// The bit of a filter's mask; types of another version of the program share the last one.
    let bit: UInt32

    /// Types with an id, which are kept.
    package static let kept = [
        "service.registered", "service.unregistered", "service.started", "service.stopped",
        "service.crashed", "service.gave_up", "port.conflict", "group.started", "group.failed",
        "group.stopped", "cluster.synced", "workload.changed", "workload.slept",
        "workload.woken", "workload.removed", "workload.drift",
        "tether.opened", "tether.closed", "tether.failed",
    ]
    /// Sent while somebody listens, and never kept.
    package static let stats = EventType("service.stats")
    private static let known = kept + ["service.stats"]

    package init(_ name: String) {
        self.name = name
        bit = 1 << UInt32(EventType.known.firstIndex(of: name) ?? 31)
    }

    /// The mask of a word of a filter: a type, or its beginning up to a dot and `*`. 0 when there
    /// is no such type.
    static func mask(_ word: Substring) -> UInt32 {
        guard word.hasSuffix(".*") else {
            return known.contains(String(word)) ? EventType(String(word)).bit : 0
        }
        let beginning = word.dropLast()
        return known.filter { $0.hasPrefix(beginning) }.reduce(0) { $0 | EventType($1).bit }
    }
}
