// An API server without a wire that knows one workload and its pods: the list and the watch of a
// selector, cut into pieces anywhere, and the failures a dialler meets.

import Gretl
import NetCore
import TestSupport

/// The pods of one workload, and who watches them.
@ReactorActor
final class InventedPods: ClusterTransport {
    private(set) var requests: [String] = []
    private var pods: [(name: String, json: String)] = []
    private var version = 1
    private var watchers: [PodWatcher] = []
    private var random = SeededGenerator(seed: 4)
    /// The status every request is answered with, if not 200.
    var refusal: Int?
    /// The status the next watch begins with as an event.
    var watchError: Int?

    var watcherCount: Int { watchers.count }

    /// Adds or changes a pod.
    func put(
        _ name: String, address: String = "127.0.0.1", phase: String = "Running",
        ready: Bool = true, ending: Bool = false, owner: String? = "web-7d9f"
    ) {
        version += 1
        let deletion = ending ? ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"" : ""
        let owners = owner.map {
            ",\"ownerReferences\":[{\"kind\":\"Node\",\"name\":\"x\"},{\"kind\":\"ReplicaSet\","
                + "\"name\":\"\($0)\",\"controller\":true}]"
        }
        let json = """
            {"metadata":{"name":"\(name)","uid":"u-\(name)","resourceVersion":"\(version)",\
            "labels":{"app":"web","pod-template-hash":"7d9f"}\(deletion)\(owners ?? "")},\
            "spec":{"containers":[{"name":"status","image":"Ready"}]},\
            "status":{"phase":"\(phase)","podIP":"\(address)","conditions":[\
            {"type":"Initialized","status":"True"},\
            {"type":"Ready","status":"\(ready ? "True" : "False")"}]}}
            """
        let isKnown = pods.contains { $0.name == name }
        pods.removeAll { $0.name == name }
        pods.append((name, json))
        tell(isKnown ? "MODIFIED" : "ADDED", json)
    }

    func remove(_ name: String) {
        guard let index = pods.firstIndex(where: { $0.name == name }) else { return }
        version += 1
        tell("DELETED", pods.remove(at: index).json)
    }

    func cutWatches() {
        let cut = watchers
        watchers = []
        for watcher in cut { watcher.end(.failure(.unreachable("connection reset"))) }
    }

    private func tell(_ type: String, _ json: String) {
        let line = Array("{\"type\":\"\(type)\",\"object\":\(json)}\n".utf8)
        for watcher in watchers { give(line, to: watcher.sink) }
    }

    private func give(_ bytes: [UInt8], to sink: any ClusterSink) {
        let cut = random.number(in: 0...bytes.count)
        _ = sink.take(Array(bytes[..<cut]).span)
        _ = sink.take(Array(bytes[cut...]).span)
    }

    func send(
        _ request: ClusterRequest, limit: Int
    ) async throws(ClusterFailure) -> ClusterAnswer {
        requests.append(request.target)
        await othersTurn()
        if let refusal { return ClusterAnswer(status: refusal, body: Array("no".utf8)) }
        let text = """
            {"kind":"Deployment","metadata":{"name":"web","namespace":"default","uid":"u-web",\
            "resourceVersion":"1"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"},\
            "matchExpressions":[{"key":"tier","operator":"In","values":["a","b"]}]}}}
            """
        return ClusterAnswer(status: 200, body: Array(text.utf8))
    }

    func stream(
        _ request: ClusterRequest, to sink: any ClusterSink
    ) async throws(ClusterFailure) -> ClusterAnswer {
        requests.append(request.target)
        await othersTurn()
        if let refusal { return ClusterAnswer(status: refusal, body: Array("no".utf8)) }
        guard request.target.contains("watch=1") else {
            let items = pods.map(\.json).joined(separator: ",")
            let text = "{\"metadata\":{\"resourceVersion\":\"\(version)\"},\"items\":[\(items)]}"
            give(Array(text.utf8), to: sink)
            return ClusterAnswer(status: 200)
        }
        if let code = watchError {
            watchError = nil
            give(Array("{\"type\":\"ERROR\",\"object\":{\"code\":\(code)}}\n".utf8), to: sink)
            return ClusterAnswer(status: 200)
        }
        let watcher = PodWatcher(sink)
        watchers.append(watcher)
        let result: Result<ClusterAnswer, ClusterFailure> = await withTaskCancellationHandler {
            await withCheckedContinuation { watcher.wait($0) }
        } onCancel: {
            ReactorActor.post { self.drop(watcher) }
        }
        return try result.get()
    }

    private func drop(_ watcher: PodWatcher) {
        watchers.removeAll { $0 === watcher }
        watcher.end(.failure(.cancelled))
    }
}

/// One open watch.
@ReactorActor
private final class PodWatcher {
    let sink: any ClusterSink
    private var continuation: CheckedContinuation<Result<ClusterAnswer, ClusterFailure>, Never>?
    private var result: Result<ClusterAnswer, ClusterFailure>?

    init(_ sink: any ClusterSink) { self.sink = sink }

    func wait(_ continuation: CheckedContinuation<Result<ClusterAnswer, ClusterFailure>, Never>) {
        if let result { return continuation.resume(returning: result) }
        self.continuation = continuation
    }

    func end(_ result: Result<ClusterAnswer, ClusterFailure>) {
        if self.result == nil { self.result = result }
        continuation?.resume(returning: result)
        continuation = nil
    }
}
