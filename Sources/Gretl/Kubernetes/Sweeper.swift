// Puts to sleep what has idled for as long as its settings say. One timer, at the next deadline and
// ten minutes ahead at the latest; a Lease in the cluster keeps two daemons from doing it twice.
// Right before the patch it looks again at the object, at the settings and at the connections.

package import NetCore

/// Sweeps the workloads that may be put to sleep.
@ReactorActor
package final class Sweeper {
    /// What becomes of one workload.
    package struct Plan: Sendable {
        package var workload: Workload
        /// Milliseconds since 1970; nil: not at all.
        package var dueAt: Int64?
        package var reason: String
    }

    private let workloads: Workloads
    private var timer = TimerHandle.none
    private var isRunning = false
    private var isStopped = false
    /// When one that could not be put to sleep is tried again, by id.
    private var retryAt: [String: Int64] = [:]

    init(_ workloads: Workloads) { self.workloads = workloads }

    /// How late it is at most.
    private static let pauseMost: Int64 = 10 * 60_000
    private static let pauseLeast: Int64 = 1_000
    /// Behind a failure.
    private static let pauseAfterFailure: Int64 = 10 * 60_000
    /// Behind a look that said no.
    private static let pauseAfterRefusal: Int64 = 60_000
    /// Sleeps a second in one cluster.
    private static let perSecond: Int64 = 5

    /// Something changed that may bring the next deadline nearer.
    func replan() {
        guard !isStopped, !isRunning else { return }
        workloads.reactor.timers.cancel(timer)
        let now = workloads.now
        var next = now + Sweeper.pauseMost
        for workload in workloads.unsorted where workload.settings.isEnabled {
            if let due = plan(workload).dueAt { next = min(next, due) }
        }
        let pause = max(Sweeper.pauseLeast, next - now)
        timer = workloads.reactor.timers.schedule(
            at: workloads.reactor.now + workloads.pace.stretch(.milliseconds(pause)), self)
    }

    func stop() {
        isStopped = true
        workloads.reactor.timers.cancel(timer)
    }

    func forget(_ workload: Workload) { retryAt[workload.id] = nil }

    /// What becomes of `workload` as things stand.
    package func plan(_ workload: Workload) -> Plan {
        guard workload.settings.isEnabled else {
            return Plan(workload: workload, dueAt: nil, reason: "auto-sleep is off")
        }
        guard !workload.isAsleep else {
            return Plan(workload: workload, dueAt: nil, reason: "it is asleep")
        }
        if let manager = workload.managedBy {
            return Plan(
                workload: workload, dueAt: nil,
                reason: "'\(manager)' woke it right after it was put to sleep; it is left alone "
                    + "until its settings are changed or it is put to sleep by hand")
        }
        let due = idleSince(workload) + Int64(workload.settings.idleMinutes) * 60_000
        if let retry = retryAt[workload.id], retry > due {
            return Plan(workload: workload, dueAt: retry, reason: "the last attempt failed")
        }
        return Plan(
            workload: workload, dueAt: due,
            reason: "idle for \(workload.settings.idleMinutes) min by then")
    }

    /// Since when nothing happened, milliseconds since 1970.
    private func idleSince(_ workload: Workload) -> Int64 {
        var since = max(workload.seenAt, workload.settings.changedAt, workload.kept.desiredAt)
        since = max(since, workload.lastActivity ?? 0)
        return max(since, workloads.traffic?.lastMovement(of: workload) ?? 0)
    }

    private func isDue(_ workload: Workload) -> Bool {
        plan(workload).dueAt.map { $0 <= workloads.now } ?? false
    }

    // MARK: A sweep

    /// Puts to sleep what is due.
    package func sweep() async {
        var byCluster: [String: [Workload]] = [:]
        for workload in workloads.unsorted where isDue(workload) {
            byCluster[workload.cluster.id, default: []].append(workload)
        }
        for due in byCluster.values.sorted(by: { $0[0].cluster.name < $1[0].cluster.name }) {
            await sweep(due, of: due[0].cluster)
        }
    }

    private func sweep(_ due: [Workload], of cluster: Cluster) async {
        guard let client = workloads.client(of: cluster) else { return }
        let lease = SweeperLease(
            client, namespace: cluster.access.namespace, holder: workloads.instance)
        guard await lease.acquire(on: workloads.reactor, pace: workloads.pace) else {
            for workload in due { retryAt[workload.id] = workloads.now + Sweeper.leasePause }
            return
        }
        for workload in due where !isStopped && isDue(workload) {
            await put(workload)
            await workloads.reactor.pause(
                workloads.pace.stretch(.milliseconds(1_000 / Sweeper.perSecond)))
            guard await lease.renew(on: workloads.reactor) else { break }
        }
        await lease.release()
    }

    /// Another daemon sweeps: what it leaves is looked at again.
    private static let leasePause: Int64 = 20_000

    private func put(_ workload: Workload) async {
        do throws(APIError) {
            let replicas = try await workloads.sleep(
                workload.id, cause: .autoSleep
            ) { [self] record in
                // As the object is now: somebody may have switched it off, or been busy elsewhere.
                if let activity = record.activity {
                    workload.lastActivity = max(activity, workload.lastActivity ?? 0)
                }
                let settings = WorkloadWitnesses(record, workload.kept).kept.settings
                return settings == workload.settings && isDue(workload)
            }
            // Something came in between: it is looked at again in a while.
            retryAt[workload.id] =
                replicas == 0 ? nil : workloads.now + Sweeper.pauseAfterRefusal
        } catch {
            retryAt[workload.id] = workloads.now + Sweeper.pauseAfterFailure
            Log.shared.warning(
                "an idle workload cannot be put to sleep",
                ["workload": workload.title, "reason": error.message])
        }
    }
}

extension Sweeper: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        guard !isStopped, !isRunning else { return }
        isRunning = true
        spawn { [self] in
            await sweep()
            isRunning = false
            replan()
        }
    }
}
