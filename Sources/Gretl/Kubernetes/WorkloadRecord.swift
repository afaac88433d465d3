// A Deployment or StatefulSet as an API server shows it, as far as we look, and the annotations in
// which we keep what has to outlive our database. A value: read by WorkloadReader, taken in by
// Workloads.

/// What an API server says of one object.
package struct WorkloadRecord: Sendable, Equatable {
    package var uid = ""
    package var namespace = ""
    package var name = ""
    package var resourceVersion = ""
    /// `spec.replicas`; absent means 1.
    package var replicas = 1
    package var readyReplicas = 0
    /// By name, those of ours only.
    package var annotations: [String: String] = [:]

    package init() {}

    /// The names of our annotations.
    package enum Annotation {
        /// How many replicas there were before the workload was put to sleep.
        package static let desired = "gretl.dev/desired-replicas"
        /// When that was, RFC 3339 in UTC with milliseconds.
        package static let sleptAt = "gretl.dev/slept-at"
        /// Which daemon did it.
        package static let sleptBy = "gretl.dev/slept-by"
        /// "true" or "false".
        package static let autoSleep = "gretl.dev/auto-sleep"
        package static let idleMinutes = "gretl.dev/idle-timeout-minutes"
        /// When the two settings above were last changed.
        package static let settingsAt = "gretl.dev/settings-at"
        /// When a connection last moved bytes, for the other daemons; written seldom.
        package static let activity = "gretl.dev/last-activity"

        static let all = [
            desired, sleptAt, sleptBy, autoSleep, idleMinutes, settingsAt, activity,
        ]
    }

    /// The replicas to come back to, and since when (milliseconds since 1970), when we put it to
    /// sleep. A number nobody could have written is none.
    package var desired: (replicas: Int, at: Int64)? {
        guard let replicas = annotations[Annotation.desired].flatMap({ Int($0) }),
            (1...WorkloadRecord.replicasMost).contains(replicas)
        else { return nil }
        return (replicas, annotations[Annotation.sleptAt].flatMap(Timestamp.milliseconds) ?? 0)
    }

    /// The auto-sleep settings that stand on the object.
    package var settings: AutoSleepSettings? {
        guard let word = annotations[Annotation.autoSleep], word == "true" || word == "false",
            let minutes = annotations[Annotation.idleMinutes].flatMap({ Int($0) }),
            AutoSleepSettings.minutes.contains(minutes)
        else { return nil }
        return AutoSleepSettings(
            isEnabled: word == "true", idleMinutes: minutes,
            changedAt: annotations[Annotation.settingsAt].flatMap(Timestamp.milliseconds) ?? 0)
    }

    /// When a connection of any daemon last moved bytes, milliseconds since 1970.
    package var activity: Int64? {
        annotations[Annotation.activity].flatMap(Timestamp.milliseconds)
    }

    /// As many as an int32 of the API holds.
    package static let replicasMost = Int(Int32.max)
}

/// When a workload is put to sleep by itself.
package struct AutoSleepSettings: Sendable, Equatable {
    package var isEnabled = false
    package var idleMinutes = AutoSleepSettings.defaultMinutes
    /// Milliseconds since 1970; 0: never.
    package var changedAt: Int64 = 0

    package static let defaultMinutes = 30
    /// A minute to a month.
    package static let minutes = 1...43_200

    package init() {}

    package init(isEnabled: Bool, idleMinutes: Int, changedAt: Int64) {
        self.isEnabled = isEnabled
        self.idleMinutes = idleMinutes
        self.changedAt = changedAt
    }
}
