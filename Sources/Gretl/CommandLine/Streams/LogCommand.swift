// gr logs: what services wrote, once or for as long as they write. Reads the words, finds out which
// services are meant, and prints one answer of the API; following is in LogFollowing.

internal import NetCore

/// A line as the log routes give it.
struct LogLineAnswer: Decodable, Sendable {
    let name: String?
    let time: String?
    let text: String
    let partial: Bool?
}

struct LogAnswer: Decodable, Sendable {
    let lines: [LogLineAnswer]
    let after: String?
    let truncated: Bool?
}

/// What a user wants of logs.
struct LogRequest {
    let lines: Int
    /// Of the query, apart from `lines`: percent-encoded.
    var filters: [String] = []
    /// Those of the filters that hold for lines to come.
    var lasting: [String] = []
    var showsTimes = false

    init(_ context: CommandContext) throws(CommandFailure) {
        let given = context.invocation
        lines = try Self.count(given.value("lines")) ?? 100
        if let since = given.value("since") {
            do throws(APIError) { _ = try LogQuery.time("since", since, 0) } catch {
                throw .usage("--since: '\(since)' is no time", hint: error.hint)
            }
            filters.append("since=" + DaemonClient.percentEncoded(since))
        }
        if let grep = given.value("grep") {
            lasting.append("grep=" + DaemonClient.percentEncoded(grep))
        }
        if given.has("ignore-case") { lasting.append("ignoreCase=1") }
        if !context.style.isColored { lasting.append("color=0") }
        filters += lasting
        showsTimes = given.has("times")
    }

    /// The value of -n.
    static func count(_ text: String?) throws(CommandFailure) -> Int? {
        guard let text else { return nil }
        guard let number = Int(text), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            number <= 10_000
        else { throw .usage("'\(text)' is no number of lines", hint: "it is 0 to 10000") }
        return number
    }

    var query: String { (["lines=\(lines)"] + filters).joined(separator: "&") }
}

enum LogCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let request = try LogRequest(context)
        let client = try context.client()
        let words = context.invocation.arguments
        let names = try ServiceChoice.names(words, client, context)
        if context.invocation.has("follow") {
            var following = try LogFollowing(names, request, client, context)
            return try following.run()
        }
        // The answer for one service has places in its log; that for several is merged by time.
        let isSingle = names.count == 1 && words.count == 1 && !words[0].hasPrefix("@")
        let target =
            isSingle
            ? DaemonClient.target(service: names[0], "/logs?\(request.query)")
            : "/v1/logs?"
                + (ServiceChoice.query(words, names) + [request.query])
                .joined(separator: "&")
        guard !names.isEmpty else {
            context.warn("no services yet; register one: gr help add")
            return .success
        }
        guard names.count <= LogLimits.servicesPerRequest else {
            throw .usage(
                "\(names.count) services are more than the \(LogLimits.servicesPerRequest) whose "
                    + "logs are read at once", hint: ServiceChoice.fewer)
        }
        let body = try client.call("GET", target, within: .seconds(60))
        if context.isJSON, !context.invocation.has("jsonl") {
            context.printJSON(body)
            return .success
        }
        let answer = try client.decode(LogAnswer.self, body)
        var printer = LogPrinter(names, request, context)
        for line in answer.lines { printer.add(line, of: names[0]) }
        printer.end()
        if answer.truncated == true { context.warn(LogPrinter.truncated) }
        return .success
    }
}

/// Which services some words mean.
enum ServiceChoice {
    /// The most services one command follows: each has a connection.
    static let most = 64

    /// What to do when that is not enough.
    static let fewer =
        "name some of them: gr logs NAME..., or gr logs @GROUP; which there are: gr ls, gr group ls"

    /// Names as they are and the members of `@groups`, each once, in the order given; all services
    /// without words. A service that does not exist is a failure.
    static func names(
        _ words: [String], _ client: DaemonClient, _ context: CommandContext
    ) throws(CommandFailure) -> [String] {
        guard !words.isEmpty else {
            let body = try client.call("GET", "/v1/services")
            return try client.decode(ServiceListAnswer.self, body).services.map(\.name)
        }
        var names: [String] = []
        for word in words {
            if word.hasPrefix("@") {
                let group = try GroupCommands.members(word, client, context)
                names += group.filter { !names.contains($0) }
            } else {
                try ServiceCommands.named(word, client, context) { () throws(CommandFailure) in
                    _ = try client.call(
                        "GET", "/v1/resolve/" + DaemonClient.percentEncoded(word))
                }
                if !names.contains(word) { names.append(word) }
            }
        }
        return names
    }

    /// The words as a query that stays short: all names, or those of a group, may be too long for
    /// a request. `names` are those the words mean.
    static func query(_ words: [String], _ names: [String]) -> [String] {
        guard !words.isEmpty else { return [] }
        let groups = words.filter { $0.hasPrefix("@") }
        guard groups.count <= 1 else {
            return ["services=" + names.map(DaemonClient.percentEncoded).joined(separator: ",")]
        }
        var items: [String] = []
        let single = words.filter { !$0.hasPrefix("@") }.map(DaemonClient.percentEncoded)
        if !single.isEmpty { items.append("services=" + single.joined(separator: ",")) }
        if let group = groups.first { items.append("group=" + DaemonClient.percentEncoded(group)) }
        return items
    }
}
