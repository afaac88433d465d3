// Registers the services of a gr.toml: first a look at what that would change and what stands in
// the way, for all of them, then the changes, dependencies first. What the file no longer says is
// sent as null, so that the daemon's copy is the file's.

/// What a registration would do, as POST /v1/services?plan=1 answers.
struct RegistrationAnswer: Decodable, Sendable {
    let action: String
    let changes: [String]
    let pendingChange: Bool?
}

/// A service with what is known of it before anything is done.
struct PlannedService: Sendable {
    let service: Project.Service
    let existing: ServiceAnswer?
    let plan: RegistrationAnswer
    /// The answer the plan is from.
    let answer: [UInt8]
    let body: [UInt8]

    var name: String { service.spec.name }
    /// What happens to the registration, in a word.
    var word: String {
        switch plan.action {
        case "create": "new"
        case "update": "changed"
        default: "unchanged"
        }
    }
}

/// The registration of a project.
struct UpRegistration {
    let loaded: LoadedProject
    let client: DaemonClient

    /// Asks the daemon about each service; throws when one of them cannot be registered.
    func plan(
        _ services: [Project.Service], _ existing: [String: ServiceAnswer]
    ) throws(CommandFailure) -> [PlannedService] {
        try checkOwners(services, existing)
        var planned: [PlannedService] = []
        for service in services {
            let known = existing[service.spec.name]
            let body = body(of: service, known)
            let answer = try call(service, "/v1/services?plan=1", body)
            planned.append(
                PlannedService(
                    service: service, existing: known,
                    plan: try client.decode(RegistrationAnswer.self, answer), answer: answer,
                    body: body))
        }
        return planned
    }

    /// Registers what is new or changed. When that fails in the middle, what is new is forgotten
    /// again: two worktrees that begin at the same time must not keep half of the names each.
    func register(_ planned: [PlannedService]) throws(CommandFailure) {
        var created: [String] = []
        for one in planned where one.plan.action != "keep" {
            do throws(CommandFailure) {
                _ = try call(one.service, "/v1/services", one.body)
            } catch {
                for name in created.reversed() {
                    // The failure that is told is the first one.
                    _ = try? client.call("DELETE", DaemonClient.target(service: name))
                }
                throw error
            }
            if one.plan.action == "create" { created.append(one.name) }
        }
    }

    private func call(
        _ service: Project.Service, _ target: String, _ body: [UInt8]
    ) throws(CommandFailure) -> [UInt8] {
        do {
            return try client.call("POST", target, body: body, within: .seconds(30))
        } catch {
            guard error.body != nil, error.exit != .notAllowed else { throw error }
            var failure = error
            failure.message = "\(loaded.file):\(service.line): \(error.message)"
            throw failure
        }
    }

    /// All names that belong to others, at once.
    private func checkOwners(
        _ services: [Project.Service], _ existing: [String: ServiceAnswer]
    ) throws(CommandFailure) {
        let folder = loaded.project.folder
        var lines: [String] = []
        var taken: [(service: Project.Service, owner: String?)] = []
        for service in services {
            guard let other = existing[service.spec.name], other.root != folder else { continue }
            let whose = other.root.map { "belongs to \($0)" } ?? "was registered by hand"
            lines.append("\(loaded.file):\(service.line): '\(service.spec.name)' \(whose)")
            taken.append((service, other.root))
        }
        guard !lines.isEmpty else { return }
        var failure = CommandFailure(
            exit: .conflict, code: "name_taken",
            message: lines.count == 1
                ? "a name of \(folder) is taken" : "\(lines.count) names of \(folder) are taken",
            hint: "put a prefix before the names here (prefix = \"\(suggestion)\" in gr.toml, or "
                + "gr up --prefix \(suggestion)), or remove the others with gr rm; nothing was "
                + "changed")
        failure.list(lines)
        failure.setDetails { json in
            json.key("names")
            json.beginArray()
            for (service, owner) in taken {
                json.beginObject()
                json.field("name", service.spec.name)
                json.field("owner", owner)
                json.field("line", service.line)
                json.endObject()
            }
            json.endArray()
        }
        throw failure
    }

    /// A prefix of the folder's name, which is that of a branch where worktrees are made for one.
    private var suggestion: String {
        let name = loaded.project.folder.split(separator: "/").last ?? ""
        let isUsable =
            (1...24).contains(name.utf8.count) && name.utf8.first != UInt8(ascii: "-")
            && name.utf8.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
                    || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
        return isUsable ? "\(name)-" : "wip-"
    }

    // MARK: Body

    private func body(of service: Project.Service, _ existing: ServiceAnswer?) -> [UInt8] {
        let spec = service.spec
        var json = JSONText(capacity: 1_024)
        json.beginObject()
        json.field("name", spec.name)
        json.field("port", spec.port)
        json.field("cmd", spec.command)
        json.field("cwd", spec.directory)
        json.field("group", spec.group)
        json.field("ready", spec.ready)
        json.key("env")
        json.beginObject()
        let variables = loaded.environment(of: service)
        for (key, value) in variables.sorted(by: { $0.key < $1.key }) {
            json.key(text: key)
            json.string(value)
        }
        for key in existing?.env ?? [] where variables[key] == nil {
            json.key(text: key)
            json.null()
        }
        json.endObject()
        json.field("dependsOn", spec.dependsOn)
        json.field("restartWith", spec.restartWith)
        json.field("restart", spec.restart.rawValue)
        json.field("start", spec.startMode.rawValue)
        json.field("listen", spec.listen)
        json.field("autostart", spec.autostart)
        json.field("tty", spec.tty)
        json.field("stopSignal", spec.stopSignal)
        json.field("logFile", spec.logFile)
        json.field("root", loaded.project.folder)
        json.endObject()
        return json.bytes
    }
}
