// Judges recorded requests to models as strictly as the real services would, and more: llmock takes
// any conversation. Knows both wires and nothing of the project's own code; used over every request
// of a test, and of whole runs.

/// Finds what is wrong with requests.
package enum ConversationJudge {
    /// All that is wrong with `requests`, as GET /_llmock/requests lists them.
    package static func findings(_ requests: [RecordedJSON]) -> [String] {
        requests.enumerated().flatMap { index, request -> [String] in
            let path = request["path"]?.text ?? ""
            guard let body = request["body"], body.members != nil else {
                return ["request \(index + 1) has no body"]
            }
            let found: [String]
            if path.hasSuffix("/messages") {
                found = anthropic(body)
            } else if path.hasSuffix("/chat/completions") {
                found = chat(body)
            } else {
                found = ["goes to \(path)"]
            }
            return found.map { "request \(index + 1): \($0)" }
        } + unstable(requests)
    }

    // MARK: The Messages API

    package static func anthropic(_ body: RecordedJSON) -> [String] {
        var found: [String] = []
        func say(_ text: String) { found.append(text) }
        if body["model"]?.text?.isEmpty != false { say("there is no model") }
        if (body["max_tokens"]?.number ?? 0) < 1 { say("there is no max_tokens") }
        if body["stream"] != .bool(true) { say("it does not stream") }
        let system = body["system"]?.elements ?? []
        if system.isEmpty || system.contains(where: { blank($0["text"]) }) {
            say("there is no system text")
        }
        found += tools(body["tools"], schema: "input_schema") { $0 }
        let marks = count(marksIn: body)
        if marks > 4 || marks == 0 { say("\(marks) marks for the cache") }
        let messages = body["messages"]?.elements ?? []
        if messages.first?["role"]?.text != "user" { say("the first message is not the user's") }
        if messages.last?["role"]?.text != "user" { say("the last message is not the user's") }
        var open: [String] = []
        var used: Set<String> = []
        var before = ""
        for (index, message) in messages.enumerated() {
            let role = message["role"]?.text ?? ""
            let blocks = message["content"]?.elements ?? []
            let place = "message \(index + 1)"
            if role == before { say("\(place) has the role of the one before") }
            before = role
            if blocks.isEmpty { say("\(place) is empty") }
            for block in blocks where block["type"]?.text == "text" && blank(block["text"]) {
                say("\(place) has an empty text")
            }
            let kinds = blocks.map { $0["type"]?.text ?? "" }
            switch role {
            case "user":
                let answers = blocks.filter { $0["type"]?.text == "tool_result" }
                if answers.map({ $0["tool_use_id"]?.text ?? "" }) != open {
                    say("\(place) does not answer exactly the calls before it")
                }
                if kinds.prefix(answers.count).contains(where: { $0 != "tool_result" }) {
                    say("\(place) has results behind text")
                }
                if answers.contains(where: { blank($0["content"]) }) {
                    say("\(place) has an empty result")
                }
                open = []
            case "assistant":
                let calls = blocks.filter { $0["type"]?.text == "tool_use" }
                open = calls.map { $0["id"]?.text ?? "" }
                for call in calls {
                    found += wrongs(call["id"], call["name"], &used).map { "\(place) \($0)" }
                    if call["input"]?.members == nil { say("\(place) has input that is no object") }
                }
            default: say("\(place) has the role '\(role)'")
            }
            if kinds.contains(where: { !["text", "tool_use", "tool_result"].contains($0) }) {
                say("\(place) has a block of another kind")
            }
        }
        if !open.isEmpty { say("\(open.count) calls are left unanswered") }
        return found
    }

    // MARK: Chat completions

    package static func chat(_ body: RecordedJSON) -> [String] {
        var found: [String] = []
        func say(_ text: String) { found.append(text) }
        if body["model"]?.text?.isEmpty != false { say("there is no model") }
        if body["stream"] != .bool(true) { say("it does not stream") }
        if body["stream_options"]?["include_usage"] != .bool(true) { say("it asks for no usage") }
        found += tools(body["tools"], schema: "parameters") { $0["function"] ?? .null }
        let messages = body["messages"]?.elements ?? []
        if messages.first?["role"]?.text != "system" || blank(messages.first?["content"]) {
            say("there is no system text")
        }
        if messages.dropFirst().first?["role"]?.text != "user" {
            say("the first message is not the user's")
        }
        if messages.last?["role"]?.text == "assistant" { say("the last message is the model's") }
        var open: [String] = []
        var used: Set<String> = []
        var before = ""
        for (index, message) in messages.enumerated() {
            let role = message["role"]?.text ?? ""
            let place = "message \(index + 1)"
            if role != "tool", !open.isEmpty {
                say("\(place) comes before \(open.count) calls are answered")
                open = []
            }
            if role == before, role != "tool" { say("\(place) has the role of the one before") }
            switch role {
            case "system": if index > 0 { say("\(place) is a second system text") }
            case "user": if blank(message["content"]) { say("\(place) is empty") }
            case "assistant":
                let calls = message["tool_calls"]?.elements ?? []
                if calls.isEmpty, blank(message["content"]) { say("\(place) is empty") }
                open = calls.map { $0["id"]?.text ?? "" }
                for call in calls {
                    let function = call["function"]
                    found += wrongs(call["id"], function?["name"], &used).map { "\(place) \($0)" }
                    let written = function?["arguments"]?.text.flatMap { RecordedJSON($0) }
                    if written?.members == nil { say("\(place) has arguments that are no object") }
                }
            case "tool":
                if open.first != message["tool_call_id"]?.text {
                    say("\(place) answers no call, or not in order")
                } else {
                    open.removeFirst()
                }
                if blank(message["content"]) { say("\(place) is an empty result") }
            default: say("\(place) has the role '\(role)'")
            }
            before = role
        }
        if !open.isEmpty { say("\(open.count) calls are left unanswered") }
        return found
    }

    // MARK: Both

    private static func blank(_ text: RecordedJSON?) -> Bool {
        text?.text?.allSatisfy(\.isWhitespace) ?? true
    }

    private static func wrongs(
        _ id: RecordedJSON?, _ name: RecordedJSON?, _ used: inout Set<String>
    ) -> [String] {
        var found: [String] = []
        let id = id?.text ?? ""
        if !isWord(id, 64) { found.append("has a call with the id '\(id)'") }
        if !used.insert(id).inserted { found.append("uses the id '\(id)' again") }
        if !isWord(name?.text ?? "", 64) { found.append("calls '\(name?.text ?? "")'") }
        return found
    }

    private static func isWord(_ text: String, _ most: Int) -> Bool {
        (1...most).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || $0 == 0x5F
                    || $0 == 0x2D
            }
    }

    private static func tools(
        _ tools: RecordedJSON?, schema: String, _ inner: (RecordedJSON) -> RecordedJSON
    ) -> [String] {
        guard let tools else { return [] }
        guard let all = tools.elements, !all.isEmpty else { return ["its tools are no list"] }
        return all.map(inner).compactMap { tool in
            let name = tool["name"]?.text ?? ""
            guard isWord(name, 64), !blank(tool["description"]),
                tool[schema]?["type"]?.text == "object"
            else { return "the tool '\(name)' is not described rightly" }
            return nil
        }
    }

    private static func count(marksIn value: RecordedJSON) -> Int {
        switch value {
        case .array(let elements): elements.reduce(0) { $0 + count(marksIn: $1) }
        case .object(let members):
            members.reduce(0) {
                $0 + ($1.key == "cache_control" ? 1 : count(marksIn: $1.value))
            }
        default: 0
        }
    }

    /// Tools and system text must stay the same through a run, or no cache is ever hit. Requests
    /// of one run are those with one model and one task.
    private static func unstable(_ requests: [RecordedJSON]) -> [String] {
        var seen: [String: [RecordedJSON?]] = [:]
        var found: [String] = []
        for (index, request) in requests.enumerated() {
            guard let body = request["body"], let messages = body["messages"]?.elements else {
                continue
            }
            let isChat = messages.first?["role"]?.text == "system"
            let task = isChat ? messages.dropFirst().first : messages.first
            let words = "\(task?["content"] ?? .null)".prefix(120)
            let key = "\(request["path"]?.text ?? "") \(body["model"]?.text ?? "") \(words)"
            let fixed = [body["tools"], isChat ? messages.first : body["system"]]
            if let before = seen[key], before != fixed {
                found.append("request \(index + 1): tools or system text changed")
            }
            seen[key] = fixed
        }
        return found
    }
}
