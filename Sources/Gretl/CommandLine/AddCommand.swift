// gr add: registers a service or changes one. It makes the body of POST /v1/services of what was
// given and nothing else, because what is absent stays as it is.

enum AddCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let name = context.invocation.arguments[0]
        let body = try specification(context)
        let client = try context.client()
        let answer: [UInt8]
        do throws(CommandFailure) {
            answer = try client.call("POST", "/v1/services", body: body, within: .seconds(30))
        } catch {
            let saysPort = context.invocation.has("port") || context.invocation.has("no-port")
            guard !saysPort, error.message.contains("'port' is missing") else { throw error }
            throw .usage(
                "\(name) is new: it needs --port PORT, or --no-port for a worker",
                hint: "such as: gr add \(ShellQuoting.quoted(name)) --port 3000 -- npm start")
        }
        if context.isJSON {
            context.printJSON(answer)
            return .success
        }
        let service = try client.decode(ServiceAnswer.self, answer)
        let url = service.url.map { ", " + DisplayText.escaped($0) } ?? ""
        context.say("\(DisplayText.escaped(name)) added\(url)")
        for warning in service.warnings ?? [] { context.warn("warning: \(warning)") }
        return .success
    }

    /// The body of POST /v1/services: only what was given, because absent means "leave it".
    private static func specification(_ context: CommandContext) throws(CommandFailure) -> [UInt8] {
        let given = context.invocation
        var json = JSONText()
        json.beginObject()
        json.field("name", given.arguments[0])
        if given.has("no-port") {
            if given.has("port") { throw .usage("--port and --no-port exclude each other") }
            json.nullField("port")
        } else if let text = given.value("port") {
            json.field("port", try port(text))
        }
        let command = try command(given)
        if let command { json.field("cmd", command) }
        if let directory = given.value("cwd") {
            json.field("cwd", try context.absolute(directory))
        } else if command != nil {
            json.field("cwd", try context.absolute("."))
        }
        if let group = try group(given) { json.field("group", group) }
        if let ready = given.value("ready") { json.field("ready", ready) }
        if given.has("env") {
            json.field("env", pairs: try variables(given.values("env")))
        }
        if let restart = given.value("restart") { json.field("restart", restart) }
        if given.has("depends-on") { json.field("dependsOn", given.values("depends-on")) }
        if given.has("restart-with") { json.field("restartWith", given.values("restart-with")) }
        if let start = given.value("start") { json.field("start", start) }
        if let signal = given.value("stop-signal") {
            let name = signal.uppercased()
            json.field("stopSignal", name.hasPrefix("SIG") ? name : "SIG" + name)
        }
        if let path = given.value("log-file") { json.field("logFile", try context.absolute(path)) }
        try switches(given, &json)
        for option in given.values("unset") { try unset(option, given, &json) }
        json.endObject()
        return json.bytes
    }

    private static func switches(
        _ given: Invocation, _ json: inout JSONText
    ) throws(CommandFailure) {
        for name in ["tty", "listen", "autostart"] {
            guard given.has(name) || given.has("no-" + name) else { continue }
            if given.has(name), given.has("no-" + name) {
                throw .usage("--\(name) and --no-\(name) exclude each other")
            }
            json.key(text: name)
            json.bool(given.has(name))
        }
    }

    /// The group given.
    static func group(_ given: Invocation) throws(CommandFailure) -> String? {
        guard let group = given.value("group") else { return nil }
        guard group.hasPrefix("@") else {
            throw .usage("a group starts with @", hint: "did you mean '@\(group)'?")
        }
        return group
    }

    /// A port as a number.
    static func port(_ text: String) throws(CommandFailure) -> Int {
        guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = Int(text),
            (1...65_535).contains(port)
        else { throw .usage("'\(text)' is no port", hint: "a port is a number from 1 to 65535") }
        return port
    }

    private static func command(_ given: Invocation) throws(CommandFailure) -> String? {
        guard let words = given.userCommand else { return given.value("cmd") }
        if given.has("cmd") { throw .usage("--cmd and words behind -- exclude each other") }
        guard !words.isEmpty else { throw .usage("no command stands behind --") }
        return words.map(ShellQuoting.quoted).joined(separator: " ")
    }

    private static func variables(
        _ words: [String]
    ) throws(CommandFailure) -> [(key: String, value: String)] {
        var pairs: [(key: String, value: String)] = []
        for word in words {
            guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
                throw .usage("'\(word)' is no variable", hint: "write it as NAME=VALUE")
            }
            let key = String(word[..<equals])
            pairs.removeAll { $0.key == key }
            pairs.append((key: key, value: String(word[word.index(after: equals)...])))
        }
        return pairs
    }

    /// Fields that --unset clears, by the name of the option that sets them.
    static let clearable = [
        "cmd": "cmd", "cwd": "cwd", "group": "group", "ready": "ready", "env": "env",
        "restart": "restart", "depends-on": "dependsOn", "restart-with": "restartWith",
        "start": "start",
        "stop-signal": "stopSignal", "log-file": "logFile",
    ]

    private static func unset(
        _ option: String, _ given: Invocation, _ json: inout JSONText
    ) throws(CommandFailure) {
        guard let field = clearable[option] else { return }
        let isGiven = given.has(option) || (option == "cmd" && given.userCommand != nil)
        if isGiven { throw .usage("--\(option) and --unset \(option) exclude each other") }
        json.key(text: field)
        json.null()
    }
}
