// Frees a port: ends the process that holds it, TERM first, KILL after the grace. A service of ours
// is stopped instead, so that its end is a stop and not a crash. Called by
// POST /v1/ports/{port}/kill; nothing is signalled before ForeignProcess has said yes, and then
// only by pidfds whose start time was compared.

package import NetCore

/// Ends holders of ports.
@ReactorActor
package struct PortKill {
    let holders: PortHolders
    let registry: ServiceRegistry
    let supervisor: Supervisor
    let background: BackgroundThread
    let reactor: Reactor
    let rule: ForeignProcess

    /// Who was ended, and how.
    struct Outcome {
        let holder: PortHolder
        let isForced: Bool
    }

    package init(
        holders: PortHolders, registry: ServiceRegistry, supervisor: Supervisor,
        background: BackgroundThread, on reactor: Reactor
    ) {
        self.holders = holders
        self.registry = registry
        self.supervisor = supervisor
        self.background = background
        self.reactor = reactor
        rule = ForeignProcess(uid: ProcessFacts.uid, daemon: ProcessFacts.pid)
    }

    /// Ends the holder of `port`; `wanted` is the pid it has to have. Returns when it listens there
    /// no longer, and nobody else does instead.
    func end(_ port: Int, wanted: Int32?, grace: Duration) async throws(APIError) -> Outcome {
        let before = try await holders.holdersNow(of: port)
        let holder = try rule.choose(before, of: port, wanted: wanted)
        guard let name = holder.service else {
            _ = try rule.allowed(holder)
            return try await end(holder, before, grace)
        }
        guard let service = registry.find(name) else {
            throw .daemonBusy("'\(name)' is being removed")
        }
        await supervisor.stop(service, grace: grace)
        let outcome = Outcome(
            holder: holder, isForced: service.machine.lastExit?.forced ?? service.isForced)
        guard try await left(of: holder, before).isEmpty else {
            throw .portInUse(port, by: holder, own: rule.uid)
        }
        return outcome
    }

    /// A fork between the look and the signal leaves a process that has the socket too: it is
    /// looked for that often.
    private static let rounds = 5

    private func end(
        _ holder: PortHolder, _ before: [PortHolder], _ grace: Duration
    ) async throws(APIError) -> Outcome {
        let deadline = reactor.now + grace
        let uid = rule.uid
        var identities = holder.sharers
        var isForced = false
        for _ in 0..<PortKill.rounds {
            let tree: HeldTree
            do throws(BackgroundThread.Refusal) {
                tree = try await background.perform { [identities] in
                    HeldTree(identities, uid: uid)
                }
            } catch { throw .daemonBusy("too much work is waiting") }
            let pause = deadline - reactor.now
            let ending = ProcessEnding(
                tree, grace: max(.zero, pause), uid: uid, background: background, on: reactor)
            ending.takesDescendants = false
            let isOver = await ending.run()
            isForced = isForced || ending.isForced
            guard isOver else {
                throw .daemonBusy("\(holder.name) was sent SIGKILL and has not ended yet")
            }
            let left = try await left(of: holder, before)
            guard !left.isEmpty else { return Outcome(holder: holder, isForced: isForced) }
            identities = left.flatMap(\.sharers)
        }
        throw .portInUse(holder.port, by: holder, own: uid)
    }

    /// Those that still have one of the sockets of `holder`. Throws when somebody who was not there
    /// before has taken the port.
    private func left(
        of holder: PortHolder, _ before: [PortHolder]
    ) async throws(APIError) -> [PortHolder] {
        let now = try await holders.holdersNow(of: holder.port)
        let sockets = Set(before.flatMap(\.sockets))
        if let new = now.first(where: { sockets.isDisjoint(with: $0.sockets) }) {
            throw APIError(
                .portInUse,
                "\(holder.name) was ended, and port \(holder.port) is held by "
                    + "\(new.words(own: rule.uid)) now",
                hint: "somebody starts it again: end that one, or choose another port")
        }
        return now.filter { !Set(holder.sockets).isDisjoint(with: $0.sockets) }
    }
}
