// gr up --plan: what `gr up` would do, and nothing done. Registrations were planned by the daemon;
// what a start would meet is read from the state of services and ports.

/// The plan of a run.
struct UpPlan {
    let up: UpCommand
    let planned: [PlannedService]

    private var context: CommandContext { up.context }

    private struct Holders: Decodable {
        let holders: [PortAnswer]
    }

    /// What would become of a service.
    private struct Step {
        let name: String
        let word: String
        let changes: [String]
        let action: String
        let reason: String?
    }

    /// `open` are those somebody would be asked about; `left` those the file does not have any
    /// more.
    func show(
        open: [(Project.Service, String)], left: [String]
    ) throws(CommandFailure) -> ExitCode {
        var steps: [Step] = []
        var down: Set<String> = []
        for one in planned {
            let step = try step(one, down)
            if ["blocked", "conflict"].contains(step.action) { down.insert(step.name) }
            steps.append(step)
        }
        if context.isJSON {
            context.printJSON(json(steps, open, left))
            return .success
        }
        if context.isQuiet {
            for step in steps where step.action == "start" {
                context.print(DisplayText.escaped(step.name))
            }
            return .success
        }
        var table = TableOutput(columns: [
            .init(title: "NAME"), .init(title: "FILE"), .init(title: "START"),
            .init(title: "WHY", expendability: 1),
        ])
        for step in steps {
            let changes = step.changes.isEmpty ? "" : " (\(step.changes.joined(separator: ", ")))"
            table.add([
                .init(DisplayText.escaped(step.name)), .init(step.word + changes),
                .init(step.action, step.action == "conflict" ? .bad : nil),
                .init(step.reason.map(DisplayText.escaped) ?? "-", .dim),
            ])
        }
        context.io.writeOutput(Array(table.text(context.style, within: context.io.columns).utf8))
        if !open.isEmpty {
            let names = open.map { "\($0.0.spec.name) (\($0.1))" }.joined(separator: ", ")
            context.say(DisplayText.escaped("asks before it runs: \(names)"))
        }
        if let advice = UpCommand.advice(left: left) { context.warn(advice) }
        context.say("nothing was done")
        return .success
    }

    /// `down` are those that would not come up, of what stands before it.
    private func step(
        _ one: PlannedService, _ down: Set<String>
    ) throws(CommandFailure) -> Step {
        var (action, reason) = try start(one)
        if action == "start", let needed = one.service.spec.dependsOn.first(where: down.contains),
            !context.invocation.has("no-deps")
        {
            (action, reason) = ("blocked", "'\(needed)' would not come up")
        }
        return Step(
            name: one.name, word: one.word, changes: one.plan.changes, action: action,
            reason: reason)
    }

    private func start(
        _ one: PlannedService
    ) throws(CommandFailure) -> (String, String?) {
        let spec = one.service.spec
        switch one.existing?.status {
        case "running", "armed":
            let isStale = one.plan.action == "update" || one.plan.pendingChange == true
            return (
                "skip",
                isStale && spec.command != nil ? "up; the change needs a restart" : "already up"
            )
        case "starting": return ("wait", "a start is under way")
        case "stopping": return ("blocked", "it is being stopped")
        default: break
        }
        let holder =
            if let port = spec.port { try holder(of: port) } else {
                nil as PortAnswer?
            }
        if spec.command == nil {
            return holder == nil
                ? ("blocked", "somebody else runs it, and nobody listens on its port")
                : ("skip", "already up")
        }
        guard let holder else { return ("start", nil) }
        let who =
            holder.service.map { "'\($0)'" }
            ?? holder.pid.map { "pid \($0) (\(holder.program ?? "?"))" } ?? "another process"
        return ("conflict", "port \(holder.port) is held by \(who)")
    }

    private func holder(of port: Int) throws(CommandFailure) -> PortAnswer? {
        do {
            let body = try up.client.call("GET", "/v1/ports/\(port)", within: .seconds(30))
            return try up.client.decode(Holders.self, body).holders.first
        } catch {
            guard error.code == "not_found" else { throw error }
            return nil
        }
    }

    private func json(
        _ steps: [Step], _ open: [(Project.Service, String)], _ left: [String]
    ) -> [UInt8] {
        var json = JSONText(capacity: 2_048)
        json.beginObject()
        json.field("project", up.loaded.project.name)
        json.field("file", up.loaded.file)
        json.field("root", up.loaded.project.folder)
        json.key("plan")
        json.beginArray()
        for step in steps {
            json.beginObject()
            json.field("name", step.name)
            json.field("change", planned.first { $0.name == step.name }?.plan.action)
            json.field("changes", step.changes)
            json.field("action", step.action)
            json.field("reason", step.reason)
            json.endObject()
        }
        json.endArray()
        UpConsent.write(open, into: &json)
        json.field("left", left)
        json.endObject()
        return json.bytes
    }
}
