// Workloads on the command line: their list, sleep, wake (which waits for pods and shows how far
// they are) and auto-sleep with what it is going to do.

internal import NetCore

enum WorkloadCommands {
    private struct Replicas: Decodable {
        let replicas: Int
    }

    private struct Settings: Decodable {
        let auto_sleep_enabled: Bool
        let idle_timeout_minutes: Int
    }

    private struct Plan: Decodable {
        let name: String
        let namespace: String
        let sleeps_at: String?
        let reason: String
    }

    /// An API server may take its time.
    private static let patience = Duration.seconds(120)

    // MARK: workloads

    static let list: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let query = try query(context, client)
        if context.isJSON {
            context.printJSON(try client.call("GET", "/k8s/workloads\(query)", within: patience))
            return .success
        }
        let workloads = try NamedWorkload.all(client, query)
        if context.isQuiet {
            for workload in workloads { context.print(DisplayText.escaped(workload.title)) }
        } else if workloads.isEmpty, context.style.isDecorated {
            context.print("no workloads; register a cluster: gr k8s clusters add --context NAME")
        } else {
            context.io.writeOutput(Array(table(workloads, context).utf8))
        }
        return .success
    }

    private static func query(
        _ context: CommandContext, _ client: DaemonClient
    ) throws(CommandFailure) -> String {
        var terms: [String] = []
        if let word = context.invocation.value("cluster") {
            let cluster = try ClusterCommands.find(word, client)[0]
            terms.append("cluster_id=\(DaemonClient.percentEncoded(cluster.id))")
        }
        if let namespace = context.invocation.value("namespace") {
            terms.append("namespace=\(DaemonClient.percentEncoded(namespace))")
        }
        if context.invocation.has("asleep") { terms.append("asleep=1") }
        return terms.isEmpty ? "" : "?\(terms.joined(separator: "&"))"
    }

    private static func table(_ workloads: [NamedWorkload], _ context: CommandContext) -> String {
        var table = TableOutput(columns: [
            .init(title: "NAMESPACE"), .init(title: "NAME"),
            .init(title: "KIND", expendability: 3), .init(title: "STATE"),
            .init(title: "REPLICAS", isNumber: true),
            .init(title: "AUTO-SLEEP", expendability: 1),
            .init(title: "LAST ACTIVITY", expendability: 2),
        ])
        for workload in workloads {
            let (state, ink) = state(workload)
            let minutes = workload.idle_timeout_minutes ?? 0
            table.add([
                .init(DisplayText.escaped(workload.namespace)),
                .init(DisplayText.escaped(workload.name)),
                .init(workload.kind ?? "-", .dim), .init(state, ink),
                .init(replicas(workload)),
                .init(workload.auto_sleep_enabled == true ? "after \(minutes) min" : "off", .dim),
                .init(activity(workload, context.io.wallSeconds()), .dim),
            ])
        }
        return table.text(context.style, within: context.io.columns)
    }

    private static func state(_ workload: NamedWorkload) -> (String, Ink) {
        if workload.isAsleep { return ("asleep", .dim) }
        return (workload.ready_replicas ?? 0) >= (workload.replicas ?? 1)
            ? ("ready", .good) : ("starting", .busy)
    }

    private static func replicas(_ workload: NamedWorkload) -> String {
        workload.isAsleep
            ? "0 of \(workload.desired_replicas ?? 1)"
            : "\(workload.ready_replicas ?? 0)/\(workload.replicas ?? 0)"
    }

    private static func activity(_ workload: NamedWorkload, _ now: Int64) -> String {
        guard let text = workload.last_activity_at, let at = Quantities.seconds(rfc3339: text)
        else { return "-" }
        return "\(Quantities.age(seconds: max(0, now - at))) ago"
    }

    // MARK: sleep, wake

    static let sleep: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let workload = try NamedWorkload.find(context.invocation.arguments[0], client)
        let query = context.invocation.has("force") ? "?force=1" : ""
        let body = try client.call("POST", "\(workload.target)/sleep\(query)", within: patience)
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let had = workload.replicas ?? 0
        context.say(
            DisplayText.escaped(
                had == 0
                    ? "\(workload.title) is asleep already"
                    : "\(workload.title) sleeps; a wake brings back \(had)"))
        return .success
    }

    static let wake: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let workload = try NamedWorkload.find(context.invocation.arguments[0], client)
        let body = try client.call("POST", "\(workload.target)/wake", within: patience)
        let wanted = try client.decode(Replicas.self, body).replicas
        if !context.invocation.has("no-wait") {
            try wait(for: workload, wanted, client, context)
        }
        if context.isJSON {
            context.printJSON(body)
        } else {
            context.say(DisplayText.escaped("\(workload.title) is awake with \(wanted)"))
        }
        return .success
    }

    /// Until as many pods are ready as there are to be; on a terminal it says how far they are.
    private static func wait(
        for workload: NamedWorkload, _ wanted: Int, _ client: DaemonClient,
        _ context: CommandContext
    ) throws(CommandFailure) {
        let isShown = context.io.errorsAreTerminal && !context.isJSON && !context.isQuiet
        let style = OutputStyle(
            choice: CommandContext.color(context.invocation), isTerminal: true,
            environment: context.environment)
        let seconds = try limit(context)
        let began = context.io.wallSeconds()
        defer { if isShown { context.io.writeErrors(Array("\r\u{1B}[K".utf8)) } }
        // Ends: at the limit of time, if not before.
        while true {
            let now = try client.decode(
                NamedWorkload.self, try client.call("GET", workload.target))
            let ready = now.ready_replicas ?? 0
            guard ready < wanted else { return }
            let passed = max(0, context.io.wallSeconds() - began)
            guard passed < seconds else {
                throw CommandFailure(
                    exit: .notReady, code: "ready_timeout",
                    message: "\(ready) of \(wanted) pods of \(workload.title) are ready after "
                        + "\(seconds) s",
                    hint: "it goes on; see: kubectl -n \(workload.namespace) get pods")
            }
            if isShown {
                let line = DisplayText.escaped(
                    "waking \(workload.title): \(ready)/\(wanted) pods ready, \(passed)s")
                context.io.writeErrors(Array("\r\u{1B}[K\(style.paint(line, .busy))".utf8))
            }
            _ = Terminal.waitReadable([], milliseconds: 200)
        }
    }

    private static func limit(_ context: CommandContext) throws(CommandFailure) -> Int64 {
        guard let text = context.invocation.value("timeout") else { return 120 }
        guard let time = Quantities.duration(text), time <= .seconds(3_600) else {
            throw .usage("--timeout is no time up to an hour", hint: "such as 90s or 2m")
        }
        return max(1, time.inMilliseconds / 1_000)
    }

    // MARK: autosleep

    static let autosleep: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let words = context.invocation.arguments
        let client = try context.client()
        if context.invocation.has("plan") {
            guard words.isEmpty else { throw .usage("--plan is of all workloads") }
            return try plan(client, context)
        }
        guard let name = words.first else {
            throw .usage(
                "which workload?", hint: "usage: gr k8s autosleep WORKLOAD [on|off]; or --plan")
        }
        let workload = try NamedWorkload.find(name, client)
        let change = try change(words.dropFirst().first, context)
        let body = try client.call(
            change == nil ? "GET" : "PATCH", "\(workload.target)/auto-sleep", body: change,
            within: patience)
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let settings = try client.decode(Settings.self, body)
        context.print(
            DisplayText.escaped(
                settings.auto_sleep_enabled
                    ? "\(workload.title) sleeps after \(settings.idle_timeout_minutes) min without "
                        + "traffic through a tether"
                    : "auto-sleep of \(workload.title) is off"))
        return .success
    }

    private static func change(
        _ word: String?, _ context: CommandContext
    ) throws(CommandFailure) -> [UInt8]? {
        var json = JSONText()
        json.beginObject()
        switch word {
        case nil: break
        case "on": json.field("auto_sleep_enabled", true)
        case "off": json.field("auto_sleep_enabled", false)
        case .some(let other):
            throw .usage("'\(other)' is neither on nor off", hint: "such as: on --idle 30")
        }
        let idle = context.invocation.value("idle")
        if let idle {
            guard let minutes = Int(idle), AutoSleepSettings.minutes.contains(minutes) else {
                throw .usage("--idle is a number of minutes from 1 to 43200", hint: "such as 30")
            }
            json.field("idle_timeout_minutes", minutes)
        }
        if context.invocation.has("force") { json.field("force", true) }
        json.endObject()
        return word == nil && idle == nil ? nil : json.bytes
    }

    private static func plan(
        _ client: DaemonClient, _ context: CommandContext
    ) throws(CommandFailure) -> ExitCode {
        let body = try client.call("GET", "/k8s/auto-sleep/plan", within: patience)
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let plans = try client.decode([Plan].self, body)
        if plans.isEmpty, context.style.isDecorated {
            context.print("auto-sleep is off everywhere; switch it on: gr k8s autosleep NAME on")
            return .success
        }
        var table = TableOutput(columns: [
            .init(title: "NAMESPACE"), .init(title: "NAME"), .init(title: "SLEEPS AT"),
            .init(title: "REASON", expendability: 1),
        ])
        for plan in plans {
            table.add([
                .init(DisplayText.escaped(plan.namespace)), .init(DisplayText.escaped(plan.name)),
                .init(plan.sleeps_at ?? "never", plan.sleeps_at == nil ? .dim : nil),
                .init(DisplayText.escaped(plan.reason), .dim),
            ])
        }
        context.io.writeOutput(Array(table.text(context.style, within: context.io.columns).utf8))
        return .success
    }
}
