// What changed of workloads and is still to be stored and told. Both happen a moment later and for
// many at once: a rollout of a thousand pods is a thousand changes in a second, and only what comes
// of them counts. A full disk keeps what is to be stored; it is tried again.

import NetCore

/// Stores and tells of changes.
@ReactorActor
final class WorkloadJournal {
    private let workloads: Workloads
    private var unstored: [String: Workload] = [:]
    private var unremoved: Set<String> = []
    private var untold: [String: Workload] = [:]
    private var timer = TimerHandle.none
    private var isStoring = false
    private var isFailing = false
    /// A list was read: what only reading it needed is given back when all of it is stored.
    private var hasListed = false
    /// Nothing is stored before.
    private var retryAt = Instant(nanoseconds: .min)

    init(_ workloads: Workloads) { self.workloads = workloads }

    func store(_ workload: Workload) {
        unstored[workload.id] = workload
        unremoved.remove(workload.id)
        schedule()
    }

    func removed(_ workload: Workload) {
        unstored[workload.id] = nil
        untold[workload.id] = nil
        unremoved.insert(workload.id)
        schedule()
    }

    func changed(_ workload: Workload) {
        untold[workload.id] = workload
        schedule()
    }

    /// A whole list was taken in.
    func listed() {
        hasListed = true
        schedule()
    }

    /// Gives back what the list needed: its batches, the code that began the connections.
    private func rest() {
        hasListed = false
        (unstored, untold, unremoved) = ([:], [:], [])
        workloads.releaseUnused()
    }

    /// The row of a workload as it is.
    static func row(_ workload: Workload) -> WorkloadStore.Row {
        WorkloadStore.Row(
            id: workload.id, cluster: workload.cluster.id, uid: workload.uid,
            namespace: workload.namespace, name: workload.name, kind: workload.kind,
            replicas: Int(workload.replicas), kept: workload.kept,
            activityAt: workload.lastActivity)
    }

    /// Stores what is left.
    func close() async {
        workloads.reactor.timers.cancel(timer)
        // Ends: each round takes some, and a failure ends it.
        while !unstored.isEmpty || !unremoved.isEmpty, !isFailing { await storeSome() }
    }

    private static let pause = Duration.milliseconds(100)
    private static let pauseAfterFailure = Duration.seconds(10)

    private func schedule() {
        guard !workloads.reactor.timers.isScheduled(timer) else { return }
        let soon = workloads.reactor.now + WorkloadJournal.pause
        timer = workloads.reactor.timers.schedule(
            at: untold.isEmpty ? max(soon, retryAt) : soon, self)
    }

    private func tell() {
        for id in untold.keys.prefix(KubernetesLimits.changesAtOnce) {
            guard let workload = untold.removeValue(forKey: id) else { continue }
            workloads.told(.workloadChanged(workload.facts))
        }
    }

    private func storeSome() async {
        let taken = unstored.prefix(KubernetesLimits.rowsAtOnce)
        let rows = taken.map { WorkloadJournal.row($0.value) }
        for id in taken.map(\.key) { unstored[id] = nil }
        let ids = Array(unremoved.prefix(KubernetesLimits.rowsAtOnce))
        unremoved.subtract(ids)
        do throws(StorageError) {
            try await workloads.store.save(rows)
            try await workloads.store.remove(ids)
            isFailing = false
        } catch {
            if !isFailing {
                Log.shared.error("workloads cannot be stored", ["why": error.description])
            }
            isFailing = true
            retryAt = workloads.reactor.now + WorkloadJournal.pauseAfterFailure
            for row in rows where unstored[row.id] == nil {
                unstored[row.id] = workloads.find(row.id)
            }
            unremoved.formUnion(ids.filter { unstored[$0] == nil })
        }
    }
}

extension WorkloadJournal: TimerHandler {
    func timerFired(_ tag: UInt32) {
        tell()
        let isDue = !unstored.isEmpty || !unremoved.isEmpty
        if hasListed, !isDue, !isStoring, untold.isEmpty { return rest() }
        guard isDue, !isStoring, workloads.reactor.now >= retryAt else {
            if isDue || !untold.isEmpty { schedule() }
            return
        }
        isStoring = true
        spawn { [self] in
            await storeSome()
            isStoring = false
            if !unstored.isEmpty || !unremoved.isEmpty || hasListed { schedule() }
        }
        if !untold.isEmpty { schedule() }
    }
}
