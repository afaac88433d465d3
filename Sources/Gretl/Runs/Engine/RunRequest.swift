// The bodies of POST /api/runs, PATCH .../config and POST .../resume as values. Everything that is
// wrong is told as one sentence; unknown fields are refused, since a misspelt budget would be none.

/// What a new run is asked for.
package struct RunRequest: Sendable, Equatable {
    package var goal = ""
    package var folder: String?
    package var model: String?
    package var maxIterations: Int?
    package var isGated = false
    package var maxTokens: Int?
    package var maxCost: Double?
    package var maxSeconds: Int?
    package var stopsSoftly = true
    /// Nil: as configured.
    package var isSandboxed: Bool?
    package var hasNetwork: Bool?
    package var resumesOnStart: Bool?

    package init(_ body: [String: JSONValue]) throws(APIError) {
        for (name, value) in body.sorted(by: { $0.key < $1.key }) {
            switch (name, value) {
            case ("goal", .string(let text)): goal = text
            case ("goal", .null): break
            case ("cwd", .string(let text)): folder = text
            case ("model_name", .string(let text)):
                model = try RunRequest.model(text)
            case ("model_name", .null), ("max_iterations", .null): break
            case ("max_iterations", _):
                maxIterations = try RunRequest.integer(name, value, RunLimits.iterationsMost)
            case ("hitl_enabled", .bool(let flag)): isGated = flag
            case ("max_tokens", .null), ("max_cost_usd", .null), ("max_seconds", .null): break
            case ("max_tokens", _):
                maxTokens = try RunRequest.integer(name, value, RunLimits.tokensMost)
            case ("max_seconds", _):
                maxSeconds = try RunRequest.integer(name, value, RunLimits.secondsMost)
            case ("max_cost_usd", .integer(let amount)):
                maxCost = try RunRequest.dollars(Double(amount))
            case ("max_cost_usd", .number(let amount)): maxCost = try RunRequest.dollars(amount)
            case ("stop_mode", .string("soft")): stopsSoftly = true
            case ("stop_mode", .string("hard")): stopsSoftly = false
            case ("sandbox", .string(let word)): isSandboxed = try RunRequest.word(name, word)
            case ("network", .string(let word)): hasNetwork = try RunRequest.word(name, word)
            case ("resume_on_start", .bool(let flag)): resumesOnStart = flag
            default: throw RunRequest.wrong(name, value, RunRequest.kinds)
            }
        }
    }

    private static let kinds = [
        "goal": "a string such as \"pytest\"", "cwd": "an absolute path",
        "model_name": "a string such as \"claude-sonnet-4-6\"",
        "max_iterations": "a whole number", "hitl_enabled": "true or false",
        "max_tokens": "a whole number", "max_cost_usd": "a number", "max_seconds": "a whole number",
        "stop_mode": "\"soft\" or \"hard\"", "sandbox": "\"on\" or \"off\"",
        "network": "\"on\" or \"off\"", "resume_on_start": "true or false",
    ]

    // MARK: Values

    fileprivate static func wrong(
        _ name: String, _ value: JSONValue, _ kinds: [String: String]
    ) -> APIError {
        if let kind = kinds[name] {
            // One of two words, and another one came.
            let given = value.text.map { "'\(ClusterFailure.clean($0, most: 64))'" }
            let shown = kind.hasPrefix("\"") ? given ?? value.kind : value.kind
            return .invalid("'\(name)' is \(shown), not \(kind)", hint: "send \(kind)")
        }
        let shown = ClusterFailure.clean(name, most: 64)
        return .invalid(
            "there is no field '\(shown)'",
            hint: "the fields are \(kinds.keys.sorted().joined(separator: ", "))")
    }

    fileprivate static func integer(
        _ name: String, _ value: JSONValue, _ most: Int
    ) throws(APIError) -> Int {
        guard case .integer(let number) = value, number >= 1, number <= Int64(most) else {
            throw .invalid(
                "'\(name)' is not a whole number from 1 to \(most)",
                hint: "such as \(min(20, most))")
        }
        return Int(number)
    }

    private static func dollars(_ amount: Double) throws(APIError) -> Double {
        guard amount.isFinite, amount > 0, amount <= RunLimits.dollarsMost else {
            throw .invalid(
                "'max_cost_usd' is not an amount above 0 and up to 1000000", hint: "such as 0.5")
        }
        return amount
    }

    private static func word(_ name: String, _ word: String) throws(APIError) -> Bool {
        switch word {
        case "on": return true
        case "off": return false
        default: throw .invalid("'\(name)' is neither \"on\" nor \"off\"", hint: "send one of them")
        }
    }

    fileprivate static func model(_ name: String) throws(APIError) -> String {
        let isPlain = name.unicodeScalars.allSatisfy { $0.value > 0x20 && !$0.actsOnDisplay }
        guard !name.isEmpty, name.utf8.count <= RunLimits.modelNameMost, isPlain else {
            throw APIError(
                .unknownModel, "'model_name' is no name of a model",
                hint: "send a name such as claude-sonnet-4-6 or ollama/qwen3")
        }
        return name
    }
}

/// What PATCH /api/runs/{id}/config changes.
package struct RunChange: Sendable, Equatable {
    package var model: String?
    package var maxIterations: Int?
    package var isGated: Bool?

    package init(_ body: [String: JSONValue]) throws(APIError) {
        for (name, value) in body.sorted(by: { $0.key < $1.key }) {
            switch (name, value) {
            // The original's client sends all three, unset ones as null.
            case ("model_name", .null), ("max_iterations", .null), ("hitl_enabled", .null): break
            case ("model_name", .string(let text)): model = try RunRequest.model(text)
            case ("max_iterations", _):
                maxIterations = try RunRequest.integer(name, value, RunLimits.iterationsMost)
            case ("hitl_enabled", .bool(let flag)): isGated = flag
            default: throw RunRequest.wrong(name, value, RunChange.kinds)
            }
        }
    }

    private static let kinds = [
        "model_name": "a string such as \"claude-sonnet-4-6\"",
        "max_iterations": "a whole number", "hitl_enabled": "true or false",
    ]
}

/// What POST /api/runs/{id}/resume says.
package struct RunAnswer: Sendable, Equatable {
    package var decision: RunDecision
    /// For the model, with the next question.
    package var message: String?

    package init(_ body: [String: JSONValue]) throws(APIError) {
        guard case .string(let text) = body["decision"] ?? .null,
            let decision = RunDecision(rawValue: text)
        else {
            throw APIError(
                .invalidDecision, "'decision' is neither \"approve\" nor \"abort\"",
                hint: "send {\"decision\": \"approve\"} or {\"decision\": \"abort\"}")
        }
        self.decision = decision
        for (name, value) in body.sorted(by: { $0.key < $1.key }) where name != "decision" {
            switch (name, value) {
            case ("message", .null): break
            case ("message", .string(let text)):
                guard text.utf8.count <= RunLimits.messageMost else {
                    throw .invalid(
                        "'message' is longer than \(RunLimits.messageMost) bytes",
                        hint: "say it shorter")
                }
                message = text
            default:
                throw RunRequest.wrong(
                    name, value, ["decision": "a string", "message": "a string"])
            }
        }
    }
}
