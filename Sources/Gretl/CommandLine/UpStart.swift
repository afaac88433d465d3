// The start behind `gr up`: one request for the whole project, since only the daemon sees when a
// service may begin. What it decides is not decided again here.

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

    /// Starts all of them as one operation; those of the groups in `serial` one by one.
    mutating func perform(_ names: [String], serial: [String]) throws(CommandFailure) {
        let known = planned.compactMap { one in one.existing.map { (one.name, $0.status) } }
        let progress = ChangeProgress(
            .up, up.context, up.client,
            statuses: Dictionary(known, uniquingKeysWith: { first, _ in first }))
        defer { progress.end() }
        let answer = try start(names, serial: serial, progress)
        for result in answer.results where results[result.name] == nil {
            results[result.name] = result
            order.append(result.name)
        }
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
        _ names: [String], serial: [String], _ progress: ChangeProgress
    ) throws(CommandFailure) -> ManyAnswer {
        let invocation = up.context.invocation
        var query: [String] = []
        let each = timeout ?? .seconds(30)
        if invocation.has("detach") {
            query.append("timeout=0")
        } else if let timeout {
            query.append("timeout=\(timeout.inMilliseconds)")
        }
        if invocation.has("no-deps") { query.append("deps=0") }
        if invocation.has("wait") { query.append("wait=1") }
        let target = "/v1/start" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        var json = JSONText()
        json.beginObject()
        json.field("names", names)
        if !serial.isEmpty { json.field("serial", serial) }
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
