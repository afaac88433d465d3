// What `gr up` says at its end: a table of what became of each service, why something is not up,
// what to do about it, and the exit code.

/// The end of `gr up`.
struct UpReport {
    let up: UpCommand
    let planned: [PlannedService]
    let start: UpStart
    let now: [String: ServiceAnswer]

    /// Lines of its output that are shown of a service that failed.
    private static let linesMost = 3

    private var context: CommandContext { up.context }

    /// `left` are services of this folder that the file does not have any more.
    func show(left: [String]) -> ExitCode {
        if context.isJSON {
            context.printJSON(body(left))
            return code
        }
        if context.isQuiet {
            for one in planned where outcome(of: one.name) != nil && !isFailure(one.name) {
                context.print(DisplayText.escaped(one.name))
            }
        } else {
            let text = table().text(context.style, within: context.io.columns)
            context.io.writeOutput(Array(text.utf8))
        }
        for name in names { tellFailure(name) }
        for one in planned where now[one.name]?.pendingChange == true {
            context.warn(
                "\(one.name) runs with what was registered before; for the change: gr restart "
                    + ShellQuoting.quoted(one.name))
        }
        if let advice = UpCommand.advice(left: left) { context.warn(advice) }
        return code
    }

    /// The file's services, then others that were started for them.
    private var names: [String] {
        let own = planned.map(\.name)
        return own + start.order.filter { !own.contains($0) }
    }

    private func outcome(of name: String) -> ManyAnswer.Result? { start.results[name] }

    private func isFailure(_ name: String) -> Bool {
        outcome(of: name).map(UpStart.isFailure) ?? false
    }

    // MARK: Text

    private func table() -> TableOutput {
        var table = TableOutput(columns: [
            .init(title: "NAME"), .init(title: "STATUS"),
            .init(title: "PORT", isNumber: true, expendability: 1),
            .init(title: "GROUP", expendability: 2), .init(title: "FILE", expendability: 3),
            .init(title: "DONE"),
        ])
        for name in names {
            let service = now[name]
            let status = context.style.status(service?.status ?? "unknown")
            let one = planned.first { $0.name == name }
            table.add([
                .init(DisplayText.escaped(name)), .init(status.text, status.ink),
                .init(service?.port.map { "\($0)" } ?? "-"),
                .init(service?.group.map(DisplayText.escaped) ?? "-", .dim),
                .init(one?.word ?? "elsewhere", .dim),
                .init(word(name), isFailure(name) ? .bad : nil),
            ])
        }
        return table
    }

    private func word(_ name: String) -> String {
        switch outcome(of: name)?.outcome {
        case "started": "started"
        case "running": "was up"
        case "failed": "failed"
        case "skipped": "not started"
        case "cancelled": "cancelled"
        case let other?: DisplayText.escaped(other)
        case nil: "-"
        }
    }

    private func tellFailure(_ name: String) {
        guard let result = outcome(of: name), UpStart.isFailure(result) else { return }
        let message = result.message ?? "it did not come up"
        var line = message.contains("'\(name)'") ? message : "\(name): \(message)"
        switch result.code {
        case "port_in_use":
            let port = now[name]?.port.map { "who \($0)" } ?? "ports"
            line += "; who: gr \(port)"
        case "ready_timeout" where now[name]?.cmd != nil:
            line += "; its output: gr logs \(ShellQuoting.quoted(name))"
        default: break
        }
        let spec = planned.first { $0.name == name }?.service.spec
        if spec?.command == nil, result.outcome == "failed", !context.invocation.has("wait") {
            line += "; to wait for it: gr up --wait"
        }
        context.complain(line)
        if result.code == "ready_timeout", spec?.command != nil { showOutput(of: name) }
    }

    /// What a program wrote before it ended, or in place of becoming ready.
    private func showOutput(of name: String) {
        let target = "/logs?lines=\(Self.linesMost)&color=0&since=\(start.began * 1_000)"
        guard !context.isJSON,
            let body = try? up.client.call(
                "GET", DaemonClient.target(service: name, target), within: .seconds(2)),
            let answer = DaemonClient.value(LogAnswer.self, body)
        else { return }
        var text = ""
        for line in answer.lines {
            text += "  \(DisplayText.output(line.text, keepsColors: false))\n"
        }
        context.io.writeErrors(Array(text.utf8))
    }

    // MARK: Exit code

    /// Of those that were tried: what was only skipped says nothing of its own.
    private var code: ExitCode {
        let codes = names.compactMap { name -> ExitCode? in
            guard let result = outcome(of: name), result.outcome != "skipped" else { return nil }
            guard UpStart.isFailure(result) else { return .success }
            switch result.code {
            case "ready_timeout": return .notReady
            case "port_in_use", "name_taken": return .conflict
            default: return .failure
            }
        }
        return ExitCode(combining: codes)
    }

    // MARK: JSON

    /// Bodies of the API: what registrations were to change, the results of the start, and the
    /// services as they are now.
    private func body(_ left: [String]) -> [UInt8] {
        let project = up.loaded.project
        var json = JSONText(capacity: 4_096)
        json.beginObject()
        json.field("project", project.name)
        json.field("file", up.loaded.file)
        json.field("root", project.folder)
        json.key("registrations")
        json.beginArray()
        for one in planned { json.raw(one.answer) }
        json.endArray()
        json.key("results")
        json.beginArray()
        for result in names.compactMap(outcome(of:)) {
            json.beginObject()
            json.field("name", result.name)
            json.field("outcome", result.outcome)
            if let code = result.code { json.field("code", code) }
            if let message = result.message { json.field("message", message) }
            if let pid = result.pid { json.field("pid", pid) }
            json.endObject()
        }
        json.endArray()
        json.key("services")
        json.beginArray()
        for name in names where now[name] != nil {
            // One that was removed meanwhile is left out.
            let body = try? up.client.call("GET", DaemonClient.target(service: name))
            if let body { json.raw(body) }
        }
        json.endArray()
        json.field("left", left)
        ProjectView.write("warnings", up.loaded.warnings, into: &json)
        json.endObject()
        return json.bytes
    }
}
