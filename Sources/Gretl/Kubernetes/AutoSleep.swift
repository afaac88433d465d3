// The settings of auto-sleep: off until somebody asks for it, kept in annotations and in our row,
// refused where it would do harm. A Service that leads to the workload brings traffic which we do
// not see, so that such a workload needs a word more.

import NetCore

/// Reads and changes settings.
package enum AutoSleep {
    /// What a request changes.
    package struct Change: Sendable, Equatable {
        package var isEnabled: Bool?
        package var idleMinutes: Int?
        package var force = false

        package init() {}

        /// Of the body of a PATCH.
        package init(_ fields: [String: JSONValue]) throws(APIError) {
            for (name, value) in fields {
                switch (name, value) {
                case ("auto_sleep_enabled", .bool(let flag)): isEnabled = flag
                case ("idle_timeout_minutes", .integer(let minutes)):
                    guard let minutes = Int(exactly: minutes),
                        AutoSleepSettings.minutes.contains(minutes)
                    else {
                        throw .invalid(
                            "'idle_timeout_minutes' is not a number from 1 to 43200",
                            hint: "such as 30")
                    }
                    idleMinutes = minutes
                case ("force", .bool(let flag)): force = flag
                case ("auto_sleep_enabled", _), ("force", _):
                    throw .invalid("'\(name)' is neither true nor false", hint: "such as true")
                case ("idle_timeout_minutes", _):
                    throw .invalid(
                        "'idle_timeout_minutes' is \(value.kind), not a whole number",
                        hint: "such as 30")
                default:
                    throw .invalid(
                        "there is no setting '\(ClusterFailure.clean(name, most: 64))'",
                        hint: "they are auto_sleep_enabled, idle_timeout_minutes and force")
                }
            }
            guard isEnabled != nil || idleMinutes != nil else {
                throw .invalid(
                    "the body changes nothing",
                    hint: "send auto_sleep_enabled, idle_timeout_minutes, or both")
            }
        }
    }

    /// The annotations that say `settings`.
    static func annotations(_ settings: AutoSleepSettings) -> [(String, String?)] {
        [
            (WorkloadRecord.Annotation.autoSleep, settings.isEnabled ? "true" : "false"),
            (WorkloadRecord.Annotation.idleMinutes, "\(settings.idleMinutes)"),
            (
                WorkloadRecord.Annotation.settingsAt,
                Timestamp.fineText(milliseconds: settings.changedAt)
            ),
        ]
    }
}

extension WorkloadPatch {
    /// A guarded change of annotations; nil removes one.
    static func annotations(_ record: WorkloadRecord, _ changes: [(String, String?)]) -> JSONText {
        var json = JSONText()
        json.beginObject()
        json.key("metadata")
        json.beginObject()
        guardVersion(record, &json)
        json.key("annotations")
        json.beginObject()
        for (name, value) in changes {
            json.key(text: name)
            if let value { json.string(value) } else { json.null() }
        }
        json.endObject()
        json.endObject()
        json.endObject()
        return json
    }
}

extension Workloads {
    /// Changes the settings of a workload; what they are then.
    package func configure(
        _ id: String, _ change: AutoSleep.Change
    ) async throws(APIError) -> AutoSleepSettings {
        let workload = try get(id)
        _ = try await operate(.settings, on: workload) { () throws(APIError) in
            try await self.configureNow(workload, change)
        }
        return workload.settings
    }

    private func configureNow(
        _ workload: Workload, _ change: AutoSleep.Change
    ) async throws(APIError) -> Int {
        if change.isEnabled == true, let refusal = refusal(of: workload, force: false) {
            throw refusal
        }
        do throws(ClusterFailure) {
            return try await retryingConflicts(workload) { client throws(ClusterFailure) in
                let object = try await self.look(workload)
                if change.isEnabled == true, !change.force {
                    try await self.checkTraffic(workload, object, client)
                }
                var settings =
                    WorkloadWitnesses(object.record, workload.kept).kept.settings
                    ?? AutoSleepSettings()
                settings.isEnabled = change.isEnabled ?? settings.isEnabled
                settings.idleMinutes = change.idleMinutes ?? settings.idleMinutes
                // Later than what stood there, whatever the clocks of others say.
                settings.changedAt = max(self.now, settings.changedAt + 1)
                let body = WorkloadPatch.annotations(
                    object.record, AutoSleep.annotations(settings))
                self.takeAnswer(try await client.patch(workload.target, body), of: workload)
                workload.managedBy = nil
                self.sweeper.replan()
                return 0
            }
        } catch {
            if case .ours(let error) = error { throw error }
            throw answer(error, "changing the settings of '\(workload.title)'", workload)
        }
    }

    /// Refuses one that a Service leads to, or whose volumes a sleep deletes.
    private func checkTraffic(
        _ workload: Workload, _ object: WorkloadObject, _ client: KubernetesClient
    ) async throws(ClusterFailure) {
        if object.deletesVolumes {
            throw .ours(
                Workloads.needsForce(
                    "StatefulSet '\(workload.title)' deletes its volumes when it "
                        + "is scaled down"))
        }
        let services: [JSONValue]
        do throws(ClusterFailure) {
            services = try await client.items(
                ClusterPath.core("services", namespace: workload.namespace))
        } catch {
            guard error.isForbidden else { throw error }
            throw .ours(
                Workloads.needsForce(
                    "whether a Service leads to '\(workload.title)' cannot be seen: the right to "
                        + "list services in '\(workload.namespace)' is missing"))
        }
        let labels = object.podLabels
        for service in services {
            let selector = service["spec", "selector"]?.members ?? [:]
            guard !selector.isEmpty,
                selector.allSatisfy({ labels[$0.key] != nil && labels[$0.key] == $0.value.text })
            else { continue }
            let name = ClusterFailure.clean(service["metadata", "name"]?.text ?? "?", most: 64)
            throw .ours(
                Workloads.needsForce(
                    "Service '\(name)' leads to '\(workload.title)': its traffic does not pass "
                        + "through a tether and would not keep it awake"))
        }
    }

    private nonisolated static func needsForce(_ message: String) -> APIError {
        APIError(
            .sleepRefused, message,
            hint: "with \"force\": true (gr k8s autosleep --force) it is switched on anyway")
    }
}
