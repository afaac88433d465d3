// The word to stop, for everything one run has under way: transfers, programs, waits. Said once;
// whoever waits for something registers what ends the wait.

package import NetCore

/// Says once that what is under way shall end.
@ReactorActor
package final class Cancellation {
    /// What `onCancel` gave, to take it back.
    package struct Token { fileprivate let number: Int }

    package private(set) var isCancelled = false
    private var handlers: [Int: () -> Void] = [:]
    private var next = 0

    package init() {}

    /// Calls `body` when the word comes, or at once when it came.
    package func onCancel(_ body: @escaping @ReactorActor () -> Void) -> Token {
        next += 1
        if isCancelled {
            body()
        } else {
            handlers[next] = body
        }
        return Token(number: next)
    }

    /// What was waited for is over.
    package func remove(_ token: Token) { handlers[token.number] = nil }

    package func cancel() {
        guard !isCancelled else { return }
        isCancelled = true
        let all = handlers.sorted { $0.key < $1.key }
        handlers = [:]
        for (_, body) in all { body() }
    }
}
