// Shows the events of a run to a person, a line or a few for each: what the model thinks, does and
// gets, what it costs, how far it is.

/// Writes events.
struct RunPrinter {
    private let context: CommandContext
    private let iterations: Int
    private var tokens: Int64 = 0
    private var cost = 0.0

    private static let reasoningLines = 12
    private static let outputLines = 6

    init(_ context: CommandContext, iterations: Int) {
        self.context = context
        self.iterations = iterations
    }

    /// Shows one event.
    mutating func show(_ frame: RunFrame) {
        let style = context.style
        switch frame.kind {
        case "step_start":
            guard frame.text("node") == "plan" else { return }
            let head = "[\(frame.iteration + 1)/\(iterations)]"
            context.print("\(style.paint(head, .strong)) \(style.paint("asking the model", .dim))")
        case "llm_usage": showUsage(frame)
        case "reasoning":
            for line in lines(frame.text("text"), Self.reasoningLines) {
                context.print("  \(line)")
            }
        case "tool_call":
            let name = style.paint(DisplayText.escaped(frame.text("tool") ?? "?"), .strong)
            context.print("  \(arrow("→", "->")) \(name) \(arguments(frame))")
        case "tool_result": showResult(frame)
        case "goal_check":
            let isMet = frame.flag("achieved")
            let mark = style.paint(isMet ? "goal met" : "goal not met", isMet ? .good : .busy)
            let cached = frame.flag("cached") ? style.paint(" (nothing changed)", .dim) : ""
            context.print("  \(mark): \(oneLine(frame.text("reason")))\(cached)")
        case "human_check_required":
            context.print(style.paint("waiting for you: \(oneLine(frame.text("summary")))", .busy))
        case "human_check_response":
            context.print("  answered: \(oneLine(frame.text("decision")))")
        case "log":
            let ink: Ink = frame.text("level") == "warning" ? .busy : .dim
            context.print("  \(style.paint(oneLine(frame.text("message")), ink))")
        case "error":
            context.print(style.paint("error: \(oneLine(frame.text("message")))", .bad))
            if let hint = frame.text("hint") { context.print("hint: \(oneLine(hint))") }
        case "run_end": showEnd(frame)
        default: return
        }
    }

    private mutating func showUsage(_ frame: RunFrame) {
        tokens += frame.number("total_tokens") ?? 0
        cost += frame.amount("cost_usd") ?? 0
        let cached = frame.number("cache_read_tokens") ?? 0
        var text = "\(frame.number("input_tokens") ?? 0) in"
        if cached > 0 { text += " (\(cached) cached)" }
        text += ", \(frame.number("output_tokens") ?? 0) out; \(tokens) tokens"
        if cost > 0 { text += ", \(RunPrompts.dollars(cost))" }
        context.print("  \(context.style.paint(text + " so far", .dim))")
    }

    private func showResult(_ frame: RunFrame) {
        let style = context.style
        let isError = frame.flag("error")
        var head = frame.number("exit_code").map { "exit \($0)" } ?? (isError ? "error" : "ok")
        if let milliseconds = frame.number("duration_ms"), milliseconds >= 100 {
            head += ", \(milliseconds / 1_000).\(milliseconds / 100 % 10) s"
        }
        context.print("  \(arrow("←", "<-")) \(style.paint(head, isError ? .bad : .good))")
        for line in lines(frame.text("content"), Self.outputLines) {
            context.print("    \(style.paint(line, .dim))")
        }
    }

    private func showEnd(_ frame: RunFrame) {
        let status = frame.text("status") ?? "ended"
        let ink: Ink = status == "achieved" ? .good : status == "failed" ? .bad : .busy
        let count = frame.number("iterations") ?? 0
        var text = "\(count) \(count == 1 ? "iteration" : "iterations")"
        text += ", \(frame.number("total_tokens") ?? 0) tokens"
        text += ", \(RunPrompts.dollars(frame.amount("estimated_cost_usd") ?? 0))"
        context.print(
            "\(context.style.paint(DisplayText.escaped(status), ink)): "
                + oneLine(frame.text("reason")))
        context.print(context.style.paint(text, .dim))
    }

    // MARK: Pieces

    private func arrow(_ unicode: String, _ plain: String) -> String {
        context.style.isUnicode ? unicode : plain
    }

    private func arguments(_ frame: RunFrame) -> String {
        guard case .object(let members)? = frame.payload["args"] else { return "" }
        let pairs = members.sorted { $0.key < $1.key }.map { name, value in
            var json = JSONText()
            json.value(value)
            return "\(name)=\(json.text)"
        }
        let text = pairs.joined(separator: " ")
        return DisplayText.escaped(text.count > 160 ? text.prefix(160) + "…" : text)
    }

    private func oneLine(_ text: String?) -> String {
        DisplayText.escaped(
            (text ?? "").split(whereSeparator: \.isNewline).joined(separator: " "))
    }

    private func lines(_ text: String?, _ most: Int) -> [String] {
        let all = (text ?? "").split(whereSeparator: \.isNewline)
        let shown = all.prefix(most).map { DisplayText.escaped(String($0.prefix(200))) }
        return all.count > most ? shown + ["… \(all.count - most) more lines"] : shown
    }
}
