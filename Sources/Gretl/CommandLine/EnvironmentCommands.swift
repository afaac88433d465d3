// gr exec and gr env: what a service's program finds in its environment.
//
// The values never pass the API: whoever can call it, a page in a browser above all, must not be
// able to read them. They are read from the database in the home folder, which is the user's own
// file (0600), and so these commands need no daemon and work only where it lives.

enum EnvironmentCommands {
    // MARK: exec

    static let exec: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let name = context.invocation.arguments[0]
        guard let words = context.invocation.userCommand, let program = words.first else {
            throw .usage(
                "gr exec needs a command behind --",
                hint: "such as: gr exec \(ShellQuoting.quoted(name)) -- env")
        }
        let spec = try spec(name, context)
        let directory = directory(spec, context)
        let variables = variables(spec, directory, context)
        let isHere = context.invocation.has("here")
        let failure = ProgramLaunch.become(
            words, environment: variables, directory: isHere ? nil : directory)
        throw CommandFailure(
            exit: failure.isNotFound ? .commandNotFound : .commandNotRunnable,
            code: "not_runnable", message: "cannot run \(program): \(failure.reason)",
            hint: "it was looked for from \(isHere ? "here" : directory), by the service's PATH")
    }

    // MARK: env

    static let list: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let spec = try spec(context.invocation.arguments[0], context)
        let all = variables(spec, directory(spec, context), context)
        // What comes from the shell anyway is shown on demand only.
        let isAll = context.invocation.has("all")
        let inherited = InheritedEnvironment.filter(context.environment)
        let shown = all.filter { isAll || inherited[$0.key] != $0.value }
            .filter { isAll || $0.key != "PWD" }.sorted { $0.key < $1.key }
        if context.isJSON {
            var json = JSONText()
            json.beginObject()
            json.field("name", spec.name)
            json.field("env", pairs: shown.map { (key: $0.key, value: $0.value) })
            json.endObject()
            context.printJSON(json.bytes)
            return .success
        }
        for (key, value) in shown {
            guard !context.isQuiet else {
                context.print(DisplayText.escaped(key))
                continue
            }
            // As a shell reads it back, so that a value with a line end is no second line.
            context.print("\(DisplayText.escaped(key))=\(ShellQuoting.quotedVisibly(value))")
        }
        return .success
    }

    // MARK: Pieces

    private static func spec(
        _ name: String, _ context: CommandContext
    ) throws(CommandFailure) -> ServiceSpec {
        let place = try context.daemonPlace()
        // A service finds the address of its own daemon in GRETL_DAEMON.
        guard let home = place.home,
            place.isHome || (try? DaemonAddress.find(home)) == place.shown
        else {
            throw CommandFailure(
                exit: .failure, code: "not_here",
                message: "the values of variables are in the folder of the daemon, and "
                    + "\(place.shown.url) is not the one of the folder here",
                hint: "leave out --address and GRETL_DAEMON, or say --home DIR")
        }
        let names: [String]
        do throws(StorageError) {
            let records = try StoredServices.read(home: home.path)
            if let spec = records.first(where: { $0.name == name }) { return spec }
            names = records.map(\.name)
        } catch {
            throw CommandFailure(
                exit: .failure, code: "storage", message: "cannot read the services: \(error)",
                hint: "is \(home.path) the daemon's folder? see --home")
        }
        throw CommandFailure(
            exit: .unknownService, code: "unknown_service",
            message: "no service is registered under the name '\(name)'",
            hint: Suggestion.hint(for: name, among: names) ?? "run 'gr ls' for the names")
    }

    private static func directory(_ spec: ServiceSpec, _ context: CommandContext) -> String {
        spec.directory ?? context.environment["HOME"] ?? "/"
    }

    /// As a start makes it, with the environment here in place of the daemon's, by the same list.
    private static func variables(
        _ spec: ServiceSpec, _ directory: String, _ context: CommandContext
    ) -> [String: String] {
        let address = (try? context.daemonPlace().shown) ?? .standard
        return spec.variables(
            inherited: InheritedEnvironment.filter(context.environment), directory: directory,
            daemonURL: address.url)
    }
}
