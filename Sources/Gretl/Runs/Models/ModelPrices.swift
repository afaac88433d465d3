// What tokens cost, in US dollars for a million. The table is that of LiteLLM 1.106.2
// (model_prices_and_context_window.json) for models that agents use; config.toml overrides it.
// A price that may be another model's is none: a budget must not rest on a guess.

/// Prices of one model, per million tokens.
package struct ModelPrice: Sendable, Equatable {
    package var input: Double
    package var output: Double
    /// Nil: as other input.
    package var cacheRead: Double?
    package var cacheWrite: Double?

    package init(
        _ input: Double, _ output: Double, cacheRead: Double? = nil, cacheWrite: Double? = nil
    ) {
        self.input = input
        self.output = output
        self.cacheRead = cacheRead
        self.cacheWrite = cacheWrite
    }

    /// The cost of `usage`, whose input holds what caches gave and took.
    package func cost(_ usage: ModelUsage) -> Double {
        let plain = max(0, usage.input - usage.cacheRead - usage.cacheWrite)
        let sum =
            Double(plain) * input + Double(usage.output) * output
            + Double(usage.cacheRead) * (cacheRead ?? input)
            + Double(usage.cacheWrite) * (cacheWrite ?? input)
        return sum / 1_000_000
    }
}

/// All prices.
package struct ModelPrices: Sendable, Equatable {
    /// From the configuration, by the beginning of a name.
    package var own: [String: ModelPrice] = [:]

    package init() {}

    private static let known: [String: ModelPrice] = [
        "claude-sonnet-4-6": ModelPrice(3, 15, cacheRead: 0.30, cacheWrite: 3.75),
        "claude-sonnet-4-5": ModelPrice(3, 15, cacheRead: 0.30, cacheWrite: 3.75),
        "claude-opus-4-6": ModelPrice(5, 25, cacheRead: 0.50, cacheWrite: 6.25),
        "claude-haiku-4-5": ModelPrice(1, 5, cacheRead: 0.10, cacheWrite: 1.25),
        "gpt-4o": ModelPrice(2.5, 10, cacheRead: 1.25),
        "gpt-4o-mini": ModelPrice(0.15, 0.60, cacheRead: 0.075),
        "gpt-4.1": ModelPrice(2, 8, cacheRead: 0.50),
        "gpt-5": ModelPrice(1.25, 10, cacheRead: 0.125),
        "o1": ModelPrice(15, 60, cacheRead: 7.50),
        "o3": ModelPrice(2, 8, cacheRead: 0.50),
        "o4-mini": ModelPrice(1.1, 4.4, cacheRead: 0.275),
        "gemini-2.5-pro": ModelPrice(1.25, 10, cacheRead: 0.125),
        "gemini-2.5-flash": ModelPrice(0.30, 2.50, cacheRead: 0.03),
    ]

    /// The price of `model`, without its provider in front; `isOwnServer`: only a configured one.
    /// The longest beginning that fits counts. One of the table must be the whole name or be
    /// followed by a date or version: gpt-5-mini is not gpt-5.
    package func price(of model: String, isOwnServer: Bool = false) -> ModelPrice? {
        let name = model.split(separator: "/").last.map(String.init) ?? model
        let mine = own.keys.filter { name.hasPrefix($0) || model.hasPrefix($0) }
            .max { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
        let theirs =
            isOwnServer
            ? nil
            : ModelPrices.known.keys.filter { ModelPrices.names(name, $0) }
                .max { $0.utf8.count < $1.utf8.count }
        if let mine, mine.utf8.count >= theirs?.utf8.count ?? 0 { return own[mine] }
        return theirs.flatMap { ModelPrices.known[$0] }
    }

    private static func names(_ name: String, _ prefix: String) -> Bool {
        guard name.hasPrefix(prefix) else { return false }
        let rest = name.utf8.dropFirst(prefix.utf8.count)
        guard let first = rest.first else { return true }
        let behind = String(decoding: rest.dropFirst(), as: UTF8.self)
        guard "-@:".utf8.contains(first) else { return false }
        return behind.utf8.first.map { (0x30...0x39).contains($0) } == true
            || behind.hasPrefix("latest") || behind.hasPrefix("preview")
    }
}
