// Putting to sleep and waking: one look, one decision, one patch that is guarded by the version of
// that look, so that nothing can be lost between "save what it had" and "scale to 0". A conflict
// leads to another look. One operation on a workload at a time; who asks for the same joins it.

import NetCore

/// Why a workload is put to sleep.
package enum SleepCause: String, Sendable {
    case request
    case autoSleep = "auto-sleep"
}

/// An operation under way on one workload.
@ReactorActor
final class ScalingOperation {
    enum Kind: Equatable {
        case putToSleep(force: Bool), autoSleep, wake, settings, mend

        /// Who asks for the same is answered with its outcome.
        var isJoined: Bool {
            switch self {
            case .putToSleep, .autoSleep, .wake: true
            case .settings, .mend: false
            }
        }
    }

    let kind: Kind
    /// Who waits for its end.
    var waiters: [CheckedContinuation<Result<Int, APIError>, Never>] = []

    init(_ kind: Kind) { self.kind = kind }
}

extension Workloads {
    /// Scales to 0 and keeps what it had; how many replicas there are then. `check` is asked right
    /// before the patch: false gives it up, and the answer is what it has.
    package func sleep(
        _ id: String, force: Bool = false, cause: SleepCause = .request,
        check: (@Sendable @ReactorActor (WorkloadRecord) -> Bool)? = nil
    ) async throws(APIError) -> Int {
        let workload = try get(id)
        let kind: ScalingOperation.Kind = cause == .request ? .putToSleep(force: force) : .autoSleep
        return try await operate(kind, on: workload) { () throws(APIError) in
            try await self.sleepNow(workload, force: force, cause: cause, check: check)
        }
    }

    /// Scales back; how many replicas there are then.
    package func wake(_ id: String) async throws(APIError) -> Int {
        let workload = try get(id)
        return try await operate(.wake, on: workload) { () throws(APIError) in
            try await self.wakeNow(workload)
        }
    }

    /// Whether it is awake and going to stay so for the moment; who connects to one that is not
    /// wakes it, which waits for what is under way.
    package func isAwake(_ workload: Workload) -> Bool {
        guard !workload.isAsleep else { return false }
        return switch operations[workload.id]?.kind {
        case .putToSleep, .autoSleep: false
        case .wake, .settings, .mend, nil: true
        }
    }

    // MARK: One at a time

    func operate(
        _ kind: ScalingOperation.Kind, on workload: Workload,
        _ work: @Sendable @ReactorActor () async throws(APIError) -> Int
    ) async throws(APIError) -> Int {
        // Ends: each round waits for an operation that ends, and the queue has a bound.
        while let current = operations[workload.id] {
            guard current.waiters.count < KubernetesLimits.operationWaitersMost else {
                throw .daemonBusy("too many requests wait for '\(workload.title)'")
            }
            let result = await withCheckedContinuation { current.waiters.append($0) }
            if current.kind == kind, kind.isJoined { return try result.get() }
        }
        let operation = ScalingOperation(kind)
        operations[workload.id] = operation
        let result: Result<Int, APIError>
        do throws(APIError) { result = .success(try await work()) } catch {
            result = .failure(error)
        }
        operations[workload.id] = nil
        for waiter in operation.waiters { waiter.resume(returning: result) }
        return try result.get()
    }

    // MARK: Sleep

    private func sleepNow(
        _ workload: Workload, force: Bool, cause: SleepCause,
        check: (@Sendable @ReactorActor (WorkloadRecord) -> Bool)?
    ) async throws(APIError) -> Int {
        let what = "putting '\(workload.title)' to sleep"
        if let refusal = refusal(of: workload, force: force) { throw refusal }
        do throws(ClusterFailure) {
            return try await retryingConflicts(workload) { client throws(ClusterFailure) in
                let object = try await self.look(workload)
                let record = object.record
                guard record.replicas > 0 else {
                    self.takeLook(record, of: workload)
                    return 0
                }
                if workload.kind == .statefulSet, object.deletesVolumes, !force {
                    throw .ours(Workloads.losesVolumes(workload))
                }
                // Later than the record before, or an undo that brings that back could win.
                let at = max(self.now, workload.kept.desiredAt + 1)
                try await self.storeBefore(workload, desired: record.replicas, at: at)
                guard check?(record) ?? true else { return Int(workload.replicas) }
                let body = self.sleepPatch(record, at: at)
                self.takeAnswer(try await client.patch(workload.target, body), of: workload)
                workload.managedBy = nil
                self.told(.workloadSlept(workload.facts, cause: cause.rawValue))
                return 0
            }
        } catch {
            if case .ours(let error) = error { throw error }
            throw answer(error, what, workload)
        }
    }

    /// The second witness first: the patch is the first one.
    private func storeBefore(
        _ workload: Workload, desired: Int, at: Int64
    ) async throws(ClusterFailure) {
        var row = WorkloadJournal.row(workload)
        row.kept.desired = desired
        row.kept.desiredAt = at
        do throws(StorageError) { try await store.save([row]) } catch {
            throw .ours(.storage(error))
        }
    }

    private func sleepPatch(_ record: WorkloadRecord, at: Int64) -> JSONText {
        var json = JSONText()
        json.beginObject()
        json.key("metadata")
        json.beginObject()
        WorkloadPatch.guardVersion(record, &json)
        json.key("annotations")
        json.beginObject()
        json.key(text: WorkloadRecord.Annotation.desired)
        json.string("\(record.replicas)")
        json.key(text: WorkloadRecord.Annotation.sleptAt)
        json.string(Timestamp.fineText(milliseconds: at))
        json.key(text: WorkloadRecord.Annotation.sleptBy)
        json.string(instance)
        json.endObject()
        json.endObject()
        WorkloadPatch.replicas(0, &json)
        json.endObject()
        return json
    }

    private nonisolated static func losesVolumes(_ workload: Workload) -> APIError {
        APIError(
            .sleepRefused,
            "StatefulSet '\(workload.title)' deletes its volumes when it is scaled down "
                + "(persistentVolumeClaimRetentionPolicy.whenScaled is Delete)",
            hint: "its data would be lost; with ?force=1 (gr k8s sleep --force) it is done anyway")
    }

    // MARK: Wake

    private func wakeNow(_ workload: Workload) async throws(APIError) -> Int {
        do throws(ClusterFailure) {
            return try await retryingConflicts(workload) { client throws(ClusterFailure) in
                let record = try await self.look(workload).record
                guard record.replicas == 0 else {
                    self.takeLook(record, of: workload)
                    return record.replicas
                }
                let replicas = WorkloadWitnesses(record, workload.kept).kept.desired ?? 1
                let body = self.wakePatch(record, replicas)
                self.takeAnswer(try await client.patch(workload.target, body), of: workload)
                workload.managedBy = nil
                self.told(.workloadWoken(workload.facts))
                return replicas
            }
        } catch {
            if case .ours(let error) = error { throw error }
            throw answer(error, "waking '\(workload.title)'", workload)
        }
    }

    private func wakePatch(_ record: WorkloadRecord, _ replicas: Int) -> JSONText {
        var json = JSONText()
        json.beginObject()
        json.key("metadata")
        json.beginObject()
        WorkloadPatch.guardVersion(record, &json)
        WorkloadPatch.withoutSleep(&json)
        json.endObject()
        WorkloadPatch.replicas(replicas, &json)
        json.endObject()
        return json
    }

    // MARK: Shared

    /// Looks, decides and patches until nobody came in between.
    func retryingConflicts(
        _ workload: Workload,
        _ attempt:
            @Sendable @ReactorActor (KubernetesClient) async throws(ClusterFailure) -> Int
    ) async throws(ClusterFailure) -> Int {
        guard let client = client(of: workload.cluster) else { throw .cancelled }
        for number in 1..<KubernetesLimits.conflictsMost {
            do throws(ClusterFailure) { return try await attempt(client) } catch {
                // A 422 is what an immutable uid answers: it was deleted and made anew meanwhile.
                guard error.isConflict || error.isInvalid else { throw error }
            }
            await client.backOff(number)
        }
        return try await attempt(client)
    }

    private func takeLook(_ record: WorkloadRecord, of workload: Workload) {
        guard let feed = feed(of: workload.cluster) else { return }
        _ = take(record, workload.kind, feed, from: .answer)
    }

    /// Why it must not be put to sleep, as far as that shows without asking; nil: it may.
    func refusal(of workload: Workload, force: Bool) -> APIError? {
        if isOurs(workload) {
            return APIError(
                .sleepRefused, "'\(workload.title)' is this daemon itself",
                hint: "asleep it could not wake anything; scale it with kubectl if you mean it")
        }
        guard Workloads.systemNamespaces.contains(workload.namespace), !force else { return nil }
        return APIError(
            .sleepRefused,
            "'\(workload.title)' belongs to the cluster itself (namespace \(workload.namespace))",
            hint: "other workloads need it; with ?force=1 (gr k8s sleep --force) it is done anyway")
    }

    nonisolated static let systemNamespaces: Set = [
        "kube-system", "kube-public", "kube-node-lease",
    ]
}

/// Parts of the patches.
enum WorkloadPatch {
    /// Nobody may have changed the object, or made it anew, since `record`.
    static func guardVersion(_ record: WorkloadRecord, _ json: inout JSONText) {
        json.field("uid", record.uid)
        json.field("resourceVersion", record.resourceVersion)
    }

    /// It was not put to sleep by us.
    static func withoutSleep(_ json: inout JSONText) {
        json.key("annotations")
        json.beginObject()
        typealias Annotation = WorkloadRecord.Annotation
        for name in [Annotation.desired, Annotation.sleptAt, Annotation.sleptBy] {
            json.key(text: name)
            json.null()
        }
        json.endObject()
    }

    static func replicas(_ count: Int, _ json: inout JSONText) {
        json.key("spec")
        json.beginObject()
        json.field("replicas", count)
        json.endObject()
    }
}
