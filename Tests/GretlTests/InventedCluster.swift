// An API server without a wire: lists, watches, gets and patches of Deployments and StatefulSets
// in memory, with the faults of a bad day on request, so that what Workloads decides can be tried
// thousands of times. It checks what only it can see: every patch against the state it meets.

import FoundationEssentials
import Gretl
import NetCore
import TestSupport

/// The objects of one invented cluster, and how it fails.
@ReactorActor
final class InventedCluster {
    struct Object {
        var name: String
        var namespace = "default"
        var kind = Workload.Kind.deployment
        var uid: String
        var version = 0
        var replicas = 1
        var ready = 0
        var annotations: [String: String] = [:]
        var manager = "kubectl"
        var deletesVolumes = false
        /// Our patch scaled it to 0, and nobody changed that since.
        var isSleptByUs = false
        /// What it had when it was last awake.
        var lastAwake = 1
    }

    /// How often in a hundred something goes wrong.
    struct Faults {
        var unreachable = 0
        var lostAnswer = 0
        var tooMany = 0
        var failing = 0
        var conflict = 0
        var cutWatch = 0
    }

    var objects: [String: Object] = [:]
    var services: [(name: String, selector: [String: String])] = []
    var faults = Faults()
    var random: SeededGenerator
    /// Breaches of what must always hold.
    private(set) var breaches: [String] = []
    private(set) var requests: [String] = []
    private(set) var patches = 0
    private(set) var wakesInFlight: [String: Int] = [:]
    /// Versions older than this are forgotten: a watch from there is told 410.
    private var compacted = 0
    private(set) var version = 1_000
    private var history: [(version: Int, kind: Workload.Kind, line: [UInt8])] = []
    private var watchers: [Watcher] = []
    var pageMost = 500
    /// Statuses for (verb, resource), such as "GET services": 403.
    var refusals: [String: Int] = [:]
    var leases: [String: JSONValue] = [:]
    /// Answered to every list instead of one, with status 200.
    var strangeList: String?
    /// Whether another daemon renews its Lease between any two looks at it.
    var isLeaseRenewed = false

    init(seed: UInt64 = 1) { random = SeededGenerator(seed: seed) }

    // MARK: What others do

    func add(_ name: String, replicas: Int, _ change: (inout Object) -> Void = { _ in }) {
        var object = Object(name: name, uid: "uid-\(name)-\(version)")
        object.replicas = replicas
        object.ready = replicas
        object.lastAwake = max(1, replicas)
        change(&object)
        put(&object, "ADDED")
    }

    /// Somebody changes an object.
    func edit(_ name: String, manager: String = "kubectl", _ change: (inout Object) -> Void) {
        guard var object = objects[name] else { return }
        let before = object.replicas
        change(&object)
        if object.replicas != before {
            object.manager = manager
            object.isSleptByUs = false
        }
        if object.replicas > 0 { object.lastAwake = object.replicas }
        put(&object, "MODIFIED")
    }

    func delete(_ name: String) {
        guard var object = objects.removeValue(forKey: name) else { return }
        version += 1
        object.version = version
        tell(object, "DELETED")
    }

    /// What `kubectl rollout undo` does to a Deployment's annotations.
    func undo(_ name: String, to annotations: [String: String]) {
        edit(name) { $0.annotations = annotations }
    }

    /// Forgets the past: watches from an older version end with 410.
    func compact() {
        compacted = version
        history = []
    }

    func cutWatches() {
        let cut = watchers
        watchers = []
        for watcher in cut { watcher.end(.failure(.unreachable("connection reset"))) }
    }

    private func put(_ object: inout Object, _ type: String) {
        version += 1
        object.version = version
        objects[object.name] = object
        tell(object, type)
    }

    private func tell(_ object: Object, _ type: String) {
        let line = Array("{\"type\":\"\(type)\",\"object\":\(json(object))}\n".utf8)
        history.append((version, object.kind, line))
        let cut = random.number(in: 0...line.count)
        for watcher in watchers where watcher.kind == object.kind {
            // In two pieces, cut anywhere.
            guard watcher.give(Array(line[..<cut])), watcher.give(Array(line[cut...])) else {
                watchers.removeAll { $0 === watcher }
                watcher.end(.failure(.cancelled))
                continue
            }
        }
    }

    private func json(_ object: Object) -> String {
        let annotations = object.annotations.map { "\"\($0.key)\":\"\($0.value)\"" }.sorted()
        let retention = object.deletesVolumes ? "Delete" : "Retain"
        return """
            {"kind":"\(object.kind.rawValue)","metadata":{"name":"\(object.name)",\
            "namespace":"\(object.namespace)","uid":"\(object.uid)",\
            "resourceVersion":"\(object.version)","annotations":{\(annotations.joined(separator: ","))},\
            "managedFields":[{"manager":"\(object.manager)","time":"2026-01-01T00:00:00Z",\
            "fieldsV1":{"f:spec":{"f:replicas":{}}}}]},"spec":{"replicas":\(object.replicas),\
            "selector":{"matchLabels":{"app":"\(object.name)"}},\
            "persistentVolumeClaimRetentionPolicy":{"whenScaled":"\(retention)"},\
            "template":{"metadata":{"labels":{"app":"\(object.name)"}}}},\
            "status":{"readyReplicas":\(object.ready)}}
            """
    }

    // MARK: Requests

    private func chance(_ percent: Int) -> Bool {
        percent > 0 && random.number(in: 1...100) <= percent
    }

    private func fault() throws(ClusterFailure) -> ClusterAnswer? {
        if chance(faults.unreachable) { throw .unreachable("connection refused") }
        if chance(faults.tooMany) {
            return ClusterAnswer(
                status: 429, retryAfter: .milliseconds(1), body: Array("Too many requests".utf8))
        }
        if chance(faults.failing) { return status(500, "InternalError", "etcd leader changed") }
        return nil
    }

    fileprivate func status(_ code: Int, _ reason: String, _ message: String) -> ClusterAnswer {
        let text =
            "{\"kind\":\"Status\",\"code\":\(code),\"reason\":\"\(reason)\","
            + "\"message\":\"\(message)\"}"
        return ClusterAnswer(status: code, body: Array(text.utf8))
    }

    func answer(_ request: ClusterRequest) async throws(ClusterFailure) -> ClusterAnswer {
        requests.append("\(request.method) \(request.target)")
        let path = request.target.prefix { $0 != "?" }
        let parts = path.split(separator: "/")
        for (refused, code) in refusals where "\(request.method) \(path)".hasSuffix(refused) {
            return status(code, "Forbidden", "user 'me' cannot do that")
        }
        for _ in 0..<random.number(in: 0...3) { await othersTurn() }
        if let fault = try fault() { return fault }
        if path.hasSuffix("/services") { return serviceList() }
        if path.contains("/leases") { return lease(request, String(parts.last ?? "")) }
        guard let name = parts.last.map(String.init), objects[name] != nil else {
            return status(404, "NotFound", "not found")
        }
        guard request.method == "PATCH" else {
            return ClusterAnswer(status: 200, body: Array(json(objects[name]!).utf8))
        }
        return try await patch(name, request)
    }

    private func patch(
        _ name: String, _ request: ClusterRequest
    ) async throws(ClusterFailure) -> ClusterAnswer {
        guard let uid = objects[name]?.uid, let body = request.body,
            let fields = try? JSONValue.decoded(body)
        else { return status(400, "BadRequest", "no JSON") }
        let wanted = fields["spec", "replicas"]?.whole
        if let wanted, wanted > 0 {
            wakesInFlight[uid, default: 0] += 1
            if wakesInFlight[uid] ?? 0 > 1 { breaches.append("two wakes of \(name) in flight") }
        }
        for _ in 0..<random.number(in: 0...3) { await othersTurn() }
        if chance(faults.conflict) { edit(name) { $0.ready = max(0, $0.ready - 1) } }
        if let wanted, wanted > 0 { wakesInFlight[uid, default: 1] -= 1 }
        guard var object = objects[name] else { return status(404, "NotFound", "not found") }
        if let uid = fields["metadata", "uid"]?.text, uid != object.uid {
            return status(422, "Invalid", "metadata.uid: field is immutable")
        }
        guard fields["metadata", "resourceVersion"]?.text == "\(object.version)" else {
            return status(409, "Conflict", "the object has been modified")
        }
        check(object, fields)
        for (key, value) in fields["metadata", "annotations"]?.members ?? [:] {
            object.annotations[key] = value.text
        }
        if let wanted {
            object.isSleptByUs = wanted == 0
            object.replicas = wanted
            object.ready = wanted
            object.manager = "gretl"
            if wanted > 0 { object.lastAwake = wanted }
        }
        patches += 1
        put(&object, "MODIFIED")
        let answer = ClusterAnswer(status: 200, body: Array(json(object).utf8))
        for _ in 0..<random.number(in: 0...3) { await othersTurn() }
        if chance(faults.lostAnswer) { throw .unreachable("connection reset") }
        return answer
    }

    /// What a patch of ours must never do.
    private func check(_ object: Object, _ fields: JSONValue) {
        guard let wanted = fields["spec", "replicas"]?.whole else { return }
        if wanted == 0 {
            let desired = fields["metadata", "annotations"]?.members["gretl.dev/desired-replicas"]
            if desired?.text != "\(object.replicas)" {
                breaches.append("\(object.name) had \(object.replicas), kept \(desired as Any)")
            }
        } else if object.isSleptByUs, wanted != object.lastAwake {
            breaches.append("\(object.name) had \(object.lastAwake), woken to \(wanted)")
        }
    }

    private func serviceList() -> ClusterAnswer {
        let items = services.map { service in
            let pairs = service.selector.map { "\"\($0.key)\":\"\($0.value)\"" }
            return "{\"metadata\":{\"name\":\"\(service.name)\"},"
                + "\"spec\":{\"selector\":{\(pairs.joined(separator: ","))}}}"
        }
        return ClusterAnswer(
            status: 200, body: Array("{\"items\":[\(items.joined(separator: ","))]}".utf8))
    }

    private func lease(_ request: ClusterRequest, _ name: String) -> ClusterAnswer {
        if request.method == "GET" {
            if isLeaseRenewed { holdLease(name, by: "other") }
            guard let lease = leases[name] else { return status(404, "NotFound", "no lease") }
            return ClusterAnswer(status: 200, body: Array(leaseText(lease).utf8))
        }
        guard let body = request.body, let fields = try? JSONValue.decoded(body),
            let name = fields["metadata", "name"]?.text
        else { return status(400, "BadRequest", "no JSON") }
        if request.method == "POST", leases[name] != nil {
            return status(409, "AlreadyExists", "it exists")
        }
        if request.method == "PUT" {
            let current = leases[name]?["metadata", "resourceVersion"]?.text
            guard current == fields["metadata", "resourceVersion"]?.text else {
                return status(409, "Conflict", "the object has been modified")
            }
        }
        holdLease(name, by: fields["spec", "holderIdentity"]?.text ?? "")
        return ClusterAnswer(status: 200, body: Array(leaseText(leases[name]!).utf8))
    }

    /// Writes the Lease `name`, with a new version.
    func holdLease(_ name: String, by holder: String) {
        version += 1
        leases[name] = .object([
            "metadata": .object(["resourceVersion": .string("\(version)")]),
            "spec": .object(["holderIdentity": .string(holder)]),
        ])
    }

    private func leaseText(_ lease: JSONValue) -> String {
        "{\"metadata\":{\"resourceVersion\":\"\(lease["metadata", "resourceVersion"]?.text ?? "")\"},"
            + "\"spec\":{\"holderIdentity\":\"\(lease["spec", "holderIdentity"]?.text ?? "")\"}}"
    }

    // MARK: Lists and watches

    func stream(
        _ request: ClusterRequest, to sink: any ClusterSink
    ) async throws(ClusterFailure) -> ClusterAnswer {
        requests.append("\(request.method) \(request.target)")
        for _ in 0..<random.number(in: 0...3) { await othersTurn() }
        if let fault = try fault() { return fault }
        let kind: Workload.Kind =
            request.target.contains("statefulsets") ? .statefulSet : .deployment
        let query = InventedCluster.query(request.target)
        guard query["watch"] == "1" else { return try list(kind, query, to: sink) }
        let from = Int(query["resourceVersion"] ?? "") ?? 0
        if from < compacted {
            let line = "{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\"}}\n"
            _ = sink.take(Array(line.utf8).span)
            return ClusterAnswer(status: 200)
        }
        let watcher = Watcher(kind, sink)
        for event in history where event.version > from && event.kind == kind {
            guard watcher.give(event.line) else { throw .cancelled }
        }
        watchers.append(watcher)
        let result: Result<ClusterAnswer, ClusterFailure> = await withTaskCancellationHandler {
            await withCheckedContinuation { watcher.wait($0) }
        } onCancel: {
            ReactorActor.post { self.drop(watcher) }
        }
        return try result.get()
    }

    private func drop(_ watcher: Watcher) {
        watchers.removeAll { $0 === watcher }
        watcher.end(.failure(.cancelled))
    }

    /// Now and then a watch is cut.
    func mayCut() {
        if chance(faults.cutWatch) { cutWatches() }
    }

    private func list(
        _ kind: Workload.Kind, _ query: [String: String], to sink: any ClusterSink
    ) throws(ClusterFailure) -> ClusterAnswer {
        if let strangeList {
            _ = sink.take(Array(strangeList.utf8).span)
            return ClusterAnswer(status: 200)
        }
        let all = objects.values.filter { $0.kind == kind }.sorted { $0.name < $1.name }
        let start = Int(query["continue"] ?? "") ?? 0
        let limit = min(Int(query["limit"] ?? "") ?? .max, pageMost)
        let page = all.dropFirst(start).prefix(limit)
        let more = start + page.count < all.count ? ",\"continue\":\"\(start + page.count)\"" : ""
        let items = page.map(json).joined(separator: ",")
        let text =
            "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"\(version)\"\(more)},"
            + "\"items\":[\(items)]}"
        let bytes = Array(text.utf8)
        let cut = random.number(in: 0...bytes.count)
        guard sink.take(Array(bytes[..<cut]).span), sink.take(Array(bytes[cut...]).span) else {
            throw .cancelled
        }
        return ClusterAnswer(status: 200)
    }

    private static func query(_ target: String) -> [String: String] {
        var found: [String: String] = [:]
        for pair in target.split(separator: "?").last?.split(separator: "&") ?? [] {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { found[String(parts[0])] = String(parts[1]) }
        }
        return found
    }
}

/// Carries requests to an invented cluster.
@ReactorActor
final class InventedTransport: ClusterTransport {
    private let cluster: InventedCluster

    init(_ cluster: InventedCluster) { self.cluster = cluster }

    func send(
        _ request: ClusterRequest, limit: Int
    ) async throws(ClusterFailure) -> ClusterAnswer { try await cluster.answer(request) }

    func stream(
        _ request: ClusterRequest, to sink: any ClusterSink
    ) async throws(ClusterFailure) -> ClusterAnswer { try await cluster.stream(request, to: sink) }
}

/// One open watch.
@ReactorActor
private final class Watcher {
    let kind: Workload.Kind
    private let sink: any ClusterSink
    private var continuation: CheckedContinuation<Result<ClusterAnswer, ClusterFailure>, Never>?
    private var result: Result<ClusterAnswer, ClusterFailure>?

    init(_ kind: Workload.Kind, _ sink: any ClusterSink) {
        self.kind = kind
        self.sink = sink
    }

    func give(_ bytes: [UInt8]) -> Bool { sink.take(bytes.span) }

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

extension JSONValue {
    /// A decoded object.
    static func decoded(_ body: [UInt8]) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data(body))
    }
}
