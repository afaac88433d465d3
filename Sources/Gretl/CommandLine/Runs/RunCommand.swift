// gr run: starts a run and shows it until it ends. Interrupted, the run goes on; who is asked at a
// terminal answers here.

internal import NetCore

enum RunCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let body = try request(context)
        let client = try context.client()
        let answer = try client.call("POST", "/api/runs", body: body, within: .seconds(60))
        let run = try client.decode(NamedRun.self, answer)
        if context.invocation.has("detach") {
            if context.isJSON { context.printJSON(answer) } else { context.print(run.run_id) }
            return .success
        }
        let words = [run.short, run.goal, run.model_name ?? "", run.cwd ?? ""]
        context.say(
            context.style.paint(
                DisplayText.escaped(words.filter { !$0.isEmpty }.joined(separator: "  ")), .strong))
        if run.sandbox == "off" { context.warn("its programs run without a sandbox") }
        if context.io.outputIsTerminal {
            context.say(
                context.style.paint(
                    "Ctrl-C leaves it running; then: gr runs logs -f \(run.short)", .dim))
        }
        return try follow(run, context)
    }

    /// Shows a run until its end, and asks where it asks.
    static func follow(
        _ run: NamedRun, _ context: CommandContext, after seq: Int64 = 0
    ) throws(CommandFailure) -> ExitCode {
        var feed = RunFeed(run, context, after: seq)
        var printer = RunPrinter(context, iterations: run.max_iterations ?? 0)
        let isLines = context.invocation.has("jsonl")
        while true {
            var question: RunFrame?
            var end: RunFrame?
            for (raw, frame) in try feed.next(waits: true) {
                if isLines {
                    var json = JSONText()
                    json.value(raw)
                    context.printJSON(json.bytes)
                } else if !context.isJSON, !context.isQuiet {
                    printer.show(frame)
                }
                // One that is answered already is not asked again.
                question = frame.kind == "human_check_required" ? frame : nil
                if frame.kind == "run_end" { end = frame }
            }
            try context.io.checkOutput()
            if let end { return try finish(run, end, context) }
            if question != nil { try answer(run, context) }
        }
    }

    private static func answer(_ run: NamedRun, _ context: CommandContext) throws(CommandFailure) {
        guard context.io.inputIsTerminal, context.io.errorsAreTerminal, !context.isJSON else {
            return context.warn(
                "the run waits for a decision: gr runs resume \(run.short) approve, or abort")
        }
        let word = context.ask("Go on?") ? "approve" : "abort"
        _ = try RunsCommands.decide(run, word, nil, context)
    }

    private static func finish(
        _ run: NamedRun, _ end: RunFrame, _ context: CommandContext
    ) throws(CommandFailure) -> ExitCode {
        if context.isJSON {
            context.printJSON(try context.returningClient().call("GET", run.target))
        } else if context.isQuiet {
            context.print(end.text("status").map(DisplayText.escaped) ?? "")
        }
        return end.text("status") == "achieved" ? .success : .failure
    }

    // MARK: The request

    private static func request(_ context: CommandContext) throws(CommandFailure) -> [UInt8] {
        let given = context.invocation
        var json = JSONText()
        json.beginObject()
        json.field("goal", given.arguments.first ?? "auto")
        json.field("cwd", try context.absolute(given.value("cwd") ?? "."))
        if let model = given.value("model") { json.field("model_name", model) }
        if let count = try number("max-iterations", given) { json.field("max_iterations", count) }
        if let count = try number("max-tokens", given) { json.field("max_tokens", count) }
        if let text = given.value("max-cost") {
            guard let amount = Double(text), amount > 0, amount.isFinite else {
                throw .usage("--max-cost is not an amount of US dollars", hint: "such as 0.50")
            }
            json.field("max_cost_usd", amount)
        }
        if let text = given.value("max-time") {
            guard let time = Quantities.duration(text), time >= .seconds(1) else {
                throw .usage("--max-time is no time", hint: "such as 90s, 10m or 2h")
            }
            json.field("max_seconds", time.inMilliseconds / 1_000)
        }
        if given.has("ask") { json.field("hitl_enabled", true) }
        if given.has("no-sandbox") { json.field("sandbox", "off") }
        if given.has("network") { json.field("network", "on") }
        if given.has("resume-on-start") { json.field("resume_on_start", true) }
        json.endObject()
        return json.bytes
    }

    private static func number(
        _ name: String, _ given: Invocation
    ) throws(CommandFailure) -> Int? {
        guard let text = given.value(name) else { return nil }
        guard let number = Int(text), number > 0 else {
            throw .usage("--\(name) is not a whole number above 0", hint: "such as --\(name) 20")
        }
        return number
    }
}
