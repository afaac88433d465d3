// What a workload comes back to, whatever happens to the object and to our database.

import Gretl
import TestSupport
import Testing

struct WorkloadWitnessTests {
    private func record(
        _ replicas: Int, desired: (Int, Int64)? = nil, settings: AutoSleepSettings? = nil
    ) -> WorkloadRecord {
        var record = WorkloadRecord()
        record.replicas = replicas
        if let desired {
            record.annotations[WorkloadRecord.Annotation.desired] = "\(desired.0)"
            record.annotations[WorkloadRecord.Annotation.sleptAt] =
                Timestamp.fineText(milliseconds: desired.1)
        }
        if let settings {
            record.annotations[WorkloadRecord.Annotation.autoSleep] = "\(settings.isEnabled)"
            record.annotations[WorkloadRecord.Annotation.idleMinutes] = "\(settings.idleMinutes)"
            record.annotations[WorkloadRecord.Annotation.settingsAt] =
                Timestamp.fineText(milliseconds: settings.changedAt)
        }
        return record
    }

    private func kept(_ desired: Int?, _ at: Int64) -> KeptWorkload {
        var kept = KeptWorkload()
        kept.desired = desired
        kept.desiredAt = at
        return kept
    }

    @Test func annotationsAloneSuffice() {
        let seen = WorkloadWitnesses(record(0, desired: (4, 5_000)), nil)
        #expect(seen.kept.desired == 4 && seen.kept.desiredAt == 5_000)
        #expect(seen.mend == .none && seen.drift == nil)
    }

    @Test func anUndoThatTakesTheAnnotationsAwayIsMended() {
        let seen = WorkloadWitnesses(record(0), kept(3, 9_000))
        #expect(seen.kept.desired == 3)
        #expect(seen.mend == .write(replicas: 3, at: 9_000))
        #expect(seen.drift == .annotationsLost)
    }

    @Test func anUndoThatBringsOlderOnesBackIsMended() {
        let seen = WorkloadWitnesses(record(0, desired: (7, 1_000)), kept(3, 9_000))
        #expect(seen.kept.desired == 3)
        #expect(seen.mend == .write(replicas: 3, at: 9_000))
        #expect(seen.drift == .annotationsOld)
        let awake = WorkloadWitnesses(record(3, desired: (7, 1_000)), kept(nil, 9_000))
        #expect(awake.mend == .remove && awake.drift == .annotationsOld)
        #expect(awake.kept.desired == nil)
    }

    @Test func theNewerWitnessWins() {
        let seen = WorkloadWitnesses(record(0, desired: (7, 10_000)), kept(3, 9_000))
        #expect(seen.kept.desired == 7 && seen.kept.desiredAt == 10_000)
        #expect(seen.mend == .none)
    }

    @Test func whatSomebodyElseWokeIsNotAsleep() {
        let seen = WorkloadWitnesses(record(2, desired: (4, 5_000)), kept(4, 5_000))
        #expect(seen.kept.desired == nil && seen.mend == .remove)
        #expect(seen.drift == .wokenElsewhere)
        let inOrder = WorkloadWitnesses(record(2), kept(4, 5_000))
        #expect(inOrder.kept.desired == nil && inOrder.mend == .none && inOrder.drift == nil)
    }

    @Test func whatAPersonScaledToNothingHasNoRecord() {
        let seen = WorkloadWitnesses(record(0), nil)
        #expect(seen.kept.desired == nil && seen.mend == .none && seen.drift == nil)
    }

    @Test func numbersNobodyWroteAreNone() {
        for text in ["0", "-3", "99999999999", "x", ""] {
            var odd = record(0)
            odd.annotations[WorkloadRecord.Annotation.desired] = text
            #expect(WorkloadWitnesses(odd, nil).kept.desired == nil, "\(text)")
        }
    }

    @Test func settingsOutliveEitherWitness() {
        let old = AutoSleepSettings(isEnabled: true, idleMinutes: 10, changedAt: 1_000)
        let new = AutoSleepSettings(isEnabled: true, idleMinutes: 45, changedAt: 2_000)
        var known = KeptWorkload()
        known.settings = new
        #expect(WorkloadWitnesses(record(1, settings: new), nil).kept.settings == new)
        #expect(WorkloadWitnesses(record(1), known).mendSettings == new)
        let turnedBack = WorkloadWitnesses(record(1, settings: old), known)
        #expect(turnedBack.mendSettings == new && turnedBack.kept.settings == new)
        known.settings = old
        let changed = WorkloadWitnesses(record(1, settings: new), known)
        #expect(changed.mendSettings == nil && changed.kept.settings == new)
    }

    /// Sleeps, wakes, undos, losses of the database and foreign hands in any order: while one
    /// witness is left, what a wake brings back is what was there before the sleep.
    @Test func replicasAreNeverLostWhileOneWitnessIsLeft() {
        for seed in 0..<2_000 {
            var random = SeededGenerator(seed: UInt64(seed))
            var object = record(3)
            var row: KeptWorkload?
            // Annotations an undo can bring back.
            var revisions: [[String: String]] = [[:]]
            var truth: Int?
            var now: Int64 = 1_000
            for _ in 0..<40 {
                now += 1_000
                switch Int.random(in: 0..<6, using: &random) {
                case 0 where object.replicas > 0:
                    truth = object.replicas
                    object = record(0, desired: (object.replicas, now))
                case 1 where object.replicas == 0:
                    object = record(truth ?? 1)
                    truth = nil
                case 2:
                    // Looked at in between, as a watch does: both are not lost at once.
                    object.annotations = revisions.randomElement(using: &random) ?? [:]
                case 3: row = nil
                case 4:
                    object.replicas = Int.random(in: 1...9, using: &random)
                    truth = nil
                default: revisions.append(object.annotations)
                }
                let seen = WorkloadWitnesses(object, row)
                row = seen.kept
                switch seen.mend {
                case .none: break
                case .write(let replicas, let at): object = record(0, desired: (replicas, at))
                case .remove: object.annotations = [:]
                }
                if let truth { #expect(row?.desired == truth, "seed \(seed)") }
                if object.replicas > 0 { #expect(row?.desired == nil, "seed \(seed)") }
                let again = WorkloadWitnesses(object, row)
                #expect(again.mend == .none && again.kept == row, "seed \(seed): not at rest")
            }
        }
    }
}
