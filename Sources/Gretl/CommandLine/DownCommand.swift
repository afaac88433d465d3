// gr down: stops what was registered from the folder of a gr.toml. It goes by the folder and not by
// what the file says now: a file with a mistake in it, or another prefix, must not keep anything
// running.

internal import NetCore

enum DownCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let file = try LoadedProject.locate(context, isToRun: false)
        let grace = try ServiceCommands.time("grace", context)
        let client = try context.client()
        let own = try client.services().values.filter { $0.root == file.folder }
            .sorted { $0.name < $1.name }
        let names = try chosen(own, context)
        guard !names.isEmpty else {
            if context.isJSON { context.printJSON(Array(#"{"results":[]}"#.utf8)) }
            context.say("nothing is registered from \(DisplayText.escaped(file.folder))")
            return .success
        }
        var json = JSONText()
        json.beginObject()
        json.field("names", names)
        json.endObject()
        let query = grace.map { "?grace=\($0.inMilliseconds)" } ?? ""
        let within = (grace ?? .seconds(5)) * (names.count + 1) + .seconds(60)
        let body = json.bytes
        let progress = ChangeProgress(
            .stopped, context, client,
            statuses: Dictionary(
                own.map { ($0.name, $0.status) }, uniquingKeysWith: { first, _ in first }))
        let isRunning = Set(own.filter(runs).map(\.name))
        let result = progress.watch(names.filter(isRunning.contains)) {
            Result { () throws(CommandFailure) in
                try client.call("POST", "/v1/stop" + query, body: body, within: within)
            }
        }
        progress.end()
        let answer = try result.get()
        let isForgotten = context.invocation.has("rm")
        if isForgotten {
            for name in names {
                do throws(CommandFailure) {
                    _ = try client.call(
                        "DELETE", DaemonClient.target(service: name), within: within)
                } catch {
                    // Somebody else may have been quicker.
                    guard error.code == "unknown_service" else { throw error }
                }
            }
        }
        if context.isJSON {
            context.printJSON(answer)
            return .success
        }
        let many = try client.decode(ManyAnswer.self, answer)
        for result in many.results {
            let word =
                switch (result.outcome, isForgotten) {
                case ("external", false): "left alone: somebody else runs it"
                case ("external", true): "removed; somebody else still runs it"
                case (_, true): "removed"
                case (let outcome, false): outcome
                }
            context.say("\(DisplayText.escaped(result.name)) \(DisplayText.escaped(word))")
        }
        for warning in many.warnings ?? [] { context.warn("warning: \(warning)") }
        return .success
    }

    /// Whether there is something to stop; what somebody else runs has no pid.
    private static func runs(_ service: ServiceAnswer) -> Bool {
        service.pid != nil || !["running", "stopped", "failed"].contains(service.status)
    }

    /// The services of the folder that the words mean: all without any.
    private static func chosen(
        _ own: [ServiceAnswer], _ context: CommandContext
    ) throws(CommandFailure) -> [String] {
        let words = context.invocation.arguments
        guard !words.isEmpty else { return own.map(\.name) }
        let prefix = context.invocation.value("prefix") ?? ""
        var names: [String] = []
        for word in words {
            let found = own.filter {
                word.utf8.first == UInt8(ascii: "@")
                    ? [word, ProjectReader.prefixed(group: word, prefix)].contains($0.group)
                    : $0.name == word || $0.name == prefix + word
            }
            guard !found.isEmpty else {
                throw CommandFailure(
                    exit: .unknownService, code: "unknown_service",
                    message: "'\(word)' is not registered from this folder",
                    hint: Suggestion.hint(for: word, among: own.map(\.name)) ?? "see: gr ls")
            }
            for service in found where !names.contains(service.name) { names.append(service.name) }
        }
        return names
    }
}
