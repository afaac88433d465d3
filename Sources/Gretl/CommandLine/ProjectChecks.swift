// What a good gr.toml may still fail at: folders that are not there, and one port for two programs.
// To `gr config check`, which is asked about the file alone, these are warnings; `gr up` finds them
// among what it is to start, before anything is registered. Looks at the disk, asks no daemon.

internal import NetCore

extension LoadedProject {
    /// All warnings about the file, in the order of its lines.
    func allWarnings() -> [ConfigurationError.Problem] {
        let all = warnings + missingFolders(project.services)
        return all.enumerated().sorted {
            ($0.element.line ?? .max, $0.offset) < ($1.element.line ?? .max, $1.offset)
        }.map(\.element)
    }

    /// Throws what keeps `services` from running together.
    func checkStart(of services: [Project.Service]) throws(CommandFailure) {
        var problems = missingFolders(services)
        let shared = sharedPorts(services)
        problems += shared
        guard !problems.isEmpty else { return }
        problems.sort { ($0.line ?? .max) < ($1.line ?? .max) }
        var failure = Self.failure(ConfigurationError(file: file, problems: problems))
        if problems.count == shared.count {
            failure.hint =
                "nothing was done; give them ports of their own, or name those to start: "
                + "gr up NAME"
        }
        throw failure
    }

    /// The folders in which `services` are to run and that do not exist; one complaint for each.
    private func missingFolders(_ services: [Project.Service]) -> [ConfigurationError.Problem] {
        var told: Set<String> = []
        var problems: [ConfigurationError.Problem] = []
        for service in services where service.spec.command != nil {
            guard let folder = service.spec.directory, !told.contains(folder),
                let why = ProjectFile.unusable(folder: folder)
            else { continue }
            told.insert(folder)
            let isRoot = service.directoryLine == nil
            let key =
                isRoot ? "root" : "service.\(ProjectProblems.printable(service.name)).cwd"
            problems.append(
                .init(
                    line: isRoot ? project.rootLine ?? service.line : service.directoryLine,
                    column: 1, message: "\(key): \(why)"))
        }
        return problems
    }

    /// Programs of `services` that want the port of another one of them. What somebody else runs
    /// may have two names.
    private func sharedPorts(_ services: [Project.Service]) -> [ConfigurationError.Problem] {
        var owners: [Int: Project.Service] = [:]
        var problems: [ConfigurationError.Problem] = []
        for service in services.sorted(by: { $0.line < $1.line }) {
            guard let port = service.spec.port, service.spec.command != nil else { continue }
            if let other = owners[port] {
                problems.append(
                    .init(
                        line: service.line, column: 1,
                        message: "service.\(ProjectProblems.printable(service.name)).port: "
                            + "\(ProjectProblems.printable(other.name)) has port \(port), too"))
            } else {
                owners[port] = service
            }
        }
        return problems
    }
}
