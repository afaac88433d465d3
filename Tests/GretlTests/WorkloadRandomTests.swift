// A thousand bad days: sleeps, wakes, settings, people and controllers that scale, rollouts that
// are undone, watches cut, answers lost, restarts, the database deleted. Whatever happens, no
// count of replicas is lost, and at most one wake of a workload is under way. The seed of a failing
// day is in the message.

import Gretl
import NetCore
import TestSupport
import Testing

struct WorkloadRandomTests {
    /// Days in each of ten parts; all with GR_FULL=1.
    private static let seeds = Terminal.environment()["GR_FULL"] == "1" ? 100 : 10

    @Test(arguments: 0..<10)
    func `No count of replicas is lost on a bad day`(part: Int) async throws {
        let fixture = try DatabaseFixture()
        for seed in (part * 100)..<(part * 100 + WorkloadRandomTests.seeds) {
            try await onReactor {
                let day = try await BadDay(seed: UInt64(seed), fixture: fixture)
                try await day.run()
                #expect(day.problems.isEmpty, "seed \(seed): \(day.problems)")
            }
        }
    }
}

/// One day of one cluster.
@ReactorActor
private final class BadDay {
    private let stage: WorkloadStage
    private var random: SeededGenerator
    private let names = ["api", "jobs", "web", "db"]
    /// Annotations as they once were, for a rollout undo.
    private var past: [String: [[String: String]]] = [:]
    private(set) var problems: [String] = []
    /// What was acknowledged last and nobody changed since.
    private var settings: [String: AutoSleepSettings] = [:]

    init(seed: UInt64, fixture: DatabaseFixture) async throws {
        random = SeededGenerator(seed: seed &* 7_919 &+ 1)
        stage = try await WorkloadStage(seed: seed, fixture: fixture)
    }

    func run() async throws {
        for name in names {
            stage.invented.add(name, replicas: random.number(in: 1...6)) { object in
                if name == "db" { object.kind = .statefulSet }
            }
        }
        try await stage.sync()
        setFaults()
        for _ in 0..<random.number(in: 10...30) { try await step() }
        try await settle()
        problems += stage.invented.breaches
        await stage.close()
    }

    private func setFaults() {
        guard !random.oneIn(4) else { return }
        stage.invented.faults.unreachable = random.number(in: 0...10)
        stage.invented.faults.lostAnswer = random.number(in: 0...20)
        stage.invented.faults.tooMany = random.number(in: 0...15)
        stage.invented.faults.failing = random.number(in: 0...5)
        stage.invented.faults.conflict = random.number(in: 0...30)
        stage.invented.faults.cutWatch = random.number(in: 0...20)
    }

    private func step() async throws {
        let name = random.pick(names)
        if let object = stage.invented.objects[name] {
            past[name, default: []].append(object.annotations)
        }
        let choice = random.number(in: 0...15)
        switch choice {
        case 0...3: await act { workloads, id in _ = try? await workloads.sleep(id) }
        case 4...7: await act { workloads, id in _ = try? await workloads.wake(id) }
        case 8:
            // Several at once, of both kinds.
            await together(name)
        case 9: stage.invented.edit(name) { $0.replicas = self.random.number(in: 1...6) }
        case 10: stage.invented.edit(name) { $0.replicas = 0 }
        case 11: undo(name)
        case 12: stage.invented.compact()
        case 13: try await restart()
        case 14: await configure(name)
        default: stage.invented.mayCut()
        }
        stage.invented.mayCut()
        for _ in 0..<random.number(in: 0...4) { await othersTurn() }
    }

    private func act(_ operation: @ReactorActor (Workloads, String) async -> Void) async {
        await operation(stage.workloads, stage.id(random.pick(names)))
    }

    private func together(_ name: String) async {
        let workloads = stage.workloads
        let id = stage.id(name)
        let tasks = (0..<random.number(in: 2...8)).map { _ in
            let isWake = random.oneIn(2)
            return Task { @ReactorActor in
                _ = isWake ? try? await workloads.wake(id) : try? await workloads.sleep(id)
            }
        }
        for task in tasks { await task.value }
    }

    /// What a rollout undo does: other annotations of the past, or none.
    private func undo(_ name: String) {
        let known = past[name] ?? []
        stage.invented.undo(name, to: known.isEmpty || random.oneIn(3) ? [:] : random.pick(known))
    }

    private func configure(_ name: String) async {
        var change = AutoSleep.Change()
        change.isEnabled = random.oneIn(2)
        change.idleMinutes = random.number(in: 1...100)
        let made = try? await stage.workloads.configure(stage.id(name), change)
        // Without an answer it may have been done or not.
        settings[name] = made
    }

    /// A restart, or the loss of the database once the objects say all there is to say.
    private func restart() async throws {
        guard random.oneIn(3) else { return try await stage.restart() }
        let faults = stage.invented.faults
        stage.invented.faults = InventedCluster.Faults()
        await quiet()
        try await stage.loseDatabase()
        stage.invented.faults = faults
        // An undo further back than the loss would take the last witness.
        past = [:]
    }

    /// Waits until everything that was seen is mended.
    private func quiet() async {
        _ = try? await stage.workloads.sync(stage.cluster)
        for name in names {
            let isQuiet = await stage.eventually {
                guard let object = stage.invented.objects[name],
                    let workload = stage.workload(name)
                else { return true }
                let record = workload.replicas > 0 || !object.isSleptByUs
                let desired = object.annotations["gretl.dev/desired-replicas"]
                return workload.replicas == object.replicas
                    && (record || desired == "\(object.lastAwake)")
                    && (object.replicas == 0 || desired == nil)
            }
            if !isQuiet {
                problems.append(
                    "\(name) is not mended: \(String(describing: stage.invented.objects[name]))")
            }
        }
    }

    private func settle() async throws {
        stage.invented.faults = InventedCluster.Faults()
        await quiet()
        for name in names {
            guard let object = stage.invented.objects[name], let workload = stage.workload(name)
            else { continue }
            if let known = settings[name],
                workload.settings.isEnabled != known.isEnabled
                    || workload.settings.idleMinutes != known.idleMinutes
            {
                problems.append("\(name) forgot its settings: \(known) is \(workload.settings)")
            }
            let woken = try await stage.workloads.wake(workload.id)
            if object.isSleptByUs, woken != object.lastAwake {
                problems.append("\(name) had \(object.lastAwake), woke to \(woken)")
            }
        }
    }
}
