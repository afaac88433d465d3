// What is left of an incarnation when its monitor was killed: a program nobody has heard of yet, or
// descendants of one that has ended. They are known by GRETL_INCARNATION in their environment and
// are ended by pidfd, with what hangs below them. Called by Supervisor and Recovery.

import NetCore

extension Supervisor {
    private static let pause = Duration.milliseconds(10)
    private static let looksMost = 200
    /// How often is looked again while some process cannot be told: an exec takes less than a
    /// millisecond, but a process without any environment stays unknown.
    private static let doubtsMost = 5

    /// Ends everything that carries `id`. False when something is left after some seconds, or
    /// nobody could look.
    @discardableResult
    func endAll(of id: String, grace: Duration) async -> Bool {
        guard let background else { return false }
        var doubts = 0
        for _ in 0..<Supervisor.looksMost {
            let found = try? await background.perform { Leftovers(of: id) }
            if let found, !found.tree.isEmpty {
                let ending = ProcessEnding(
                    found.tree, grace: grace, uid: ProcessFacts.uid, background: background,
                    on: reactor)
                _ = await ending.run()
                continue
            }
            if let found, !found.isStarting {
                doubts += 1
                guard found.hasUnknown, doubts < Supervisor.doubtsMost else { return true }
            }
            await reactor.pause(Supervisor.pause)
        }
        Log.shared.error("something of a program does not end", ["incarnation": id])
        return false
    }
}

/// One look for what carries an incarnation.
private struct Leftovers: Sendable {
    let tree: HeldTree
    /// The monitor forked and what it forked has not become the program yet.
    let isStarting: Bool
    let hasUnknown: Bool

    init(of id: String) {
        let all = StrayPrograms.find()
        isStarting = all.monitors[id] != nil
        tree = HeldTree(all.members[id] ?? [], uid: ProcessFacts.uid)
        hasUnknown = all.hasUnknown
    }
}
