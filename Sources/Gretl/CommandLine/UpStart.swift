// The start behind `gr up`: one request for each part of the project. What the daemon decides is
// not decided again here; only what needs something that failed in an earlier part is not asked
// for.

internal import NetCore

/// The start of registered services.
struct UpStart {
    let up: UpCommand
    let planned: [PlannedService]
    /// For each service; nil for the usual.
    let timeout: Duration?
    /// What became of each, by name.
    private(set) var results: [String: ManyAnswer.Result] = [:]
    /// In the order they came.
    private(set) var order: [String] = []
    /// Seconds since 1970.
    let began: Int64

    init(up: UpCommand, planned: [PlannedService], timeout: Duration?) {
        self.up = up
        self.planned = planned
        self.timeout = timeout
        began = up.context.io.wallSeconds()
    }

    /// Starts the parts, one behind the other.
    mutating func perform(
        _ parts: [(names: [String], isParallel: Bool)]
    ) throws(CommandFailure) {
        let known = planned.compactMap { one in one.existing.map { (one.name, $0.status) } }
        let progress = ChangeProgress(
            .up, up.context, up.client,
            statuses: Dictionary(known, uniquingKeysWith: { first, _ in first }))
        defer { progress.end() }
        for part in parts {
            let names = part.names.filter { !skips($0) }
            guard !names.isEmpty else { continue }
            let answer = try start(names, isParallel: part.isParallel, progress)
            for result in answer.results where results[result.name] == nil {
                results[result.name] = result
                order.append(result.name)
            }
        }
    }

    /// Notes that `name` cannot come up, because what it needs did not.
    private mutating func skips(_ name: String) -> Bool {
        guard let spec = planned.first(where: { $0.name == name })?.service.spec,
            let needed = spec.dependsOn.first(where: { results[$0].map(Self.isFailure) ?? false })
        else { return false }
        results[name] = .init(
            name: name, outcome: "skipped", code: nil, message: "'\(needed)' did not come up",
            pid: nil)
        order.append(name)
        return true
    }

    /// A program that has ended again by now was no success, whatever was said of its start.
    mutating func noteEnds(_ now: [String: ServiceAnswer]) {
        for (name, result) in results where result.outcome == "started" {
            guard let service = now[name], ["failed", "backoff"].contains(service.status) else {
                continue
            }
            let end = service.lastExit.map { ": \($0)" } ?? ""
            results[name] = .init(
                name: name, outcome: "failed", code: "ready_timeout",
                message: "'\(name)' ended soon after its start\(end)", pid: nil)
        }
    }

    static func isFailure(_ result: ManyAnswer.Result) -> Bool {
        !["started", "running", "stopped", "external"].contains(result.outcome)
    }

    // MARK: One request

    private func start(
        _ names: [String], isParallel: Bool, _ progress: ChangeProgress
    ) throws(CommandFailure) -> ManyAnswer {
        let invocation = up.context.invocation
        var query: [String] = []
        let each = timeout ?? .seconds(30)
        if invocation.has("detach") {
            query.append("timeout=0")
        } else if let timeout {
            query.append("timeout=\(timeout.inMilliseconds)")
        }
        if !isParallel { query.append("parallel=0") }
        if invocation.has("no-deps") { query.append("deps=0") }
        if invocation.has("wait") { query.append("wait=1") }
        let target = "/v1/start" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        var json = JSONText()
        json.beginObject()
        json.field("names", names)
        json.endObject()
        let body = json.bytes
        // One after the other in the worst case, and what they need outside of the file.
        let within = each * (names.count + 4) + .seconds(60)
        let client = up.client
        let call: @Sendable () -> Result<[UInt8], CommandFailure> = {
            Result { () throws(CommandFailure) in
                try client.call("POST", target, body: body, within: within)
            }
        }
        let answer = progress.watch(names, call)
        do {
            return try client.decode(ManyAnswer.self, try answer.get())
        } catch {
            guard error.code == "group_failed", let body = error.body else { throw error }
            return try client.decode(ManyFailure.self, body).details
        }
    }
}
