// Waits for several operations that were started side by side. The structured way, a task group,
// would need children that are not bound to the reactor's executor.

import NetCore

/// The results of a known number of operations, in their order.
@ReactorActor
final class Gather<Value: Sendable> {
    private var values: [Value?]
    private var missing: Int
    private var continuation: CheckedContinuation<Void, Never>?

    init(_ count: Int) {
        values = Array(repeating: nil, count: count)
        missing = count
    }

    /// One of them is done.
    func set(_ index: Int, _ value: Value) {
        guard values.indices.contains(index), values[index] == nil else { return }
        values[index] = value
        missing -= 1
        guard missing == 0 else { return }
        continuation?.resume()
        continuation = nil
    }

    /// All, when the last one is there.
    func all() async -> [Value] {
        if missing > 0 { await withCheckedContinuation { continuation = $0 } }
        return values.compactMap { $0 }
    }
}
