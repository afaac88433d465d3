// Ending processes that are not our children: TERM, after the grace KILL, and looking until they
// are gone, since nobody tells the daemon of their end but their pidfds. One object is one end.
// Used by the stop of adopted services and by POST /v1/ports/{port}/kill.

package import NetCore

/// One end of a tree.
@ReactorActor
package final class ProcessEnding {
    private let reactor: Reactor
    private let background: BackgroundThread
    private let uid: UInt32
    private var tree: HeldTree
    private var deadline: Instant
    /// KILL was needed.
    package private(set) var isForced = false
    /// What hangs below those that do not end in time is killed with them.
    package var takesDescendants = true

    private static let lookEvery = Duration.milliseconds(10)
    /// How long what got a KILL is waited for: something in the kernel can hold it.
    private static let killPatience = 200

    package init(
        _ tree: HeldTree, grace: Duration, uid: UInt32, background: BackgroundThread,
        on reactor: Reactor
    ) {
        self.tree = tree
        self.uid = uid
        self.background = background
        self.reactor = reactor
        deadline = reactor.now + grace
    }

    /// A further request can only make it quicker.
    package func shorten(to grace: Duration) { deadline = min(deadline, reactor.now + grace) }

    /// Ends them; true when all are gone.
    package func run() async -> Bool {
        if deadline > reactor.now { tree.terminate() }
        // Ends at the deadline, which is at most ten minutes away.
        while !tree.isOver, reactor.now < deadline {
            await reactor.pause(min(ProcessEnding.lookEvery, deadline - reactor.now))
        }
        for round in 0..<ProcessEnding.killPatience where !tree.isOver {
            // What they started while they were asked to end.
            if takesDescendants, round % 10 == 0 { await grow() }
            isForced = true
            tree.kill()
            await reactor.pause(ProcessEnding.lookEvery)
        }
        return tree.isOver
    }

    private func grow() async {
        let (known, uid) = (tree, uid)
        guard let grown = try? await background.perform({ known.grown(uid: uid) }) else { return }
        tree = grown
    }
}
