// All tethers: made, opened, closed and removed on request, opened again by a later daemon. What a
// client is told is on disk before. Knows nothing of HTTP; called by TetherRoutes and by whatever
// takes a cluster away.

package import NetCore

/// The tethers.
@ReactorActor
package final class Tethers {
    private let context: TetherContext
    private let pool: PortPool
    private let store: TetherStore
    private weak var events: (any EventSink)?
    private let locks = NameLocks()
    private var byID: [String: Tether] = [:]
    /// Oldest first.
    package private(set) var all: [Tether] = []
    private var isClosed = false

    package init(
        _ context: TetherContext, pool: PortPool, store: TetherStore,
        events: (any EventSink)?
    ) {
        self.context = context
        self.pool = pool
        self.store = store
        self.events = events
        context.delegate = self
    }

    // MARK: Start and end

    /// Takes in what is stored.
    package func load() async throws(StorageError) {
        for record in try await store.all() where byID[record.id] == nil { insert(Tether(record)) }
    }

    /// Opens those that were active, on their old ports where these are free. One that cannot be
    /// opened stays, inactive, with the reason.
    package func restore() async {
        for (index, tether) in all.enumerated() where tether.record.isActive {
            // About 0.1 ms each.
            if index % 8 == 7 { await othersTurn() }
            guard !isClosed, !tether.isRemoved, tether.proxy == nil else { continue }
            let port = tether.record.localPort
            do throws(APIError) {
                try open(tether)
                guard tether.record.localPort != port else { continue }
                Log.shared.warning(
                    "a tether has another port",
                    ["tether": tether.id, "was": port, "is": tether.record.localPort])
                try await save(tether.record)
            } catch {
                tether.record.isActive = tether.proxy != nil
                tether.counts.lastError = .init(text: error.message, at: context.wallMilliseconds)
                Log.shared.warning(
                    "a tether could not be opened again",
                    ["tether": tether.id, "reason": error.message])
            }
        }
    }

    /// Before the daemon ends: nobody new. What is open ends with the process.
    package func close() {
        isClosed = true
        for tether in all { tether.close(pool) {} }
    }

    // MARK: Requests

    /// Finds a tether or throws `unknown_tether`.
    package func get(_ id: String) throws(APIError) -> Tether {
        guard let tether = byID[id] else { throw .unknownTether(id) }
        return tether
    }

    /// Makes a tether to a port of a workload, and takes a local port for it.
    package func create(
        _ workload: Workload, containerPort: UInt16, label: String?
    ) async throws(APIError) -> Tether {
        guard all.count < TetherLimits.tethers, !isClosed else {
            throw .daemonBusy("\(TetherLimits.tethers) tethers are registered, which is the most")
        }
        let remembered = Set(all.map(\.record.localPort))
        guard let port = pool.take(isRemembered: { remembered.contains($0) }) else {
            throw .portPoolExhausted(pool.range)
        }
        let tether = Tether(
            StoredTether(
                id: RandomID.make() + RandomID.make(), workload: workload.id,
                containerPort: containerPort, label: label, localPort: port, isActive: false,
                createdAt: context.wallMilliseconds))
        tether.hasPort = true
        // Counted from now on: many may be on their way to the disk.
        insert(tether)
        do throws(APIError) {
            // A later daemon may be asked for it before it has listed the cluster.
            try await context.workloads.keep(workload)
            try await save(tether.record)
        } catch {
            drop(tether)
            throw error
        }
        return tether
    }

    /// Opens the proxy, unless it is open.
    package func activate(_ id: String) async throws(APIError) -> Tether {
        try await locks.withLock(id) { [self] () async throws(APIError) in
            let tether = try get(id)
            guard tether.proxy == nil else { return tether }
            let before = tether.record
            try open(tether)
            tether.record.isActive = true
            do throws(APIError) { try await save(tether.record) } catch {
                await shut(tether)
                tether.record = before
                throw error
            }
            tether.counts.lastError = nil
            events?.publish(.tetherOpened(tether.facts))
            return tether
        }
    }

    /// Closes the proxy and every connection, and gives the port back.
    package func deactivate(_ id: String) async throws(APIError) {
        try await locks.withLock(id) { [self] () async throws(APIError) in
            let tether = try get(id)
            let wasActive = tether.record.isActive
            if wasActive {
                var record = tether.record
                record.isActive = false
                try await save(record)
                tether.record.isActive = false
            }
            await shut(tether)
            if wasActive { events?.publish(.tetherClosed(tether.facts)) }
        }
    }

    /// Forgets a tether; an active one only with `force`.
    package func remove(_ id: String, force: Bool) async throws(APIError) {
        try await locks.withLock(id) { [self] () async throws(APIError) in
            let tether = try get(id)
            guard !tether.record.isActive || force else { throw .tetherActive(tether) }
            do throws(StorageError) { try await store.remove([id]) } catch {
                throw .storage(error)
            }
            let wasActive = tether.record.isActive
            tether.record.isActive = false
            await shut(tether)
            drop(tether)
            if wasActive { events?.publish(.tetherClosed(tether.facts)) }
        }
    }

    /// Forgets the tethers of a cluster that is being removed, a moment later; to be called while
    /// its workloads are still known.
    package func removeSoon(of cluster: Cluster) {
        let those = all.filter { workload(of: $0)?.cluster === cluster }
        guard !those.isEmpty else { return }
        spawn { [self] in await remove(those) }
    }

    private func remove(_ those: [Tether]) async {
        for tether in those {
            do throws(APIError) { try await remove(tether.id, force: true) } catch {
                guard error.code != .unknownTether else { continue }
                Log.shared.warning(
                    "a tether could not be removed",
                    ["tether": tether.id, "reason": error.message])
            }
        }
    }

    /// Finds a workload or throws `unknown_workload`.
    func workload(_ id: String) throws(APIError) -> Workload {
        guard let workload = context.workloads.find(id) else { throw Workloads.unknown(id) }
        return workload
    }

    func workload(of tether: Tether) -> Workload? {
        context.workloads.find(tether.record.workload)
    }

    // MARK: Steps

    private func insert(_ tether: Tether) {
        byID[tether.id] = tether
        all.append(tether)
    }

    private func drop(_ tether: Tether) {
        tether.isRemoved = true
        byID[tether.id] = nil
        all.removeAll { $0 === tether }
        tether.close(pool) {}
    }

    private func open(_ tether: Tether) throws(APIError) {
        guard !isClosed else { throw .daemonBusy("the daemon is stopping") }
        let remembered = Set(all.map(\.record.localPort))
        do throws(TetherOpenFailure) {
            try tether.open(pool, context) { remembered.contains($0) }
        } catch {
            switch error {
            case .noPort: throw .portPoolExhausted(pool.range)
            case .machine(let error) where error.kind == .outOfDescriptors:
                throw .daemonBusy("no descriptor is left to listen with")
            case .machine(let error):
                throw APIError(
                    .internal, "the tether cannot listen: \(error)",
                    hint: "see 'tethers.ports' in config.toml")
            }
        }
    }

    private func shut(_ tether: Tether) async {
        await withCheckedContinuation { continuation in
            tether.close(pool) { continuation.resume() }
        }
    }

    private func save(_ record: StoredTether) async throws(APIError) {
        do throws(StorageError) { try await store.save(record) } catch { throw .storage(error) }
    }
}

extension Tethers: TetherDelegate {
    package func tether(_ tether: Tether, failed text: String) {
        events?.publish(.tetherFailed(tether.facts, reason: text))
    }
}

extension Tethers {
    /// When a connection to a workload last moved bytes, milliseconds since 1970; nil: none is
    /// open. Asked before it is put to sleep.
    package func lastMovement(of workload: Workload) -> Int64? {
        var latest: Instant?
        for tether in all where tether.record.workload == workload.id {
            guard let moved = tether.proxy?.lastMovement else { continue }
            latest = max(latest ?? moved, moved)
        }
        guard let latest else { return nil }
        let age = context.reactor.now - latest
        return context.wallMilliseconds - max(0, age.inNanoseconds / 1_000_000)
    }
}

extension APIError {
    static func unknownTether(_ id: String) -> APIError {
        let shown = id.unicodeScalars.prefix(64).filter { !$0.actsOnDisplay }
        return APIError(
            .unknownTether, "no tether has the id '\(String(String.UnicodeScalarView(shown)))'",
            hint: "run 'gr k8s tethers', or ask GET /k8s/tethers, for the known ones")
    }

    @ReactorActor
    static func tetherActive(_ tether: Tether) -> APIError {
        APIError(
            .tetherActive, "the tether is active on port \(tether.record.localPort)",
            hint: "deactivate it first, or send ?force=1")
    }

    static func portPoolExhausted(_ range: ClosedRange<UInt16>) -> APIError {
        APIError(
            .portPoolExhausted,
            "no port from \(range.lowerBound) to \(range.upperBound) is free",
            hint: "deactivate or remove a tether, or widen 'tethers.ports' in config.toml")
    }
}
