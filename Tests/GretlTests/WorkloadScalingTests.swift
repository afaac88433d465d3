// Sleep, wake, settings and the sweeper against an invented cluster.

import Gretl
import NetCore
import TestSupport
import Testing

struct WorkloadScalingTests {
    private func on(
        seed: UInt64 = 1,
        _ body: @escaping @Sendable @ReactorActor (WorkloadStage) async throws -> Void
    ) async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let stage = try await WorkloadStage(seed: seed, fixture: fixture)
            try await body(stage)
            #expect(stage.invented.breaches.isEmpty, "\(stage.invented.breaches)")
            await stage.close()
        }
    }

    @Test func `A list of many pages is taken in whole`() async throws {
        try await on { stage in
            stage.invented.pageMost = 7
            for number in 0..<40 { stage.invented.add("web-\(number)", replicas: number % 4) }
            stage.invented.add("db", replicas: 1) { $0.kind = .statefulSet }
            let count = try await stage.sync()
            #expect(count == 41)
            #expect(stage.workloads.all.count == 41)
            #expect(stage.workload("db")?.kind == .statefulSet)
            #expect(stage.workload("web-3")?.replicas == 3)
            #expect(stage.events.types.contains("cluster.synced"))
        }
    }

    @Test(arguments: [
        "{}", #"{"metadata":[],"items":{"a":1}}"#, #"{"metadata":{"resourceVersion":""}}"#,
        #"{"kind":"Status","code":200,"metadata":{}}"#, "[]", "null", #""""#, "{\"items\":[",
    ])
    func `What is no list takes no workload away`(answer: String) async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 1)
            try await stage.sync()
            stage.invented.strangeList = answer
            await #expect(throws: APIError.self) { try await stage.sync() }
            #expect(stage.workload("web")?.replicas == 1)
            stage.invented.strangeList = nil
            #expect(try await stage.sync() == 1)
        }
    }

    @Test func `What comes, changes and goes is seen by watching`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 1)
            try await stage.sync()
            stage.invented.add("new", replicas: 2)
            #expect(await stage.eventually { stage.workload("new")?.replicas == 2 })
            stage.invented.edit("web") { $0.replicas = 5 }
            #expect(await stage.eventually { stage.workload("web")?.replicas == 5 })
            stage.invented.delete("new")
            #expect(await stage.eventually { stage.workload("new") == nil })
            #expect(stage.events.types.contains("workload.removed"))
            stage.invented.cutWatches()
            stage.invented.edit("web") { $0.replicas = 4 }
            #expect(await stage.eventually { stage.workload("web")?.replicas == 4 })
            // While nobody watches, the past is forgotten: a new list finds what is gone.
            stage.invented.add("short", replicas: 1)
            #expect(await stage.eventually { stage.workload("short") != nil })
            stage.invented.cutWatches()
            stage.invented.delete("short")
            stage.invented.compact()
            stage.invented.edit("web") { $0.replicas = 3 }
            #expect(await stage.eventually { stage.workload("short") == nil })
            #expect(await stage.eventually { stage.workload("web")?.replicas == 3 })
        }
    }

    @Test func `Sleep keeps what there was and wake brings it back`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 3)
            try await stage.sync()
            let id = stage.id("web")
            #expect(try await stage.workloads.sleep(id) == 0)
            #expect(stage.invented.objects["web"]?.replicas == 0)
            #expect(stage.workload("web")?.desiredReplicas == 3)
            let patches = stage.invented.patches
            #expect(try await stage.workloads.sleep(id) == 0)
            #expect(stage.invented.patches == patches, "asleep already: nothing is written")
            #expect(try await stage.workloads.wake(id) == 3)
            #expect(stage.invented.objects["web"]?.annotations.isEmpty == true)
            #expect(try await stage.workloads.wake(id) == 3)
            #expect(stage.invented.patches == patches + 1)
            #expect(stage.events.types.contains("workload.slept"))
            #expect(stage.events.types.contains("workload.woken"))
        }
    }

    @Test func `What a person scaled to nothing wakes to one`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 0)
            try await stage.sync()
            #expect(try await stage.workloads.wake(stage.id("web")) == 1)
        }
    }

    @Test func `A hundred requests to wake are one patch`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 2)
            try await stage.sync()
            let id = stage.id("web")
            _ = try await stage.workloads.sleep(id)
            let patches = stage.invented.patches
            let workloads = stage.workloads
            let tasks = (0..<100).map { _ in
                Task { @ReactorActor in try? await workloads.wake(id) }
            }
            for task in tasks { #expect(await task.value == 2) }
            #expect(stage.invented.patches == patches + 1)
        }
    }

    @Test func `A rollout undo that takes the record away costs nothing`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 4)
            try await stage.sync()
            let id = stage.id("web")
            _ = try await stage.workloads.sleep(id)
            stage.invented.undo("web", to: [:])
            let key = "gretl.dev/desired-replicas"
            #expect(
                await stage.eventually { stage.invented.objects["web"]?.annotations[key] == "4" })
            #expect(stage.events.types.contains("workload.drift"))
            #expect(try await stage.workloads.wake(id) == 4)
        }
    }

    @Test func `Without the database the annotations suffice`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 4)
            try await stage.sync()
            var change = AutoSleep.Change()
            change.isEnabled = true
            change.idleMinutes = 45
            _ = try await stage.workloads.configure(stage.id("web"), change)
            _ = try await stage.workloads.sleep(stage.id("web"))
            try await stage.loseDatabase()
            let workload = stage.workload("web")
            #expect(workload?.desiredReplicas == 4)
            #expect(workload?.settings.isEnabled == true && workload?.settings.idleMinutes == 45)
            #expect(try await stage.workloads.wake(stage.id("web")) == 4)
        }
    }

    @Test func `A restart knows all of it before it asks`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 4)
            try await stage.sync()
            _ = try await stage.workloads.sleep(stage.id("web"))
            stage.invented.faults.unreachable = 100
            try await stage.restart()
            #expect(stage.workload("web")?.desiredReplicas == 4)
            #expect(stage.workload("web")?.isAsleep == true)
            let workloads = stage.workloads
            let id = stage.id("web")
            #expect(
                await code { () throws(APIError) in try await workloads.wake(id) }
                    == .clusterUnreachable)
            stage.invented.faults.unreachable = 0
            #expect(try await workloads.wake(id) == 4)
        }
    }

    @Test func `What must not sleep is refused, by word it is done`() async throws {
        try await on { stage in
            stage.invented.add("dns", replicas: 2) { $0.namespace = "kube-system" }
            stage.invented.add("db", replicas: 1) {
                $0.kind = .statefulSet
                $0.deletesVolumes = true
            }
            try await stage.sync()
            let workloads = stage.workloads
            for name in ["dns", "db"] {
                let id = stage.id(name)
                #expect(
                    await code { () throws(APIError) in try await workloads.sleep(id) }
                        == .sleepRefused)
                #expect(stage.invented.objects[name]?.replicas != 0)
                #expect(try await workloads.sleep(id, force: true) == 0)
            }
            #expect(
                await code { () throws(APIError) in try await workloads.sleep("nobody") }
                    == .unknownWorkload)
        }
    }

    @Test func `One that was made anew under its name is another`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 2)
            try await stage.sync()
            let workloads = stage.workloads
            let id = stage.id("web")
            stage.invented.delete("web")
            stage.invented.add("web", replicas: 5)
            #expect(
                await code { () throws(APIError) in try await workloads.sleep(id) }
                    == .unknownWorkload)
            #expect(stage.invented.objects["web"]?.replicas == 5)
        }
    }

    @Test func `Auto-sleep is off until asked for, and refused where a Service leads`() async throws
    {
        try await on { stage in
            stage.invented.add("web", replicas: 2)
            stage.invented.services = [("front", ["app": "web"])]
            try await stage.sync()
            let workloads = stage.workloads
            let id = stage.id("web")
            #expect(stage.workload("web")?.settings.isEnabled == false)
            var change = AutoSleep.Change()
            change.isEnabled = true
            let asked = change
            #expect(
                await code { () throws(APIError) in try await workloads.configure(id, asked) }
                    == .sleepRefused)
            change.force = true
            #expect(try await workloads.configure(id, change).isEnabled)
            stage.invented.services = []
            stage.invented.refusals = ["/services": 403]
            #expect(
                await code { () throws(APIError) in try await workloads.configure(id, asked) }
                    == .sleepRefused)
        }
    }

    @Test func `The sweeper puts to sleep what idled and nothing else`() async throws {
        try await on { stage in
            for name in ["idle", "busy", "off"] { stage.invented.add(name, replicas: 2) }
            try await stage.sync()
            var change = AutoSleep.Change()
            change.isEnabled = true
            change.idleMinutes = 30
            for name in ["idle", "busy"] {
                _ = try await stage.workloads.configure(stage.id(name), change)
            }
            await stage.workloads.sweeper.sweep()
            #expect(stage.invented.objects["idle"]?.replicas == 2, "its time begins at first sight")
            stage.time.advance(minutes: 29)
            stage.workloads.noteActivity(try #require(stage.workload("busy")))
            stage.time.advance(minutes: 2)
            #expect(await stage.isSwept("idle"))
            #expect(stage.invented.objects["busy"]?.replicas == 2)
            #expect(stage.invented.objects["off"]?.replicas == 2)
            #expect(stage.invented.leases.count == 1)
            // Woken, it has its time again.
            _ = try await stage.workloads.wake(stage.id("idle"))
            await stage.workloads.sweeper.sweep()
            #expect(stage.invented.objects["idle"]?.replicas == 2)
        }
    }

    @Test func `What GitOps wakes again is told of and left alone`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 2)
            try await stage.sync()
            var change = AutoSleep.Change()
            change.isEnabled = true
            change.idleMinutes = 1
            _ = try await stage.workloads.configure(stage.id("web"), change)
            stage.time.advance(minutes: 2)
            #expect(await stage.isSwept("web"))
            stage.invented.edit("web", manager: "argocd-controller") { $0.replicas = 2 }
            #expect(
                await stage.eventually { stage.workload("web")?.managedBy == "argocd-controller" })
            stage.time.advance(minutes: 60)
            await stage.workloads.sweeper.sweep()
            #expect(stage.invented.objects["web"]?.replicas == 2)
            #expect(stage.events.types.contains("workload.drift"))
        }
    }

    @Test func `While another daemon holds the Lease nothing is swept`() async throws {
        try await on { stage in
            stage.invented.add("web", replicas: 2)
            try await stage.sync()
            var change = AutoSleep.Change()
            change.isEnabled = true
            change.idleMinutes = 1
            _ = try await stage.workloads.configure(stage.id("web"), change)
            stage.time.advance(minutes: 2)
            stage.invented.holdLease("gretl-sweeper", by: "other")
            stage.invented.isLeaseRenewed = true
            await stage.workloads.sweeper.sweep()
            #expect(stage.invented.objects["web"]?.replicas == 2)
            // It is gone: what does not change for as long as it lasts is left.
            stage.invented.isLeaseRenewed = false
            stage.time.advance(minutes: 1)
            #expect(await stage.isSwept("web"))
        }
    }
}
