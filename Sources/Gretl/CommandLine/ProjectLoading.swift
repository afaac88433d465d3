// The gr.toml that `gr up`, `gr down` and `gr config check` work with: found, read once, checked.
// Everything that is wrong with it becomes one failure with a line for each complaint.

/// A checked file and the variables of its env_file.
struct LoadedProject: Sendable {
    let project: Project
    /// As it is named in messages.
    let file: String
    /// Of the env_file, without what is the daemon's to set; those of a service's own `env` win.
    let variables: [String: String]
    /// What is allowed but probably not meant, in the file and in its env_file.
    let warnings: [ConfigurationError.Problem]

    init(_ project: Project, file: String, _ text: EnvironmentText) {
        self.project = project
        self.file = file
        variables = text.variables.filter { !ServiceSpec.ownVariables.contains($0.key) }
        warnings = project.warnings + Self.warnings(text, of: project)
    }

    /// The variables a service is registered with. PORT of the env_file is for a service without a
    /// port only: all services share that file, and each has its own.
    func environment(of service: Project.Service) -> [String: String] {
        guard service.spec.command != nil else { return [:] }
        var all = variables
        if service.spec.port != nil { all["PORT"] = nil }
        return all.merging(service.spec.environment) { _, own in own }
    }

    /// About variables of the env_file that do not reach the services.
    private static func warnings(
        _ text: EnvironmentText, of project: Project
    ) -> [ConfigurationError.Problem] {
        let file = project.environmentFile
        let hasPorts = project.services.contains { service in
            service.spec.command != nil && service.spec.port != nil
        }
        var warnings: [ConfigurationError.Problem] = []
        for name in ["PORT"] + ServiceSpec.ownVariables {
            let isPort = name == "PORT"
            guard let line = text.lines[name], hasPorts || !isPort else { continue }
            let why =
                isPort
                ? "PORT is left out: each service gets its own port"
                : "\(name) is left out: the daemon sets it"
            warnings.append(
                .init(line: file.line, column: nil, message: "\(file.path):\(line): \(why)"))
        }
        return warnings
    }

    /// Finds the file by --file or from here, and reads it. One that `isToRun` and was not named
    /// must not be every user's to change.
    static func locate(
        _ context: CommandContext, isToRun: Bool
    ) throws(CommandFailure) -> ProjectFile {
        let userHome = context.environment["HOME"]
        let named = context.invocation.value("file")
        let path: String
        if let named {
            path = try context.absolute(named)
        } else if context.io.isDirectoryNoText {
            throw .directoryNoText
        } else if let found = ProjectFile.find(from: context.io.directory, userHome: userHome) {
            path = found
        } else {
            throw CommandFailure(
                exit: .failure, code: "no_project",
                message: "there is no gr.toml here, above, or in your home folder",
                hint: "write one (man gr.toml, or docs/gr-toml.md, says how), or name it with "
                    + "--file")
        }
        do throws(FileError) {
            return try ProjectFile.read(
                path, limit: Project.bytesMost, isNamed: named != nil, isToRun: isToRun)
        } catch { throw failure(error, file: path) }
    }

    /// Reads and checks everything; nothing is asked of the daemon.
    static func load(_ context: CommandContext) throws(CommandFailure) -> LoadedProject {
        let file = try locate(context, isToRun: true)
        let shown = file.folder == context.io.directory ? ProjectFile.name : file.path
        var place = Project.Place(
            file: context.invocation.has("file") ? file.path : shown, folder: file.folder)
        place.userHome = context.environment["HOME"]
        place.home = try context.homeFolder()
        place.prefix = context.invocation.value("prefix")
        let project: Project
        do throws(ConfigurationError) { project = try Project.parse(file.bytes, at: place) } catch {
            throw failure(error)
        }
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try ProjectFile.contents(
                of: project.environmentFile.path, limit: EnvironmentText.bytesMost,
                isToRun: !context.invocation.has("file"))
        } catch { throw failure(error, file: file.path) }
        do throws(ConfigurationError) {
            return LoadedProject(
                project, file: place.file,
                try environmentText(bytes, project.environmentFile, of: place.file))
        } catch { throw failure(error) }
    }

    /// A failure to read a file; `file` is the gr.toml.
    private static func failure(_ error: FileError, file: String) -> CommandFailure {
        let hint: String? =
            switch error.reason {
            case .missing: "name another file with --file"
            case .open:
                "nothing was done; chmod o-w \(ShellQuoting.quoted(error.path)), or if that is "
                    + "meant: --file \(ShellQuoting.quoted(file))"
            case .full, .tooLarge, .unsafe, .locked, .other: nil
            }
        return CommandFailure(
            exit: .failure, code: "invalid_project", message: error.description, hint: hint)
    }

    private static func environmentText(
        _ bytes: [UInt8]?, _ file: Project.EnvironmentFile, of project: String
    ) throws(ConfigurationError) -> EnvironmentText {
        guard let bytes else {
            guard let line = file.line else { return EnvironmentText([]) }
            let problem = ConfigurationError.Problem(
                line: line, column: 1, message: "env_file: there is no file \(file.path)")
            throw ConfigurationError(file: project, problems: [problem])
        }
        let text = EnvironmentText(bytes)
        guard text.problems.isEmpty else {
            throw ConfigurationError(file: file.path, problems: text.problems)
        }
        return text
    }

    /// A failure with all complaints, for people and for programs.
    static func failure(_ error: ConfigurationError) -> CommandFailure {
        let count = error.problems.count
        var failure = CommandFailure(
            exit: .failure, code: "invalid_project",
            message: "\(error.file) has \(count == 1 ? "a mistake" : "\(count) mistakes")",
            hint: "nothing was done; what a file may say: man gr.toml, or docs/gr-toml.md")
        failure.lines = error.description.split(separator: "\n").map(String.init)
        failure.setDetails { json in
            json.field("file", error.file)
            ProjectView.write("problems", error.problems, into: &json)
        }
        return failure
    }
}

extension CommandContext {
    /// `path` as an absolute one, from the directory here. `..` stays: behind a link it leads
    /// elsewhere than the text says.
    func absolute(_ path: String) throws(CommandFailure) -> String {
        if path.hasPrefix("/") { return path }
        guard !io.isDirectoryNoText else { throw .directoryNoText }
        guard let directory = io.directory else {
            throw .usage("the directory here is gone", hint: "give an absolute path")
        }
        var rest = path[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2).drop { $0 == "/" } }
        guard rest != ".", !rest.isEmpty else { return directory }
        return PathText.joined(directory, String(rest))
    }

    /// The daemon's folder, absolute; nil when nobody knows.
    func homeFolder() throws(CommandFailure) -> String? {
        let home = DaemonAddress.home(
            option: invocation.value("home"), environment: environment)
        guard let home else { return nil }
        // As gr.toml writes paths there, which are compared with it.
        return PathText.resolved(try absolute(home.path), in: "/", userHome: nil)
    }
}

extension CommandFailure {
    /// A path in JSON is UTF-8; another one would lead elsewhere.
    static var directoryNoText: CommandFailure {
        .usage(
            "the path of this folder is not UTF-8",
            hint: "rename the folder, or run gr in another one")
    }
}

/// A project as JSON.
enum ProjectView {
    /// A list of complaints.
    static func write(
        _ name: StaticString, _ problems: [ConfigurationError.Problem], into json: inout JSONText
    ) {
        json.key(name)
        json.beginArray()
        for problem in problems {
            json.beginObject()
            json.field("line", problem.line)
            json.field("column", problem.column)
            json.field("message", problem.message)
            json.endObject()
        }
        json.endArray()
    }
}
