// The keys of [runs] that are about the engine, and the table [runs.models]: servers, keys and
// prices of models. A key is never repeated in a message.

extension ConfigurationReader {
    /// The keys of [runs.models], for "did you mean".
    private static let modelKeys: [String] = {
        let names = ModelProvider.allCases.map(\.settingName)
        return names.map { "runs.models.\($0)_base" } + names.map { "runs.models.\($0)_key" }
            + ["runs.models.temperature", "runs.models.max_tokens", "runs.models.prices"]
    }()

    private static let nameMost = 200

    /// False when `key` is none of them.
    mutating func readAgent(_ key: String, _ node: TOMLNode) -> Bool {
        switch key {
        case "runs.at_once":
            if let value = integer(key, node, 1...64) { configuration.runs.atOnce = value }
        case "runs.model":
            guard let name = string(key, node) else { break }
            if (1...Self.nameMost).contains(name.utf8.count),
                name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            {
                configuration.runs.model = name
            } else {
                add(node, "\(key) must be the name of a model, as in claude-sonnet-4-6")
            }
        case "runs.resume_on_start":
            if let value = boolean(key, node) { configuration.runs.resumesOnStart = value }
        case "runs.keep":
            if let value = integer(key, node, 0...100_000) { configuration.runs.kept = value }
        case "runs.keep_days":
            if let value = integer(key, node, 1...36_500) { configuration.runs.keptDays = value }
        case "runs.models":
            guard case .table(let entries) = node.value else {
                expect("a table, as in [runs.models]", key, node)
                break
            }
            for entry in entries { readModels(entry) }
        default: return false
        }
        return true
    }

    private mutating func readModels(_ entry: TOMLEntry) {
        let key = "runs.models.\(entry.key)"
        switch entry.key {
        case "temperature":
            if let value = number(key, entry.node, 0...2) {
                configuration.models.temperature = value
            }
        case "max_tokens":
            if let value = integer(key, entry.node, 1...1_000_000) {
                configuration.models.tokensMost = value
            }
        case "prices": readPrices(key, entry.node)
        default:
            for provider in ModelProvider.allCases {
                if entry.key == "\(provider.settingName)_base" {
                    return readBase(provider, key, entry.node)
                }
                if entry.key == "\(provider.settingName)_key" {
                    return readKey(provider, key, entry.node)
                }
            }
            unknown(key, entry, among: Self.modelKeys)
        }
    }

    private mutating func readBase(_ provider: ModelProvider, _ key: String, _ node: TOMLNode) {
        guard let text = string(key, node) else { return }
        if (try? URLPlace(text)) != nil {
            configuration.models.bases[provider] = text
        } else {
            add(node, "\(key) must be an http or https URL, as in http://127.0.0.1:8080/v1")
        }
    }

    private mutating func readKey(_ provider: ModelProvider, _ key: String, _ node: TOMLNode) {
        guard let text = string(key, node) else { return }
        if (1...1_024).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        {
            configuration.models.keys[provider] = Secret(text)
        } else {
            add(node, "\(key) must be 1 to 1024 visible ASCII characters without spaces")
        }
    }

    private mutating func readPrices(_ key: String, _ node: TOMLNode) {
        guard case .table(let models) = node.value else {
            return expect("a table of models", key, node)
        }
        for model in models {
            let place = "\(key).\(ClusterFailure.clean(model.key, most: 64))"
            guard case .table(let entries) = model.node.value else {
                expect("a table, as in { input = 3.0, output = 15.0 }", place, model.node)
                continue
            }
            var prices: [String: Double] = [:]
            let known = ["input", "output", "cache_read", "cache_write"]
            for entry in entries {
                guard known.contains(entry.key) else {
                    unknown("\(place).\(entry.key)", entry, among: known.map { "\(place).\($0)" })
                    continue
                }
                prices[entry.key] = number("\(place).\(entry.key)", entry.node, 0...1_000_000)
            }
            guard let input = prices["input"], let output = prices["output"] else {
                add(
                    model.node,
                    "\(place) must have input and output, in dollars per million tokens")
                continue
            }
            configuration.models.prices.own[model.key] = ModelPrice(
                input, output, cacheRead: prices["cache_read"], cacheWrite: prices["cache_write"])
        }
    }

    private mutating func number(
        _ key: String, _ node: TOMLNode, _ range: ClosedRange<Double>
    ) -> Double? {
        let value: Double
        switch node.value {
        case .integer(let whole): value = Double(whole)
        case .real(let real): value = real
        default:
            expect("a number", key, node)
            return nil
        }
        guard range.contains(value) else {
            add(node, "\(key) must be from \(Int(range.lowerBound)) to \(Int(range.upperBound))")
            return nil
        }
        return value
    }
}
