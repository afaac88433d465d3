// From the name of a model to the server that is asked: an explicit prefix first, then the patterns
// of names everybody knows, then the server of the configuration.

import NetCore

/// Where a model is asked.
struct ModelRoute: Equatable {
    let provider: ModelProvider
    /// The name as the server knows it.
    let model: String
    /// The whole address.
    let url: String
    let key: Secret?

    private static let nameMost = 200

    private static let prefixes: [String: ModelProvider] = {
        var prefixes: [String: ModelProvider] = [
            "ollama_chat": .ollama, "vllm": .vllm, "openai_compatible": .other,
        ]
        for provider in ModelProvider.allCases where provider != .other {
            prefixes[provider.rawValue] = provider
        }
        return prefixes
    }()

    /// Throws unknown_model or missing_api_key.
    init(_ name: String, _ settings: ModelSettings) throws(APIError) {
        guard (1...ModelRoute.nameMost).contains(name.utf8.count),
            name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            throw APIError(
                .unknownModel, "the name of the model must be 1 to 200 visible ASCII characters",
                hint: "name it like claude-sonnet-4-6, gpt-4.1 or ollama/qwen3")
        }
        guard let (provider, model) = ModelRoute.find(name, settings), !model.isEmpty else {
            throw APIError(
                .unknownModel, "nobody is known who serves the model '\(name)'",
                hint: "write its provider in front, as in anthropic/NAME, openai/NAME, "
                    + "ollama/NAME, hosted_vllm/NAME or openrouter/NAME, or set "
                    + "runs.models.default_base in config.toml")
        }
        guard let base = settings.bases[provider] ?? provider.usualBase else {
            throw APIError(
                .unknownModel, "the model '\(name)' needs the address of its server",
                hint: provider == .vllm
                    ? "set HOSTED_VLLM_API_BASE for the daemon, or runs.models.vllm_base"
                    : "set runs.models.default_base in config.toml")
        }
        guard let place = try? URLPlace(base) else {
            throw APIError(
                .unknownModel, "the address of the server for '\(name)' is no http or https URL",
                hint: "correct \(provider.baseVariables.first ?? "runs.models.default_base")")
        }
        let key = settings.keys[provider]
        guard key != nil || provider.isOwn || ModelRoute.isLoopback(place.host) else {
            let variable = provider.keyVariable ?? ""
            throw APIError(
                .missingAPIKey, "the model '\(name)' needs an API key, and the daemon has none",
                hint: "set \(variable) in the daemon's environment and restart it, or set "
                    + "runs.models.\(provider.settingName)_key in config.toml")
        }
        self.provider = provider
        self.model = model
        self.key = key
        url = ModelRoute.url(base, provider)
    }

    private static func find(
        _ name: String, _ settings: ModelSettings
    ) -> (ModelProvider, String)? {
        if let slash = name.firstIndex(of: "/"),
            let provider = prefixes[name[..<slash].lowercased()]
        {
            return (provider, String(name[name.index(after: slash)...]))
        }
        if name.hasPrefix("claude") { return (.anthropic, name) }
        if ["gpt-", "chatgpt", "o1", "o3", "o4"].contains(where: name.hasPrefix) {
            return (.openai, name)
        }
        return settings.bases[.other] == nil ? nil : (.other, name)
    }

    /// Bases are written with and without /v1 by different tools: both are right.
    private static func url(_ base: String, _ provider: ModelProvider) -> String {
        var base = base[...]
        while base.hasSuffix("/") { base.removeLast() }
        switch provider {
        case .anthropic:
            if base.hasSuffix("/v1") { base.removeLast(3) }
            return "\(base)/v1/messages"
        case .ollama:
            return base.hasSuffix("/v1")
                ? "\(base)/chat/completions" : "\(base)/v1/chat/completions"
        default: return "\(base)/chat/completions"
        }
    }

    static func isLoopback(_ host: String) -> Bool {
        let host = host.lowercased()
        return host == "localhost" || host.hasSuffix(".localhost") || host == "[::1]"
            || host.hasPrefix("127.") && SocketAddress(host, port: 0)?.isLoopback == true
    }

    /// Host and port, for messages.
    var server: String { (try? URLPlace(url))?.authority ?? "the server" }
}
