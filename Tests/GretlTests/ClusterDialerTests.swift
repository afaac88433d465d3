// Which pod a connection gets, and what happens when there is none, when it is the wrong one, or
// when nobody can be asked.

import Glibc
import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

/// What a dial came to.
@ReactorActor
private final class Dialled {
    private(set) var pod: String?
    private(set) var failure: DialFailure?
    private(set) var count = 0

    func take(_ result: Result<any PodEnd, DialFailure>) {
        count += 1
        switch result {
        case .success(let end):
            pod = end.pod
            end.discard()
        case .failure(let failure): self.failure = failure
        }
    }
}

/// A dialler of an invented cluster, whose forwards do what the test says.
@ReactorActor
private final class DialBench {
    let server = InventedPods()
    let workloads = TestWorkloads()
    private(set) var dialer: ClusterDialer!
    /// Pods that were asked for through the API server.
    private(set) var forwarded: [String] = []
    /// Pods that cannot be reached that way.
    var broken: Set<String> = []
    private let background: BackgroundThread

    init() throws {
        background = try BackgroundThread(name: "gr-test")
        workloads.add("web")
        workloads.add("pod", isInCluster: true)
        let reactor = ReactorThread.reactor
        var pace = KubernetesClient.Pace()
        pace.pause = .milliseconds(1)
        let client = KubernetesClient(server, on: reactor, background: background, pace: pace)
        dialer = ClusterDialer(
            on: reactor, splicer: Splicer(on: reactor), client: { _ in client }
        ) { [unowned self] workload, pod, _, finished in forward(pod, finished) }
    }

    private func forward(
        _ pod: String, _ finished: @escaping (Result<any PodEnd, DialFailure>) -> Void
    ) -> any PodAttempt {
        forwarded.append(pod)
        let isBroken = broken.contains(pod)
        ReactorActor.post {
            finished(
                isBroken ? .failure(DialFailure("it refuses")) : .success(NoEnd(pod: pod)))
        }
        return NothingToCancel()
    }

    func dial(
        _ name: String = "web", port: UInt16 = 80, wasWoken: Bool = true
    ) throws -> (Dialled, any PodAttempt) {
        let dialled = Dialled()
        let attempt = dialer.dial(
            try #require(workloads.find(name)), port: port, wasWoken: wasWoken
        ) { dialled.take($0) }
        #expect(dialled.count == 0)
        return (dialled, attempt)
    }

    /// Waits until `condition`, some seconds at most.
    func eventually(_ condition: () -> Bool) async -> Bool {
        for _ in 0..<5_000 {
            if condition() { return true }
            await ReactorThread.reactor.pause(.milliseconds(2))
        }
        return condition()
    }

    /// The pod that a new connection gets.
    func pod(_ name: String = "web", port: UInt16 = 80) async throws -> String? {
        let (dialled, _) = try dial(name, port: port)
        _ = await eventually { dialled.count > 0 }
        return dialled.pod
    }
}

/// A connection that is only looked at.
@ReactorActor
private final class NoEnd: PodEnd {
    let pod: String
    init(pod: String) { self.pod = pod }
    func join(
        _ client: Int32, owner: any TetherLinkOwner
    ) throws(SystemError) -> any TetherLink { throw SystemError("join", -EINVAL) }
    func discard() {}
}

@ReactorActor
private final class NothingToCancel: PodAttempt {
    func cancel() {}
}

@Suite(.serialized) struct ClusterDialerTests {
    @Test func connectionsGoToReadyPodsInTurn() async throws {
        try await onReactor {
            let bench = try DialBench()
            for name in ["a", "b", "c"] { bench.server.put(name) }
            bench.server.put("starting", ready: false)
            bench.server.put("pending", phase: "Pending", ready: false)
            bench.server.put("ending", ending: true)
            bench.server.put("other", owner: "api-7d9f")
            var chosen: [String] = []
            for _ in 0..<6 { chosen.append(try #require(try await bench.pod())) }
            #expect(Set(chosen.prefix(3)) == ["a", "b", "c"])
            #expect(chosen.prefix(3) == chosen.suffix(3))
            // One list for all, by the selector.
            let lists = bench.server.requests.filter { $0.contains("limit=") }
            #expect(lists.count == 1)
            #expect(
                lists.first?.contains("labelSelector=app%3Dweb%2Ctier%20in%20%28a%2Cb%29") == true)
            bench.dialer.close()
        }
    }

    @Test func aPodThatGoesIsNoLongerChosenAndOneThatComesIs() async throws {
        try await onReactor {
            let bench = try DialBench()
            bench.server.put("a")
            bench.server.put("b")
            _ = try await bench.pod()
            #expect(await bench.eventually { bench.server.watcherCount == 1 })
            bench.server.put("a", ending: true)
            for _ in 0..<2 { #expect(try await bench.pod() == "b") }
            bench.server.remove("b")
            let (waiting, _) = try bench.dial()
            for _ in 0..<5 { await othersTurn() }
            #expect(waiting.count == 0)
            bench.server.put("c", ready: false)
            bench.server.put("c")
            #expect(await bench.eventually { waiting.count > 0 })
            #expect(waiting.pod == "c")
            bench.dialer.close()
        }
    }

    @Test func aWorkloadWithoutPodsIsAsleepUnlessItWasJustWoken() async throws {
        try await onReactor {
            let bench = try DialBench()
            bench.server.put("old", phase: "Succeeded", ready: false)
            let (asleep, _) = try bench.dial(wasWoken: false)
            let (woken, attempt) = try bench.dial(wasWoken: true)
            #expect(await bench.eventually { asleep.count > 0 })
            #expect(asleep.failure?.isAsleep == true)
            #expect(woken.count == 0)
            attempt.cancel()
            bench.server.put("a")
            for _ in 0..<20 { await othersTurn() }
            #expect(woken.count == 0, "cancelled")
            bench.dialer.close()
        }
    }

    @Test func aPodThatCannotBeReachedIsPassedOverAFewTimes() async throws {
        try await onReactor {
            let bench = try DialBench()
            for name in ["a", "b", "c", "d", "e"] { bench.server.put(name) }
            bench.broken = ["a", "b", "c", "d", "e"]
            let (dialled, _) = try bench.dial()
            #expect(await bench.eventually { dialled.count > 0 })
            #expect(Set(bench.forwarded).count == TetherLimits.podsTried)
            #expect(dialled.failure?.text.hasSuffix("it refuses") == true)
            bench.broken = ["a", "b"]
            for _ in 0..<5 { #expect(try await bench.pod() != nil) }
            bench.dialer.close()
        }
    }

    @Test func whatTheAPIServerRefusesIsSaid() async throws {
        try await onReactor {
            let bench = try DialBench()
            bench.server.refusal = 403
            let (dialled, _) = try bench.dial()
            #expect(await bench.eventually { dialled.count > 0 })
            #expect(dialled.failure?.text.contains("403") == true)
            bench.server.refusal = nil
            bench.server.put("a")
            #expect(try await bench.pod() == "a")
            bench.dialer.close()
        }
    }

    @Test func aWatchThatEndsOrIsTooOldIsBegunAnew() async throws {
        try await onReactor {
            let bench = try DialBench()
            bench.server.put("a")
            bench.server.watchError = 410
            #expect(try await bench.pod() == "a")
            #expect(await bench.eventually { bench.server.watcherCount == 1 })
            #expect(bench.server.requests.count { $0.contains("limit=") } == 2)
            bench.server.cutWatches()
            bench.server.remove("a")
            bench.server.put("b")
            #expect(await bench.eventually { bench.server.watcherCount == 1 })
            bench.server.put("c")
            let (dialled, _) = try bench.dial()
            #expect(await bench.eventually { dialled.count > 0 })
            bench.dialer.close()
        }
    }

    @Test func inTheClusterPodsAreDialledAndWhatRefusesIsForwarded() async throws {
        try await onReactor {
            let bench = try DialBench()
            var accepted = 0
            let listener = try Listener(
                try #require(SocketAddress("127.0.0.1", port: 0)), on: ReactorThread.reactor
            ) { descriptor, _ in
                accepted += 1
                Descriptor.close(descriptor)
            }
            bench.server.put("a", owner: "pod-7d9f")
            #expect(try await bench.pod("pod", port: listener.address.port) == "a")
            #expect(await bench.eventually { accepted == 1 })
            #expect(bench.forwarded.isEmpty)
            listener.close()
            #expect(try await bench.pod("pod", port: listener.address.port) == "a")
            #expect(bench.forwarded == ["a"])
            bench.dialer.close()
        }
    }
}
