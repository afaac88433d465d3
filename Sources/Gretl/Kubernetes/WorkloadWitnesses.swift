// What a workload comes back to, and its auto-sleep settings, have two witnesses: annotations on
// the object and a row of ours. Either can be lost or turned back (our database is deleted;
// `kubectl rollout undo` rebuilds annotations from an old ReplicaSet), and a person may scale the
// object at any time. This decides what counts and which witness has to be mended. Pure; called for
// every look at an object, by whoever takes records in.

/// What our row knows of a workload.
package struct KeptWorkload: Sendable, Equatable {
    /// What a wake brings back; nil: we did not put it to sleep.
    package var desired: Int?
    /// When it was put to sleep, or last known to be awake; milliseconds since 1970.
    package var desiredAt: Int64 = 0
    package var settings: AutoSleepSettings?

    package init() {}
}

/// What the witnesses say together.
package struct WorkloadWitnesses: Sendable, Equatable {
    /// Something changed that we did not do; told, never fought.
    package enum Drift: String, Sendable {
        /// It was put to sleep by us and has replicas again.
        case wokenElsewhere = "woken_elsewhere"
        /// The object no longer says what it comes back to.
        case annotationsLost = "annotations_lost"
        /// The object says what was true at another time.
        case annotationsOld = "annotations_old"
    }

    /// What to do about the annotations of the replicas.
    package enum Mend: Equatable, Sendable {
        case none
        /// The object has to say it (again).
        case write(replicas: Int, at: Int64)
        case remove
    }

    /// What our row has to hold from now on.
    package private(set) var kept: KeptWorkload
    package private(set) var mend = Mend.none
    /// The settings the object has to hold (again).
    package private(set) var mendSettings: AutoSleepSettings?
    package private(set) var drift: Drift?

    /// `record` as the object is now, `kept` as our row says; nil when there is none.
    package init(_ record: WorkloadRecord, _ kept: KeptWorkload?) {
        self.kept = kept ?? KeptWorkload()
        if record.replicas > 0 { judgeAwake(record) } else { judgeAsleep(record) }
        judgeSettings(record)
    }

    private mutating func judgeAwake(_ record: WorkloadRecord) {
        if let written = record.desired {
            mend = .remove
            // Of a time before the last one we know of: an undo brought it back.
            let isOld = kept.desired == nil && written.at <= kept.desiredAt
            drift = isOld ? .annotationsOld : .wokenElsewhere
            kept.desiredAt = max(kept.desiredAt, written.at)
        }
        // Without an annotation another daemon woke it, which is in order.
        kept.desired = nil
    }

    private mutating func judgeAsleep(_ record: WorkloadRecord) {
        switch (record.desired, kept.desired) {
        case (nil, nil): break
        case (let written?, nil):
            guard written.at > kept.desiredAt || kept.desiredAt == 0 else {
                // It was awake since, and somebody scaled it to 0: what it had then is unknown, and
                // this is the best there is.
                drift = .annotationsOld
                kept.desired = written.replicas
                return
            }
            kept.desired = written.replicas
            kept.desiredAt = written.at
        case (nil, let known?):
            mend = .write(replicas: known, at: kept.desiredAt)
            drift = .annotationsLost
        case (let written?, let known?):
            if written.at >= kept.desiredAt {
                kept.desired = written.replicas
                kept.desiredAt = written.at
            } else if written.replicas != known {
                mend = .write(replicas: known, at: kept.desiredAt)
                drift = .annotationsOld
            }
        }
    }

    private mutating func judgeSettings(_ record: WorkloadRecord) {
        let written = record.settings
        guard let known = kept.settings else {
            kept.settings = written
            return
        }
        if let written, written.changedAt >= known.changedAt {
            kept.settings = written
        } else if written != known {
            mendSettings = known
        }
    }
}
