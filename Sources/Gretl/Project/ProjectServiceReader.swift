// Reads one [service.NAME] table. What a value has to be is not decided here: each one is handed to
// ServicePatch as the API would get it, so that the file and the daemon cannot disagree; only paths
// and names are worked out first, and complaints get the file's key and line.

/// The reader of one service.
struct ProjectServiceReader {
    /// A name in depends_on that the file does not define.
    struct Stranger {
        let text: String
        let node: TOMLNode
    }

    /// All keys.
    static let keys = [
        "port", "cmd", "cwd", "env", "group", "ready", "depends_on", "restart_with", "restart",
        "log_file",
        "start", "listen", "autostart", "tty", "stop_signal",
    ]
    /// Where the file and the API differ in a name.
    private static let fields = [
        "restart_with": "restartWith",
        "depends_on": "dependsOn", "log_file": "logFile", "stop_signal": "stopSignal",
    ]

    private let entry: TOMLEntry
    private let project: Project
    private let place: Project.Place
    private let names: Set<String>
    private let path: String
    private var fields: [String: JSONValue] = [:]
    private var isBad = false
    /// As the file calls them, those of the file only.
    private(set) var dependencies: [String] = []
    private(set) var strangers: [Stranger] = []

    /// `names` are all services of the file.
    init(_ entry: TOMLEntry, project: Project, place: Project.Place, names: Set<String>) {
        self.entry = entry
        self.project = project
        self.place = place
        self.names = names
        path = "service.\(ProjectProblems.printable(entry.key))"
    }

    /// Nil when something about it is wrong.
    mutating func read(
        _ entries: [TOMLEntry], _ problems: inout ProjectProblems
    ) -> Project.Service? {
        let name = project.prefix + entry.key
        do throws(APIError) {
            try ServicePatch.check(name: entry.key)
            try ServicePatch.check(name: name)
        } catch {
            problems.add(entry.line, entry.column, "[\(path)]" + Self.words(error))
            return nil
        }
        fields["name"] = .string(name)
        for child in entries {
            guard Self.keys.contains(child.key) else {
                problems.unknown(child, in: "\(path).", Self.keys)
                isBad = true
                continue
            }
            read(child, &problems)
        }
        if fields["port"] == nil, !entries.contains(where: { $0.key == "port" }) {
            problems.add(
                entry.line, entry.column,
                "\(path).port is missing; port = false makes a worker that listens nowhere")
            return nil
        }
        guard !isBad else { return nil }
        return finished(&problems)
    }

    private mutating func finished(_ problems: inout ProjectProblems) -> Project.Service? {
        if fields["cwd"] == nil { fields["cwd"] = .string(project.root) }
        // A program that somebody else runs has no folder and no variables of ours.
        if fields["cmd"] == nil { fields["cwd"] = nil }
        do throws(APIError) {
            let spec = try ServicePatch(fields).applied(to: nil, daemonPorts: [])
            guard checkVariables(spec, &problems) else { return nil }
            return Project.Service(
                spec: spec, name: entry.key, line: entry.line,
                directoryLine: child("cwd", of: entry)?.line)
        } catch {
            if error.message.hasPrefix("'restartWith'"), let key = child("restart_with", of: entry)
            {
                problems.add(key.node, "[\(path)]" + Self.words(error))
            } else {
                problems.add(entry.line, entry.column, "[\(path)]" + Self.words(error))
            }
            return nil
        }
    }

    private func child(_ key: String, of parent: TOMLEntry?) -> TOMLEntry? {
        guard case .table(let all) = parent?.node.value else { return nil }
        return all.first { $0.key == key }
    }

    /// Whether `env` leaves alone what the daemon sets: another PORT than the one it looks at makes
    /// a service that never gets ready, and its own names it sets whatever stands here.
    private func checkVariables(_ spec: ServiceSpec, _ problems: inout ProjectProblems) -> Bool {
        var isGood = true
        for name in ["PORT"] + ServiceSpec.ownVariables {
            guard let value = spec.environment[name],
                let variable = child(name, of: child("env", of: entry))
            else { continue }
            let why: String
            if name == "PORT" {
                guard let port = spec.port, value != "\(port)" else { continue }
                why = "is not the port of the service, \(port); leave it out, PORT is set to port"
            } else {
                why = "is set by the daemon; leave it out"
            }
            problems.add(variable.line, variable.column, "\(path).env.\(name): \(why)")
            isGood = false
        }
        return isGood
    }

    private mutating func read(_ child: TOMLEntry, _ problems: inout ProjectProblems) {
        let key = "\(path).\(child.key)"
        let value: JSONValue?
        switch child.key {
        case "port": value = port(child.node)
        case "env": value = environment(key, child.node, &problems)
        case "cwd": value = folder(key, child.node, &problems)
        case "log_file": value = logFile(key, child.node, &problems)
        case "restart_with": value = others(key, child.node, &problems)
        case "depends_on": value = dependencies(key, child.node, &problems)
        case "group": value = group(child.node)
        case "ready": value = ready(key, child.node, &problems)
        default: value = Self.plain(child.node)
        }
        guard let value else {
            isBad = true
            return
        }
        let field = Self.fields[child.key] ?? child.key
        do throws(APIError) {
            var one: [String: JSONValue] = [field: value]
            one["name"] = fields["name"]
            _ = try ServicePatch(one)
            fields[field] = value
        } catch {
            isBad = true
            problems.add(child.node, key + Self.words(error))
        }
    }

    /// The words of an API error as they follow a key of the file: ` is out of range`, or
    /// `: anything else`.
    private static func words(_ error: APIError) -> String {
        var hint = error.hint
        if hint == ServicePatch.clearingHint {
            hint = "leave it out for the default"
        } else if hint.hasPrefix("give the field ") {
            hint = "set " + hint.dropFirst("give the field ".count)
        }
        return told(renamed(error.message), renamed(hint))
    }

    /// With the file's keys where the API's fields stand in quotes.
    private static func renamed(_ text: String) -> String {
        text.split(separator: "'", omittingEmptySubsequences: false).map { part in
            fields.first { $0.value == part }?.key ?? String(part)
        }.joined(separator: "'")
    }

    private static func told(_ text: String, _ hint: String) -> String {
        var message = ": " + text
        if text.hasPrefix("the field '"), let end = text.dropFirst(11).firstIndex(of: "'") {
            message = String(text[text.index(after: end)...])
        }
        let hint = hint.hasPrefix("see docs") ? "" : "; \(hint)"
        return ProjectProblems.shown(message + hint)
    }

    // MARK: Values

    private static func plain(_ node: TOMLNode) -> JSONValue {
        switch node.value {
        case .string(let text): .string(text)
        case .integer(let number): .integer(number)
        case .real(let number): .number(number)
        case .boolean(let flag): .bool(flag)
        // No field takes a time; what matters is that it is refused.
        case .date: .object([:])
        case .array(let items): .array(items.prefix(1_000).map(plain))
        case .table: .object([:])
        }
    }

    private func port(_ node: TOMLNode) -> JSONValue {
        if case .boolean(false) = node.value { return .null }
        return Self.plain(node)
    }

    private func group(_ node: TOMLNode) -> JSONValue {
        guard case .string(let text) = node.value else { return Self.plain(node) }
        // A prefix would make a name of none.
        guard text.utf8.count > 1 else { return .string(text) }
        return .string(ProjectReader.prefixed(group: text, project.prefix))
    }

    /// A URL, or a path on the service's own port.
    private func ready(
        _ key: String, _ node: TOMLNode, _ problems: inout ProjectProblems
    ) -> JSONValue? {
        guard case .string(let text) = node.value, text.hasPrefix("/") else {
            return Self.plain(node)
        }
        guard case .table(let all) = entry.node.value,
            let port = all.first(where: { $0.key == "port" }),
            case .integer(let number) = port.node.value
        else {
            problems.add(node, "\(key): a path is asked for on the service's port; it has none")
            return nil
        }
        return .string("http://localhost:\(number)\(text)")
    }

    private func folder(
        _ key: String, _ node: TOMLNode, _ problems: inout ProjectProblems
    ) -> JSONValue? {
        guard let text = problems.string(key, node) else { return nil }
        return .string(PathText.resolved(text, in: project.root, userHome: place.userHome))
    }

    /// A repository must not write to files of the user's: only below its own folder, or among the
    /// daemon's logs. Links are looked through by the daemon.
    private func logFile(
        _ key: String, _ node: TOMLNode, _ problems: inout ProjectProblems
    ) -> JSONValue? {
        guard let text = problems.string(key, node) else { return nil }
        let file = PathText.resolved(text, in: project.root, userHome: place.userHome)
        let isLog = place.home.map { PathText.contains("\($0)/logs", file) } ?? false
        guard isLog || PathText.contains(project.root, file) else {
            problems.add(node, "\(key) leads out of the root, \(project.root)")
            return nil
        }
        return .string(file)
    }

    private mutating func dependencies(
        _ key: String, _ node: TOMLNode, _ problems: inout ProjectProblems
    ) -> JSONValue? {
        let value = others(key, node, &problems)
        guard value != nil, case .array(let items) = node.value else { return value }
        for item in items {
            guard case .string(let name) = item.value else { continue }
            if names.contains(name) {
                dependencies.append(name)
            } else {
                strangers.append(Stranger(text: name, node: item))
            }
        }
        return value
    }

    /// Names of other services; those of the file get its prefix.
    private func others(
        _ key: String, _ node: TOMLNode, _ problems: inout ProjectProblems
    ) -> JSONValue? {
        guard case .array(let items) = node.value, items.count <= 256 else {
            problems.add(node, "\(key) must be a list of at most 256 names, as in [\"db\"]")
            return nil
        }
        var all: [JSONValue] = []
        for item in items {
            guard let name = problems.string(key, item) else { return nil }
            all.append(.string(names.contains(name) ? project.prefix + name : name))
        }
        return .array(all)
    }

    /// Numbers and flags are taken as they are written: people write DEBUG = 1.
    private func environment(
        _ key: String, _ node: TOMLNode, _ problems: inout ProjectProblems
    ) -> JSONValue? {
        guard let entries = problems.table(key, node) else { return nil }
        var values: [String: JSONValue] = [:]
        var isGood = true
        for entry in entries {
            switch entry.node.value {
            case .string(let text): values[entry.key] = .string(text)
            case .integer(let number): values[entry.key] = .string("\(number)")
            case .boolean(let flag): values[entry.key] = .string(flag ? "true" : "false")
            default:
                problems.expect("text in quotes", "\(key).\(entry.key)", entry.node)
                isGood = false
            }
        }
        return isGood ? .object(values) : nil
    }
}
