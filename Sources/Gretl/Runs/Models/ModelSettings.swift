// Where models are asked and with which keys: from [runs.models] of config.toml, and from the
// daemon's environment, which counts where the file says nothing. Keys stay Secrets.

/// A maker or kind of servers, by the prefix that names it.
package enum ModelProvider: String, Sendable, CaseIterable {
    case anthropic, openai, ollama, openrouter, groq, deepseek, mistral, xai, gemini
    case vllm = "hosted_vllm"
    /// The OpenAI-compatible server of `default_base`.
    case other

    /// What speaks the Messages API.
    var isAnthropic: Bool { self == .anthropic }

    /// Runs on machines of the user: costs nothing and needs no key.
    var isOwn: Bool { self == .ollama || self == .vllm || self == .other }

    /// The base where nothing else is said.
    var usualBase: String? {
        switch self {
        case .anthropic: "https://api.anthropic.com"
        case .openai: "https://api.openai.com/v1"
        case .ollama: "http://localhost:11434"
        case .openrouter: "https://openrouter.ai/api/v1"
        case .groq: "https://api.groq.com/openai/v1"
        case .deepseek: "https://api.deepseek.com/v1"
        case .mistral: "https://api.mistral.ai/v1"
        case .xai: "https://api.x.ai/v1"
        case .gemini: "https://generativelanguage.googleapis.com/v1beta/openai"
        case .vllm, .other: nil
        }
    }

    /// The variables that hold the base; the first that is set counts.
    var baseVariables: [String] {
        switch self {
        case .anthropic: ["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"]
        case .openai: ["OPENAI_BASE_URL", "OPENAI_API_BASE"]
        case .vllm: ["HOSTED_VLLM_API_BASE"]
        case .other: []
        default: ["\(rawValue.uppercased())_API_BASE"]
        }
    }

    /// What its keys in config.toml begin with.
    var settingName: String {
        switch self {
        case .vllm: "vllm"
        case .other: "default"
        default: rawValue
        }
    }

    /// The variable that holds the key.
    var keyVariable: String? {
        self == .other ? nil : "\(rawValue.uppercased())_API_KEY"
    }
}

/// The settings of models.
package struct ModelSettings: Sendable, Equatable {
    package var bases: [ModelProvider: String] = [:]
    package var keys: [ModelProvider: Secret] = [:]
    /// Nil: not sent; newer models refuse it.
    package var temperature: Double?
    /// Nil: what the model can.
    package var tokensMost: Int?
    package var prices = ModelPrices()

    package init() {}

    /// The variables that `completed(by:)` reads.
    static let variables = Set(
        ModelProvider.allCases.flatMap { $0.baseVariables + [$0.keyVariable].compactMap(\.self) })

    /// These with what `environment` adds; the file comes first.
    package func completed(by environment: [String: String]) -> ModelSettings {
        var settings = self
        func value(_ name: String) -> String? {
            guard let text = environment[name] else { return nil }
            let trimmed = text.drop { $0.isWhitespace }
            guard let end = trimmed.lastIndex(where: { !$0.isWhitespace }) else { return nil }
            return String(trimmed[...end])
        }
        for provider in ModelProvider.allCases {
            if settings.bases[provider] == nil {
                settings.bases[provider] = provider.baseVariables.lazy.compactMap(value).first
            }
            if settings.keys[provider] == nil, let name = provider.keyVariable {
                settings.keys[provider] = value(name).map { Secret($0) }
            }
        }
        return settings
    }

    /// All keys, for what must not be told.
    package var secrets: [Secret] { keys.sorted { $0.key.rawValue < $1.key.rawValue }.map(\.value) }
}
