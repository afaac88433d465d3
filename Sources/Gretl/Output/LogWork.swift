// The turnstile in front of the storage thread: all work on logs goes through it one step at a
// time, in the order it came, so that a commit never waits for more than one step, however many
// clients search.

package import NetCore

/// Runs steps of work on logs.
@ReactorActor
package final class LogWork {
    private let background: BackgroundThread
    private var isBusy = false
    /// Those who wait; the ones before `first` had their step.
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var first = 0
    private var searches = 0

    package init(background: BackgroundThread) { self.background = background }

    /// Runs one short piece of work, after those that came before.
    func step<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) async throws(APIError) -> Value {
        if isBusy {
            await withCheckedContinuation { waiting.append($0) }
        }
        isBusy = true
        defer { passOn() }
        do throws(BackgroundThread.Refusal) {
            return try await background.perform(body)
        } catch { throw .daemonBusy("too much work is waiting") }
    }

    /// Runs a search to its end. `isWanted` is asked between steps: nobody works for a client who
    /// has left.
    func run(
        _ search: LogSearch, isWanted: @ReactorActor () -> Bool
    ) async throws(APIError) -> [UInt8] {
        guard searches < LogLimits.searches else {
            throw .daemonBusy("\(searches) searches in logs are under way")
        }
        searches += 1
        defer { searches -= 1 }
        // Bounded by what a search reads: each step takes some of it.
        while try await !step({ search.step() }) {
            guard isWanted() else { return [] }
        }
        return search.body()
    }

    /// Lets the next one through; the turnstile stays taken meanwhile.
    private func passOn() {
        guard first < waiting.count else {
            isBusy = false
            return
        }
        let next = waiting[first]
        first += 1
        if first == waiting.count { (waiting, first) = ([], 0) }
        next.resume()
    }
}
