// Puts right what the witnesses disagree on: writes annotations again that a rollout undo took
// away, removes those that stand on a workload somebody else woke, and now and then notes activity
// on the object, for the daemons of others. One workload at a time and at an easy pace, since each
// is a write to an API server that nobody waits for; what fails is tried when next seen.

import NetCore

/// Mends annotations in the background.
@ReactorActor
final class WorkloadMender {
    private let workloads: Workloads
    private var waiting: [String: Workload] = [:]
    private var isRunning = false
    /// When activity was last noted on an object, by id.
    private var notedAt: [String: Int64] = [:]

    init(_ workloads: Workloads) { self.workloads = workloads }

    func mend(_ workload: Workload) {
        guard waiting.count < KubernetesLimits.mendsMost else { return }
        waiting[workload.id] = workload
        run()
    }

    /// Has the activity of one that may be put to sleep noted on the object, seldom.
    func noteActivity(_ workload: Workload) {
        guard workload.settings.isEnabled else { return }
        let pause = max(60_000, Int64(workload.settings.idleMinutes) * 15_000)
        guard workloads.now - (notedAt[workload.id] ?? 0) >= pause else { return }
        notedAt[workload.id] = workloads.now
        mend(workload)
    }

    func forget(_ workload: Workload) { notedAt[workload.id] = nil }

    /// Changes a second, over all clusters.
    private static let perSecond: Int64 = 5

    private func run() {
        guard !isRunning else { return }
        isRunning = true
        spawn { [self] in
            while !workloads.isClosed, let (id, workload) = waiting.first {
                waiting[id] = nil
                guard workloads.find(id) === workload else { continue }
                do throws(APIError) {
                    _ = try await workloads.operate(.mend, on: workload) { () throws(APIError) in
                        try await self.mendNow(workload)
                    }
                } catch {
                    Log.shared.warning(
                        "annotations cannot be mended",
                        ["workload": workload.title, "reason": error.message])
                }
                await workloads.reactor.pause(
                    workloads.pace.stretch(.milliseconds(1_000 / WorkloadMender.perSecond)))
            }
            isRunning = false
        }
    }

    private func mendNow(_ workload: Workload) async throws(APIError) -> Int {
        do throws(ClusterFailure) {
            return try await workloads.retryingConflicts(workload) {
                client throws(ClusterFailure) in
                let record = try await self.workloads.look(workload).record
                guard let body = self.patch(record, workload) else { return 0 }
                self.workloads.takeAnswer(
                    try await client.patch(workload.target, body), of: workload)
                return 0
            }
        } catch {
            throw workloads.answer(error, "mending '\(workload.title)'", workload)
        }
    }

    /// What the object lacks; nil: nothing.
    private func patch(_ record: WorkloadRecord, _ workload: Workload) -> JSONText? {
        typealias Annotation = WorkloadRecord.Annotation
        let witnesses = WorkloadWitnesses(record, workload.kept)
        var changes: [(String, String?)] = []
        switch witnesses.mend {
        case .none: break
        case .write(let replicas, let at):
            changes += [
                (Annotation.desired, "\(replicas)"),
                (Annotation.sleptAt, Timestamp.fineText(milliseconds: at)),
                (Annotation.sleptBy, workloads.instance),
            ]
        case .remove:
            changes += [
                (Annotation.desired, nil), (Annotation.sleptAt, nil), (Annotation.sleptBy, nil),
            ]
        }
        if let settings = witnesses.mendSettings { changes += AutoSleep.annotations(settings) }
        if workload.settings.isEnabled, let activity = workload.lastActivity,
            activity > record.activity ?? 0
        {
            changes.append((Annotation.activity, Timestamp.fineText(milliseconds: activity)))
        }
        guard !changes.isEmpty else { return nil }
        return WorkloadPatch.annotations(record, changes)
    }

    // MARK: Drift

    /// Tells of a change that we did not make, and of who made it.
    func tell(_ drift: WorkloadWitnesses.Drift, of workload: Workload, sleptAt: Int64?) {
        guard drift == .wokenElsewhere else {
            workloads.told(.workloadDrift(workload.facts, what: drift.rawValue, manager: nil))
            return
        }
        spawn { [self] in
            let object = try? await workloads.look(workload)
            let manager = object?.otherScaler
            // A person wakes it once; what does so soon after is going to do it again.
            if let sleptAt, workloads.now - sleptAt < WorkloadMender.soon {
                workload.managedBy = manager ?? "unknown"
            }
            workloads.told(.workloadDrift(workload.facts, what: drift.rawValue, manager: manager))
        }
    }

    private static let soon: Int64 = 10 * 60_000
}
