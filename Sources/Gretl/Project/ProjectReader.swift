// Turns the tables of a gr.toml into a Project and collects everything that is wrong on the way. A
// service's keys are read by ProjectServiceReader; here are the file's own, groups, and what holds
// between services: circles, shared ports, names that nobody defines.

/// One pass over a parsed file.
struct ProjectReader {
    var problems = ProjectProblems()
    private let place: Project.Place
    private var project: Project
    /// Services as the file calls them, with what they need.
    private var dependencies: [String: [String]] = [:]
    /// Where they name it.
    private var dependencyNodes: [String: TOMLNode] = [:]
    private var warnings = ProjectProblems()

    static let keys = ["project", "root", "env_file", "prefix"]
    static let tables = ["service", "group"]
    static let groupKeys = ["description", "parallel"]

    init(_ place: Project.Place) {
        self.place = place
        let folderName = place.folder.split(separator: "/").last.map(String.init) ?? "/"
        project = Project(
            name: folderName, folder: place.folder, root: place.folder,
            environmentFile: .init(path: "", line: nil), prefix: place.prefix ?? "",
            services: [], groups: [], warnings: [])
    }

    /// The project; of use only when `problems` stayed empty.
    mutating func read(_ entries: [TOMLEntry]) -> Project {
        for key in Self.keys {
            // What others build on comes first, wherever it stands.
            if let entry = entries.first(where: { $0.key == key }) { readKey(entry) }
        }
        if project.environmentFile.path.isEmpty {
            project.environmentFile.path = PathText.joined(project.root, ".env")
        }
        checkPrefix(entries.first { $0.key == "prefix" })
        for entry in entries where !Self.keys.contains(entry.key) {
            switch entry.key {
            case "service": readServices(entry.node)
            case "group": readGroups(entry.node)
            default: unknown(entry)
            }
        }
        checkDependencies()
        checkGroups()
        checkPorts()
        project.warnings = warnings.sorted
        return project
    }

    private mutating func readKey(_ entry: TOMLEntry) {
        guard let text = problems.string(entry.key, entry.node) else { return }
        guard !text.isEmpty || entry.key == "prefix", text.utf8.count <= 1_024,
            !text.actsOnDisplay
        else {
            problems.add(
                entry.node, "\(entry.key) must have 1 to 1024 bytes and no control characters")
            return
        }
        switch entry.key {
        case "project": project.name = text
        case "root": readRoot(text, entry.node)
        case "env_file":
            project.environmentFile = .init(
                path: PathText.resolved(text, in: project.root, userHome: place.userHome),
                line: entry.node.line)
        default: if place.prefix == nil { project.prefix = text }
        }
    }

    /// The root stays in the folder of the file: a file must not speak for somebody else's folder.
    private mutating func readRoot(_ text: String, _ node: TOMLNode) {
        let root = PathText.resolved(text, in: place.folder, userHome: place.userHome)
        guard PathText.contains(place.folder, root) else {
            problems.add(node, "root leads out of the folder of this file, \(place.folder)")
            return
        }
        project.root = root
        project.rootLine = node.line
    }

    private mutating func checkPrefix(_ entry: TOMLEntry?) {
        guard !project.prefix.isEmpty else { return }
        let isPlain = project.prefix.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
        guard isPlain, project.prefix.utf8.count <= 64 else {
            let line = place.prefix == nil ? entry?.node.line ?? 1 : 1
            problems.add(
                line, entry?.node.column ?? 1,
                "prefix must be 1 to 64 letters, digits, '-', '_' and '.', such as \"wip-\"")
            project.prefix = ""
            return
        }
    }

    private mutating func unknown(_ entry: TOMLEntry) {
        if case .table(let inner) = entry.node.value,
            inner.contains(where: { ProjectServiceReader.keys.contains($0.key) }),
            Spelling.nearest(entry.key, Self.tables) == nil
        {
            let name = ProjectProblems.printable(entry.key)
            problems.add(
                entry.line, entry.column,
                "unknown table \"\(name)\"; did you mean [service.\(name)]?")
            return
        }
        problems.unknown(entry, in: "", Self.keys + Self.tables)
    }

    // MARK: Services

    private mutating func readServices(_ node: TOMLNode) {
        guard let entries = problems.table("service", node) else { return }
        guard entries.count <= Project.servicesMost else {
            problems.add(node, "a file has at most \(Project.servicesMost) services")
            return
        }
        let names = Set(entries.map(\.key))
        for entry in entries {
            let path = "service.\(entry.key)"
            guard case .table(let inner) = entry.node.value else {
                problems.expect("a table, as in [service.NAME]", path, entry.node)
                continue
            }
            var reader = ProjectServiceReader(
                entry, project: project, place: place, names: names)
            let service = reader.read(inner, &problems)
            dependencies[entry.key] = reader.dependencies
            dependencyNodes[entry.key] = inner.first { $0.key == "depends_on" }?.node
            let others = reader.strangers.isEmpty ? [] : names.subtracting([entry.key]).sorted()
            for name in reader.strangers {
                let meant =
                    Suggestion.nearest(to: name.text, among: others).map {
                        "; did you mean \"\($0)\"?"
                    }
                    ?? ""
                warnings.add(
                    name.node,
                    "\(path).depends_on: \"\(ProjectProblems.printable(name.text))\" is not in "
                        + "this file\(meant)")
            }
            if let service { project.services.append(service) }
        }
    }

    private mutating func checkDependencies() {
        var told: Set<String> = []
        for service in project.services where !told.contains(service.name) && !problems.isFull {
            let cycle = try? DependencyOrder.cycle(through: service.name) { dependencies[$0] }
            guard let cycle = cycle ?? nil else { continue }
            told.formUnion(cycle)
            let shown = cycle.prefix(16).map(ProjectProblems.printable)
            let node = dependencyNodes[service.name]
            problems.add(
                node?.line ?? service.line, node?.column ?? 1,
                "services depend on each other in a circle: \(shown.joined(separator: " -> "))")
        }
    }

    private mutating func checkPorts() {
        var owners: [Int: String] = [:]
        for service in project.services {
            guard let port = service.spec.port else { continue }
            if let other = owners[port] {
                warnings.add(
                    service.line, 1,
                    "service.\(ProjectProblems.printable(service.name)).port: "
                        + "\(ProjectProblems.printable(other)) has port \(port), too; only one "
                        + "of them can run")
            } else {
                owners[port] = service.name
            }
        }
    }

    // MARK: Groups

    private mutating func readGroups(_ node: TOMLNode) {
        guard let entries = problems.table("group", node) else { return }
        guard entries.count <= Project.groupsMost else {
            problems.add(node, "a file has at most \(Project.groupsMost) groups")
            return
        }
        for entry in entries {
            let path = "group.\"\(entry.key)\""
            guard entry.key.utf8.first == UInt8(ascii: "@"), entry.key.utf8.count > 1,
                entry.key.utf8.count <= 64, !entry.key.actsOnDisplay
            else {
                let name = ProjectProblems.printable(entry.key)
                problems.add(
                    entry.line, entry.column,
                    "a group's name starts with @ and has at most 64 bytes: [group.\"@\(name)\"]")
                continue
            }
            guard let inner = problems.table(path, entry.node) else { continue }
            var group = Project.Group(
                name: Self.prefixed(group: entry.key, project.prefix), line: entry.line)
            for child in inner {
                switch child.key {
                case "description":
                    guard let text = problems.string("\(path).description", child.node) else {
                        continue
                    }
                    guard text.utf8.count <= 512, !text.actsOnDisplay else {
                        problems.add(
                            child.node,
                            "\(path).description has more than 512 bytes or control characters")
                        continue
                    }
                    group.description = text
                case "parallel":
                    group.isParallel = problems.boolean("\(path).parallel", child.node) ?? true
                default: problems.unknown(child, in: "\(path).", Self.groupKeys)
                }
            }
            project.groups.append(group)
        }
    }

    private mutating func checkGroups() {
        let used = Set(project.services.compactMap(\.spec.group))
        for group in project.groups where !used.contains(group.name) {
            let meant =
                Spelling.nearest(group.name, used.sorted()).map { "; did you mean \"\($0)\"?" }
                ?? ""
            warnings.add(
                group.line, 1,
                "no service belongs to the group \"\(ProjectProblems.printable(group.name))\""
                    + meant)
        }
    }

    /// `@wip-jobs` for `@jobs`.
    static func prefixed(group: String, _ prefix: String) -> String {
        guard group.utf8.first == UInt8(ascii: "@") else { return group }
        return "@" + prefix + String(decoding: group.utf8.dropFirst(), as: UTF8.self)
    }
}
