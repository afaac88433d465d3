// Who waits for a workload to wake: many connections may ask, one wake at a time is under way for
// each workload, and all are told what came of it. A connection whose client has left steps out;
// the wake it asked for goes on. Used by TetherConnection.

package import NetCore

/// Who waits in the line.
@ReactorActor
protocol WakeWaiter: AnyObject {
    /// The workload is on its way up, or the reason why it is not.
    func woken(_ failure: APIError?)
}

/// The wakes that connections asked for.
@ReactorActor
package final class WakeLine {
    /// Wakes a workload; tells exactly once, never from inside the call.
    package typealias Wake = (
        _ workload: Workload, _ finished: @escaping @ReactorActor (APIError?) -> Void
    ) -> Void

    private let wake: Wake
    private var waiting: [String: [any WakeWaiter]] = [:]

    package init(_ wake: @escaping Wake) { self.wake = wake }

    /// Workloads that are being woken.
    package var underWay: Int { waiting.count }

    /// Asks for a wake; true when none was under way.
    func join(_ workload: Workload, _ waiter: any WakeWaiter) -> Bool {
        let id = workload.id
        guard waiting[id] == nil else {
            waiting[id]?.append(waiter)
            return false
        }
        waiting[id] = [waiter]
        wake(workload) { [weak self] failure in self?.finished(id, failure) }
        return true
    }

    func leave(_ workload: String, _ waiter: any WakeWaiter) {
        waiting[workload]?.removeAll { $0 === waiter }
    }

    private func finished(_ workload: String, _ failure: APIError?) {
        for waiter in waiting.removeValue(forKey: workload) ?? [] { waiter.woken(failure) }
    }
}
