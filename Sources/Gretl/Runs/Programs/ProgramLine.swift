// The line in which programs of runs wait, so that only so many work at a time. First come, first
// served; who is cancelled leaves it.

import NetCore

/// Bounds how many programs run at once.
@ReactorActor
final class ProgramLine {
    private var free: Int
    private var waiting: [(number: Int, wake: CheckedContinuation<Bool, Never>)] = []
    private var next = 0

    init(most: Int) { free = max(1, most) }

    /// True when the caller may begin, and has to `leave`; false when it was cancelled.
    func enter(until cancellation: Cancellation) async -> Bool {
        guard !cancellation.isCancelled else { return false }
        if free > 0 {
            free -= 1
            return true
        }
        next += 1
        let number = next
        let token = cancellation.onCancel { [weak self] in self?.giveUp(number) }
        let isIn = await withCheckedContinuation { waiting.append((number, $0)) }
        cancellation.remove(token)
        return isIn
    }

    func leave() {
        guard !waiting.isEmpty else {
            free += 1
            return
        }
        waiting.removeFirst().wake.resume(returning: true)
    }

    private func giveUp(_ number: Int) {
        guard let index = waiting.firstIndex(where: { $0.number == number }) else { return }
        waiting.remove(at: index).wake.resume(returning: false)
    }
}
