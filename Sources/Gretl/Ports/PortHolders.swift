// Finds out who holds ports, for everything on the reactor: the scan itself runs on the background
// thread, slice by slice, so that neither the reactor nor a commit waits for all of it. Callers
// that ask for the same while a scan runs share its result.

package import NetCore

/// Asks who listens where.
@ReactorActor
package final class PortHolders {
    private let background: BackgroundThread
    private let reactor: Reactor
    /// What tells the processes of our services from others; set by who knows them.
    var known: () -> PortScan.Known = { PortScan.Known() }
    /// The list of everything, for a moment: dashboards ask again and again.
    private var list: (holders: [PortHolder], at: Instant)?
    /// Who waits for a scan that runs; 0 is the list of everything.
    private var waiting: [UInt16: [CheckedContinuation<Outcome, Never>]] = [:]

    private typealias Outcome = Result<[PortHolder], APIError>

    private static let listGoodFor = Duration.milliseconds(500)

    package init(background: BackgroundThread, on reactor: Reactor) {
        self.background = background
        self.reactor = reactor
    }

    /// Everybody who listens on this machine, by port.
    package func all() async throws(APIError) -> [PortHolder] {
        if let list, reactor.now - list.at < PortHolders.listGoodFor { return list.holders }
        let holders = try await shared(0)
        list = (holders, reactor.now)
        return holders
    }

    /// Who listens on `port`: empty when nobody does. Each entry is one process.
    package func holders(of port: Int) async throws(APIError) -> [PortHolder] {
        guard let port = UInt16(exactly: port), port > 0 else { return [] }
        return try await shared(port)
    }

    /// As above, by a look that starts now: what was seen before something was changed is no answer
    /// to what it brought about.
    func holdersNow(of port: Int) async throws(APIError) -> [PortHolder] {
        guard let port = UInt16(exactly: port), port > 0 else { return [] }
        return try await scan(port).get()
    }

    /// Whether no process of the program's tree has one of these sockets open, as far as a short
    /// look can say.
    func isOutside(_ program: Int32, _ sockets: Set<UInt32>) async -> Bool {
        do throws(BackgroundThread.Refusal) {
            return try await background.perform { PortScan.isOutside(program, sockets) }
        } catch { return false }
    }

    /// The one who holds `port` as far as a program that wants to bind to loopback is concerned.
    package func holder(of port: Int) async throws(APIError) -> PortHolder? {
        try await holders(of: port).min { PortHolders.nearness($0) < PortHolders.nearness($1) }
    }

    /// Those in the way of a listener on loopback come first.
    private static func nearness(_ holder: PortHolder) -> Int {
        let order = ["127.0.0.1", "0.0.0.0", "::1", "::"]
        return holder.addresses.compactMap { order.firstIndex(of: $0) }.min() ?? order.count
    }

    /// Whether a connection to loopback can end up there.
    static func isLoopback(_ holder: PortHolder) -> Bool { nearness(holder) < 4 }

    // MARK: Scans

    private func shared(_ port: UInt16) async throws(APIError) -> [PortHolder] {
        if waiting[port] != nil {
            let outcome: Outcome = await withCheckedContinuation {
                waiting[port, default: []].append($0)
            }
            return try outcome.get()
        }
        waiting[port] = []
        let outcome = await scan(port)
        let others = waiting.removeValue(forKey: port) ?? []
        for other in others { other.resume(returning: outcome) }
        return try outcome.get()
    }

    /// A process that ends gives up its descriptors before its sockets are closed. Who finds a
    /// socket of its own user without an owner looks again, that often in all.
    private static let looks = 3

    private func scan(_ port: UInt16) async -> Outcome {
        for _ in 1..<PortHolders.looks {
            let outcome = await look(port)
            guard port != 0, case .success(let found) = outcome,
                found.contains(where: { $0.process == nil && $0.uid == ProcessFacts.uid })
            else { return outcome }
        }
        return await look(port)
    }

    private func look(_ port: UInt16) async -> Outcome {
        let known = known()
        do throws(BackgroundThread.Refusal) {
            var scan = try await background.perform { () -> Result<PortScan, SystemError> in
                Result { () throws(SystemError) in
                    try PortScan(port: port == 0 ? nil : port, known: known)
                }
            }
            // Ends: each slice looks at one process at least, and their list is fixed.
            while case .success(let running) = scan, !running.isDone {
                scan = try await background.perform {
                    var next = running
                    next.step()
                    return .success(next)
                }
            }
            switch scan {
            case .success(let done): return .success(try await background.perform(done.holders))
            case .failure(let error):
                return .failure(
                    APIError(
                        .internal, "the kernel does not tell who listens: \(error)",
                        hint: "see the daemon's log"))
            }
        } catch {
            return .failure(.daemonBusy("too much work is waiting"))
        }
    }
}
