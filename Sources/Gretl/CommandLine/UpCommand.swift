// gr up: from a gr.toml to running services. The order is the contract: everything is checked, then
// the person is asked, then services are registered, then they are started. Until the first
// registration nothing has changed.

/// One run of `gr up`.
struct UpCommand {

    let context: CommandContext
    let loaded: LoadedProject
    let client: DaemonClient

    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        if context.invocation.has("detach"), context.invocation.has("wait") {
            throw .usage("--detach and --wait exclude each other")
        }
        let loaded = try LoadedProject.load(context)
        guard !loaded.project.services.isEmpty else {
            throw CommandFailure(
                exit: .failure, code: "no_services", message: "\(loaded.file) has no services",
                hint: "describe one: [service.web], then port and cmd; see: man gr.toml")
        }
        let up = UpCommand(context: context, loaded: loaded, client: try context.client())
        return try up.perform()
    }

    private func perform() throws(CommandFailure) -> ExitCode {
        let project = loaded.project
        let timeout = try ServiceCommands.time("timeout", context)
        let selection = try UpSelection(
            context.invocation.arguments, of: project,
            withDependencies: !context.invocation.has("no-deps"))
        try loaded.checkStart(of: selection.services)
        let existing = try client.services()
        let registration = UpRegistration(loaded: loaded, client: client)
        let planned = try registration.plan(selection.services, existing)
        let consent = UpConsent(loaded: loaded, context: context, existing: existing)
        if context.invocation.has("plan") {
            return try UpPlan(up: self, planned: planned).show(
                open: try consent.open(selection.services), left: left(existing))
        }
        for warning in loaded.warnings {
            let line = warning.line.map { ":\($0)" } ?? ""
            context.warn("warning: \(loaded.file)\(line): \(warning.message)")
        }
        try consent.ask(selection.services)
        try registration.register(planned)
        var start = UpStart(up: self, planned: planned, timeout: timeout)
        try start.perform(
            selection.services.map(\.spec.name),
            serial: project.groups.filter { !$0.isParallel }.map(\.name))
        let now = try client.services()
        start.noteEnds(now)
        return UpReport(up: self, planned: planned, start: start, now: now).show(
            left: left(existing))
    }

    /// What was registered from this folder and is not in the file any more.
    private func left(_ existing: [String: ServiceAnswer]) -> [String] {
        let names = Set(loaded.project.services.map(\.spec.name))
        return existing.values.filter {
            $0.root == loaded.project.folder && !names.contains($0.name)
        }.map(\.name).sorted()
    }

    /// What to do about services that are left over.
    static func advice(left: [String]) -> String? {
        guard !left.isEmpty else { return nil }
        let names = left.prefix(10).map(ShellQuoting.quoted).joined(separator: " ")
        return "registered from here before, and not in the file any more: gr rm \(names)"
            + (left.count > 10 ? " and \(left.count - 10) more" : "")
    }
}
