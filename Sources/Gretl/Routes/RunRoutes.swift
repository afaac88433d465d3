// /api: runs, goals and tools. Each handler decodes, makes one call into the domain and encodes.
// Errors carry `detail` beside the usual fields: clients of the original show it.

package import NetCore

/// Handlers of the routes under /api.
@ReactorActor
package struct RunRoutes {
    let runs: Runs
    let tools: [ToolSpec]
    let goals: [GoalSpec]
    let background: BackgroundThread

    /// Has the handler of a route answer.
    func handle(_ id: Route.ID, _ exchange: Exchange) {
        switch id {
        case .startRun: start(exchange)
        case .listRuns: list(exchange)
        case .getRun: get(exchange)
        case .removeRun: remove(exchange)
        case .resumeRun: resume(exchange)
        case .abortRun: abort(exchange)
        case .configureRun: configure(exchange)
        case .runEvents: events(exchange)
        case .followRun: follow(exchange)
        case .listGoals: listGoals(exchange)
        case .listTools: listTools(exchange)
        default: KubernetesRoutes.refuse(exchange)
        }
    }

    // MARK: Looking

    private func list(_ exchange: Exchange) {
        let limit = exchange.query("limit")
        let status = exchange.query("status")
        exchange.reply {
            await RunRoutes.catching { () async throws(APIError) in
                let most = try RunRoutes.number(
                    "limit", limit, 1...RunLimits.listedMost, RunLimits.listedUsual)
                if let status, RunStatus(rawValue: status) == nil {
                    let words = RunStatus.allCases.map(\.rawValue).joined(separator: ", ")
                    throw .invalid(
                        "there is no status '\(ClusterFailure.clean(status, most: 64))'",
                        hint: "it is one of \(words)")
                }
                var json = JSONText(capacity: 4_096)
                json.beginArray()
                var count = 0
                for entry in runs.all {
                    let record = entry.record
                    guard status == nil || record.status.rawValue == status else { continue }
                    if count == most { break }
                    count += 1
                    if count % 128 == 0 { await othersTurn() }
                    RunView.writeShort(entry.id, record, into: &json)
                }
                json.endArray()
                return Response(status: 200, body: json.bytes)
            }
        }
    }

    private func get(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            let record = try runs.get(id).record
            return RunRoutes.object { RunView.write(id, record, into: &$0) }
        }
    }

    private func events(_ exchange: Exchange) {
        let since = exchange.query("since")
        let limit = exchange.query("limit")
        let wait = exchange.query("wait")
        answer(exchange) { id throws(APIError) in
            let seq = try RunRoutes.number("since", since, 0...Int.max / 2, 0)
            let most = try RunRoutes.number("limit", limit, 1...RunLimits.eventsMost, 500)
            let seconds = try RunRoutes.number("wait", wait, 0...60, 0)
            if seconds > 0 {
                try await runs.awaitEvent(of: id, after: Int64(seq), most: .seconds(seconds))
            }
            let events = try await runs.events(of: id, after: Int64(seq), most: most)
            var json = JSONText(capacity: 4_096)
            json.beginArray()
            for event in events { json.raw(event.body) }
            json.endArray()
            return Response(status: 200, body: json.bytes)
        }
    }

    /// WS /api/ws/{id}: everything from the first event or `?since=`, then what happens.
    private func follow(_ exchange: Exchange) {
        let id = exchange.parameter(0) ?? ""
        do throws(APIError) {
            let since = try RunRoutes.number("since", exchange.query("since"), 0...Int.max / 2, 0)
            let wantsProgress = try QueryWord.flag("stream", exchange.query("stream"))
            let key: String
            do throws(WebSocketRefusal) { key = try exchange.webSocketKey() } catch {
                throw APIError(
                    error.status == 426 ? .upgradeRequired : .invalidSpec, error.message,
                    hint: "open it as a WebSocket; plain events: /api/runs/{id}/events",
                    headers: error.headers)
            }
            guard runs.feeds.hasRoom else {
                throw .daemonBusy("\(RunFeeds.watchersMost) clients watch runs already")
            }
            exchange.openWebSocket(key: key) { [runs] socket in
                RunSocket.feed(
                    socket, of: id, from: runs, after: Int64(since), wantsProgress: wantsProgress)
            }
        } catch { exchange.reply(error.detailed) }
    }

    private func listGoals(_ exchange: Exchange) {
        exchange.reply(
            RunRoutes.object { json in
                json.beginArray()
                for goal in goals {
                    json.beginObject()
                    json.field("name", goal.name)
                    json.field("description", goal.summary)
                    json.endObject()
                }
                json.endArray()
            })
    }

    private func listTools(_ exchange: Exchange) {
        exchange.reply(
            RunRoutes.object { json in
                json.beginArray()
                for tool in tools {
                    json.beginObject()
                    json.field("name", tool.name)
                    json.field("description", tool.summary)
                    json.field("read_only", tool.isReadOnly)
                    json.key("parameters")
                    json.raw(tool.schema.description.utf8)
                    json.endObject()
                }
                json.endArray()
            })
    }

    // MARK: Acting

    private func start(_ exchange: Exchange) {
        let body = exchange.body
        exchange.reply {
            await RunRoutes.catching { () async throws(APIError) in
                let request = try RunRequest(try await background.decode(body))
                let entry = try await runs.start(request)
                var response = RunRoutes.object { RunView.write(entry.id, entry.record, into: &$0) }
                response.status = 201
                response.headers.append(("Location", "/api/runs/\(entry.id)"))
                return response
            }
        }
    }

    private func resume(_ exchange: Exchange) {
        let body = exchange.body
        answer(exchange) { id throws(APIError) in
            _ = try runs.get(id)
            let answer = try RunAnswer(try await background.decode(body))
            try await runs.decide(id, answer)
            return RunRoutes.object { json in
                json.beginObject()
                json.field("run_id", id)
                json.field("resumed_with", answer.decision.rawValue)
                json.endObject()
            }
        }
    }

    private func abort(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            try await runs.abort(id)
            let record = try runs.get(id).record
            return RunRoutes.object { json in
                json.beginObject()
                json.field("run_id", id)
                json.field("status", record.status.rawValue)
                json.endObject()
            }
        }
    }

    private func configure(_ exchange: Exchange) {
        let body = exchange.body
        answer(exchange) { id throws(APIError) in
            _ = try runs.get(id)
            let change = try RunChange(try await background.decode(body))
            let options = try await runs.configure(id, change)
            return RunRoutes.object { json in
                json.beginObject()
                json.field("run_id", id)
                json.field("max_iterations", options.maxIterations)
                json.field("model_name", options.model)
                json.field("hitl_enabled", options.isGated)
                json.endObject()
            }
        }
    }

    private func remove(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            try await runs.remove(id)
            return Response(status: 204, contentType: "", body: [])
        }
    }

    // MARK: Words

    private func answer(
        _ exchange: Exchange,
        _ operation: @escaping @Sendable @ReactorActor (String) async throws(APIError) -> Response
    ) {
        let id = exchange.parameter(0) ?? ""
        exchange.reply {
            await RunRoutes.catching { () async throws(APIError) in try await operation(id) }
        }
    }

    private static func catching(
        _ operation: () async throws(APIError) -> Response
    ) async -> Response {
        do throws(APIError) { return try await operation() } catch { return error.detailed }
    }

    private static func object(_ write: (inout JSONText) -> Void) -> Response {
        var json = JSONText(capacity: 1_024)
        write(&json)
        return Response(status: 200, body: json.bytes)
    }

    private static func number(
        _ name: String, _ text: String?, _ range: ClosedRange<Int>, _ usual: Int
    ) throws(APIError) -> Int {
        guard let text else { return usual }
        guard text.utf8.count <= 18, !text.isEmpty,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text),
            range.contains(number)
        else {
            throw .invalid(
                "'\(name)' is not a whole number in its range", hint: "such as ?\(name)=\(usual)")
        }
        return number
    }
}
