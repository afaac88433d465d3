// One registration at a time for each name: a merge patch reads the old spec, and the answer waits
// for the commit, so two of them on one name must not overlap. Different names do not wait for each
// other and share commits.

package import NetCore

/// Asynchronous locks by name, first come first served.
@ReactorActor
package final class NameLocks {
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    package init() {}

    /// Runs `body` alone for `name`.
    package func withLock<Value: Sendable>(
        _ name: String, _ body: @ReactorActor () async throws(APIError) -> Value
    ) async throws(APIError) -> Value {
        await acquire(name)
        defer { release(name) }
        return try await body()
    }

    private func acquire(_ name: String) async {
        guard waiting[name] != nil else {
            waiting[name] = []
            return
        }
        await withCheckedContinuation { waiting[name]!.append($0) }
    }

    private func release(_ name: String) {
        guard var queue = waiting[name] else { return }
        guard !queue.isEmpty else {
            waiting[name] = nil
            return
        }
        let next = queue.removeFirst()
        waiting[name] = queue
        next.resume()
    }
}
