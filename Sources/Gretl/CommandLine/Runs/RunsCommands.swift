// gr runs: the list, one run, its events, and the words a person says to it.

internal import NetCore

enum RunsCommands {
    // MARK: Looking

    static let list: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let body = try client.call("GET", "/api/runs\(try query(context))")
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let runs = try client.decode([NamedRun].self, body)
        if context.isQuiet {
            for run in runs { context.print(DisplayText.escaped(run.run_id)) }
        } else if runs.isEmpty, context.style.isDecorated {
            context.print("no runs; start one in a project's folder: gr run pytest")
        } else {
            context.io.writeOutput(Array(table(runs, context).utf8))
        }
        return .success
    }

    private static func query(_ context: CommandContext) throws(CommandFailure) -> String {
        var terms: [String] = []
        if let status = context.invocation.value("status") {
            terms.append("status=\(DaemonClient.percentEncoded(status))")
        }
        if let text = context.invocation.value("lines") {
            guard let count = Int(text), (1...1_000).contains(count) else {
                throw .usage("-n is a number from 1 to 1000", hint: "such as -n 20")
            }
            terms.append("limit=\(count)")
        }
        return terms.isEmpty ? "" : "?\(terms.joined(separator: "&"))"
    }

    private static func table(_ runs: [NamedRun], _ context: CommandContext) -> String {
        var table = TableOutput(columns: [
            .init(title: "RUN"), .init(title: "GOAL"), .init(title: "STATUS"),
            .init(title: "ITERATION", isNumber: true, expendability: 1),
            .init(title: "MODEL", expendability: 3), .init(title: "STARTED", expendability: 2),
            .init(title: "FOLDER", expendability: 4),
        ])
        for run in runs {
            let (state, ink) = run.state(context.style)
            table.add([
                .init(DisplayText.escaped(run.short)), .init(DisplayText.escaped(run.goal)),
                .init(state, ink), .init("\(run.iteration ?? 0)/\(run.max_iterations ?? 0)"),
                .init(DisplayText.escaped(run.model_name ?? "-"), .dim),
                .init(age(run.created_at, context), .dim),
                .init(DisplayText.escaped(run.cwd ?? "-"), .dim),
            ])
        }
        return table.text(context.style, within: context.io.columns)
    }

    private static func age(_ text: String?, _ context: CommandContext) -> String {
        guard let text, let at = Quantities.seconds(rfc3339: text) else { return "-" }
        return "\(Quantities.age(seconds: max(0, context.io.wallSeconds() - at))) ago"
    }

    static let show: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let run = try NamedRun.find(context.invocation.arguments[0], client)
        if context.isJSON {
            context.printJSON(try client.call("GET", run.target))
            return .success
        }
        if context.isQuiet {
            context.print(DisplayText.escaped(run.status))
            return .success
        }
        let (state, ink) = run.state(context.style)
        var rows: [(String, String)] = [
            ("run", run.run_id), ("goal", run.goal), ("folder", run.cwd ?? "-"),
            ("model", run.model_name ?? "-"),
            ("iteration", "\(run.iteration ?? 0) of \(run.max_iterations ?? 0)"),
            (
                "used",
                "\(run.usage?.total_tokens ?? 0) tokens, "
                    + RunPrompts.dollars(run.usage?.estimated_cost_usd ?? 0)
            ),
            ("sandbox", "\(run.sandbox ?? "-"), network \(run.network ?? "-")"),
            ("asks", run.hitl_enabled == true ? "before each iteration" : "never"),
            ("started", age(run.started_at ?? run.created_at, context)),
        ]
        if run.isOver {
            rows.append(("ended", age(run.finished_at, context)))
            rows.append(("why", run.stop_reason ?? "-"))
        }
        if let reason = run.final_state?.goal_reason { rows.append(("last check", reason)) }
        if let error = run.error { rows.append(("error", error)) }
        context.print("\(field("status", context))\(context.style.paint(state, ink))")
        for (name, value) in rows {
            context.print("\(field(name, context))\(DisplayText.escaped(value))")
        }
        if run.isWaiting {
            context.print("next: gr runs resume \(run.short) approve, or abort")
        }
        return .success
    }

    private static func field(_ name: String, _ context: CommandContext) -> String {
        context.style.paint(DisplayText.padded(name, to: 12), .dim)
    }

    static let logs: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let given = context.invocation
        let run = try NamedRun.find(given.arguments[0], try context.client())
        var since: Int64 = 0
        if let text = given.value("since") {
            guard let number = Int64(text), number >= 0 else {
                throw .usage("--since is no number of an event", hint: "0 is the beginning")
            }
            since = number
        }
        if given.has("follow") { return try RunCommand.follow(run, context, after: since) }
        var feed = RunFeed(run, context, after: since)
        var printer = RunPrinter(context, iterations: run.max_iterations ?? 0)
        while true {
            let events = try feed.next(waits: false)
            if events.isEmpty { return .success }
            for (raw, frame) in events {
                if context.isJSON || given.has("jsonl") {
                    var json = JSONText()
                    json.value(raw)
                    context.printJSON(json.bytes)
                } else {
                    printer.show(frame)
                }
            }
            try context.io.checkOutput()
        }
    }

    // MARK: Words

    static let resume: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let words = context.invocation.arguments
        let word = words.count > 1 ? words[1] : RunDecision.approve.rawValue
        guard let decision = RunDecision(rawValue: word) else {
            let all = RunDecision.allCases.map(\.rawValue)
            throw .usage(
                "'\(word)' is no decision",
                hint: Suggestion.hint(for: word, among: all) ?? "it is approve or abort")
        }
        let run = try NamedRun.find(words[0], try context.client())
        let answer = try decide(run, word, context.invocation.value("message"), context)
        if context.isJSON {
            context.printJSON(answer)
        } else {
            context.say(decision == .approve ? "\(run.short) goes on" : "\(run.short) ends")
        }
        return .success
    }

    /// Tells a run that waits what a person says.
    static func decide(
        _ run: NamedRun, _ word: String, _ message: String?, _ context: CommandContext
    ) throws(CommandFailure) -> [UInt8] {
        var json = JSONText()
        json.beginObject()
        json.field("decision", word)
        if let message { json.field("message", message) }
        json.endObject()
        return try context.returningClient().call(
            "POST", "\(run.target)/resume", body: json.bytes, within: .seconds(60))
    }

    static let abort: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        return context.forEachWord { (word) throws(CommandFailure) in
            let run = try NamedRun.find(word, client)
            let answer = try client.call("POST", "\(run.target)/abort", within: .seconds(60))
            if context.isJSON {
                context.printJSON(answer)
            } else {
                context.say("\(run.short) aborted")
            }
            return .success
        }
    }

    static let remove: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        return context.forEachWord { (word) throws(CommandFailure) in
            let run = try NamedRun.find(word, client)
            _ = try client.call("DELETE", run.target)
            context.say("\(run.short) removed")
            return .success
        }
    }
}
