// A running process that a service was given: no monitor stands above it and it is nobody's child
// here, so it is watched by a pidfd, its exit code is never known, and a stop ends its tree by
// pidfds too. Owned by the Service, driven by SupervisorAdoption.swift.

package import NetCore

/// The program of an adopted service.
@ReactorActor
package final class AdoptedProgram: EventHandler {
    package let stored: StoredAdoption
    private let handle: ProcessHandle
    private let uid: UInt32
    private let background: BackgroundThread
    private let reactor: Reactor
    private var registration = Registration.none
    private var ending: ProcessEnding?
    /// When KILL is due; nil until somebody asked for a stop.
    private var deadline: Instant?
    private var ended: ((AdoptedProgram) -> Void)?
    /// KILL was needed.
    package private(set) var isForced = false

    /// A stop was asked for.
    package var isStopping: Bool { deadline != nil }

    /// `ended` is called once, when the process, or with a stop its whole tree, is gone.
    package init(
        _ handle: ProcessHandle, _ stored: StoredAdoption, uid: UInt32,
        background: BackgroundThread, on reactor: Reactor,
        ended: @escaping (AdoptedProgram) -> Void
    ) throws(SystemError) {
        self.handle = handle
        self.stored = stored
        self.uid = uid
        self.background = background
        self.reactor = reactor
        registration = try reactor.register(handle.descriptor, .readable, self)
        self.ended = ended
    }

    /// The process has ended. What it leaves behind was never asked for, and is left alone, unless
    /// a stop is under way, which sees to it.
    package func ready(_ mask: EventMask) {
        reactor.deregister(registration)
        registration = .none
        if deadline == nil { finish() }
    }

    /// Ends the whole tree: TERM now, KILL after `grace`. A further call can only shorten that.
    package func stop(grace: Duration) {
        guard ended != nil else { return }
        let isFirst = deadline == nil
        deadline = min(deadline ?? .distantFuture, reactor.now + grace)
        ending?.shorten(to: grace)
        guard isFirst else { return }
        spawn { await self.endTree() }
    }

    /// How often KILL is repeated for what something in the kernel holds, and how far apart.
    private static let rounds = 30
    private static let pause = Duration.seconds(1)

    private func endTree() async {
        for round in 0..<AdoptedProgram.rounds {
            let tree = await tree()
            let grace = (deadline ?? reactor.now) - reactor.now
            let ending = ProcessEnding(
                tree, grace: max(.zero, grace), uid: uid, background: background, on: reactor)
            self.ending = ending
            let isOver = await ending.run()
            isForced = isForced || ending.isForced
            if isOver, handle.hasEnded { break }
            if round == AdoptedProgram.rounds - 1 {
                Log.shared.error("a process does not end", ["pid": Int(handle.pid)])
            }
            await reactor.pause(AdoptedProgram.pause)
        }
        finish()
    }

    /// The process and what hangs below it; the process alone when nobody has time to look.
    private func tree() async -> HeldTree {
        let (process, uid) = (stored.process, uid)
        let found = try? await background.perform { HeldTree(root: process, uid: uid) }
        return found ?? HeldTree(handle)
    }

    private func finish() {
        guard let done = ended else { return }
        ended = nil
        ending = nil
        reactor.deregister(registration)
        done(self)
    }
}
