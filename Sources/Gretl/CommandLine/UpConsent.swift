// The question before a gr.toml is run for the first time, or with other commands than before. What
// would be run is shown in full, harmless for the terminal; without a terminal nobody is asked and
// nothing is done.

/// Asks once for each folder and command, and remembers the answer in the daemon's home folder.
struct UpConsent {
    let loaded: LoadedProject
    let context: CommandContext
    /// What is registered by now: a changed command is shown beside the one it was.
    let existing: [String: ServiceAnswer]

    /// Longer commands are shown in part, and say so.
    private static let shownMost = 2_000

    /// The services that need a yes, with why.
    func open(_ services: [Project.Service]) throws(CommandFailure) -> [(Project.Service, String)] {
        let consent = try read()
        let own = Set(loaded.project.services.map(\.spec.name))
        return services.compactMap { service in
            let startsOthers = service.spec.dependsOn.contains { !own.contains($0) }
            guard service.spec.command != nil || startsOthers else { return nil }
            switch consent.state(of: service, in: loaded.project) {
            case .allowed: return nil
            case .new: return (service, "new")
            case .changed: return (service, "changed")
            }
        }
    }

    /// Returns when all of `services` may be run.
    func ask(_ services: [Project.Service]) throws(CommandFailure) {
        let open = try open(services)
        guard !open.isEmpty else { return }
        if !context.invocation.has("yes") {
            guard context.io.inputIsTerminal, context.io.errorsAreTerminal, !context.isJSON else {
                throw refusal(open)
            }
            var text = "\(loaded.file) wants to run what you have not allowed yet:\n"
            for line in lines(open) { text += "  \(DisplayText.escaped(line))\n" }
            context.io.writeErrors(Array(text.utf8))
            guard context.ask("Run it?") else {
                throw CommandFailure(
                    exit: .notAllowed, code: "consent_refused", message: "nothing was done",
                    hint: "to run it without the question: gr up --yes")
            }
        }
        var consent = try read()
        consent.allow(open.map { $0.0 }, in: loaded.project)
        try write(consent)
    }

    private func refusal(_ open: [(Project.Service, String)]) -> CommandFailure {
        var failure = CommandFailure(
            exit: .notAllowed, code: "consent_needed",
            message: "\(loaded.file) wants to run what was not allowed yet; nothing was done",
            hint: "look at it, then allow it once with: gr up --yes")
        failure.list(lines(open))
        // For whoever reads no text.
        failure.setDetails { Self.write(open, into: &$0) }
        return failure
    }

    /// The services that are asked about, as the field `asks`.
    static func write(_ open: [(Project.Service, String)], into json: inout JSONText) {
        json.key("asks")
        json.beginArray()
        for (service, why) in open {
            json.beginObject()
            json.field("name", service.spec.name)
            json.field("why", why)
            json.field("cmd", service.spec.command)
            json.field("cwd", service.spec.directory)
            json.field("env", service.spec.environment.keys.sorted())
            json.field("dependsOn", service.spec.dependsOn)
            json.endObject()
        }
        json.endArray()
    }

    private func lines(_ open: [(Project.Service, String)]) -> [String] {
        let own = Set(loaded.project.services.map(\.spec.name))
        var all: [String] = []
        for (service, why) in open {
            let spec = service.spec
            var line = "\(spec.name) (\(why)): "
            if let command = spec.command {
                let isCut = command.utf8.count > Self.shownMost
                line += shown(command)
                if isCut { line += " (cut; the whole is at \(loaded.file):\(service.line))" }
            }
            if let directory = spec.directory, directory != loaded.project.folder {
                line += "  [in \(directory)]"
            }
            if !spec.environment.isEmpty { line += "  [with \(shown(spec.environment))]" }
            let others = spec.dependsOn.filter { !own.contains($0) }.prefix(20)
            if !others.isEmpty { line += "  [starts \(others.joined(separator: ", "))]" }
            all.append(line)
            if why == "changed", let old = existing[spec.name]?.cmd, old != spec.command {
                all.append("  it was: \(shown(old))")
            } else if why == "changed" {
                all.append("  its command is what it was; its cwd, env, env_file or names changed")
            }
        }
        if !loaded.variables.isEmpty {
            let file = loaded.project.environmentFile.path
            all.append("with \(shown(loaded.variables)) from \(file)")
        }
        return all
    }

    /// Names, since values may be secret; but in full those that make another command of one.
    private func shown(_ variables: [String: String]) -> String {
        let telling = variables.keys.filter(Self.decidesWhatRuns).sorted().prefix(20)
        let others = variables.keys.filter { !Self.decidesWhatRuns($0) }.sorted()
        let words = telling.map { "\($0)=\(shown(variables[$0] ?? ""))" } + others.prefix(20)
        let rest = variables.count - words.count
        return words.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }

    /// Variables by which a shell, the loader or an interpreter runs what no command names.
    private static func decidesWhatRuns(_ name: String) -> Bool {
        ["LD_", "GIT_", "DYLD_"].contains(where: name.hasPrefix)
            || [
                "PATH", "SHELL", "ENV", "BASH_ENV", "IFS", "PS4", "PROMPT_COMMAND", "EDITOR",
                "PAGER", "NODE_OPTIONS", "NODE_PATH", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME",
                "RUBYOPT", "RUBYLIB", "PERL5OPT", "PERL5LIB", "JAVA_TOOL_OPTIONS", "MAKEFLAGS",
                "GOFLAGS", "RUSTC_WRAPPER",
            ].contains(name)
    }

    private func shown(_ command: String) -> String {
        guard command.utf8.count > Self.shownMost else { return command }
        return String(decoding: command.utf8.prefix(Self.shownMost), as: UTF8.self) + "…"
    }

    // MARK: The file

    private func path() throws(CommandFailure) -> String {
        if let home = try context.homeFolder() { return "\(home)/\(Consent.fileName)" }
        throw CommandFailure(
            exit: .failure, code: "no_home", message: "there is no folder to remember an answer in",
            hint: "set HOME, or say --home DIR")
    }

    private func read() throws(CommandFailure) -> Consent {
        let path = try path()
        do throws(FileError) {
            return Consent(try PrivateFile.read(path, limit: Consent.bytesMost))
        } catch {
            // A file that is too long, or not ours to read, allows nothing.
            guard error.reason == .missing else { throw failure(error) }
            return Consent()
        }
    }

    private func write(_ consent: Consent) throws(CommandFailure) {
        let path = try path()
        do throws(FileError) { try PrivateFile.write(consent.bytes, to: path) } catch {
            throw failure(error)
        }
    }

    private func failure(_ error: FileError) -> CommandFailure {
        CommandFailure(
            exit: .failure, code: "consent_unknown", message: error.description,
            hint: "the file remembers what you allowed gr.toml files to run; nothing was done")
    }
}
