// The keys of [runs] that are about programs: how they are read from config.toml, and what is
// refused there. A word that would weaken the jail without saying so is an error, not a warning.

extension ConfigurationReader {
    /// False when `key` is none of them.
    mutating func readRun(_ key: String, _ node: TOMLNode) -> Bool {
        switch key {
        case "runs.sandbox":
            if let isOn = onOrOff(key, node) {
                configuration.runPrograms.confinement.isSandboxed = isOn
            }
        case "runs.network":
            if let isOn = onOrOff(key, node) {
                configuration.runPrograms.confinement.hasNetwork = isOn
            }
        case "runs.caches":
            if let paths = paths(key, node) { configuration.runPrograms.caches = paths }
        case "runs.secrets":
            // What is listed comes on top: nobody means to open the others by naming one more.
            if let paths = paths(key, node) {
                configuration.runPrograms.secrets =
                    RunSettings.commonSecrets
                    + paths.filter {
                        !RunSettings.commonSecrets.contains($0)
                    }
            }
        case "runs.environment": readRunEnvironment(key, node)
        case "runs.blocked_commands":
            var words: [String] = []
            for item in list(key, node) ?? [] {
                guard let word = string(key, item) else { continue }
                if word.isEmpty { add(item, "\(key) must not have an empty text") }
                words.append(word)
            }
            configuration.runPrograms.blockedCommands = words
        case "runs.output_bytes":
            if let value = integer(key, node, 1_000...200_000) {
                configuration.runPrograms.outputBytes = value
            }
        case "runs.programs":
            if let value = integer(key, node, 1...64) { configuration.runPrograms.programs = value }
        case "runs.memory_mib":
            if let value = integer(key, node, 0...1_048_576) {
                configuration.runPrograms.memoryMiB = value
            }
        default: return false
        }
        return true
    }

    private mutating func onOrOff(_ key: String, _ node: TOMLNode) -> Bool? {
        guard let word = string(key, node) else { return nil }
        if word == "on" || word == "off" { return word == "on" }
        add(node, "\(key) must be \"on\" or \"off\"")
        return nil
    }

    private mutating func paths(_ key: String, _ node: TOMLNode) -> [String]? {
        guard let items = list(key, node) else { return nil }
        var found: [String] = []
        for item in items {
            guard let path = string(key, item) else { continue }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            guard path.hasPrefix("/") || path.hasPrefix("~/"), !path.utf8.contains(0),
                path.utf8.count < 2_000, !parts.contains(".."),
                parts.contains(where: { !$0.isEmpty && $0 != "~" })
            else {
                add(item, "\(key) must be paths from / or ~/ on, without '..'")
                continue
            }
            found.append(path)
        }
        return found
    }

    private mutating func readRunEnvironment(_ key: String, _ node: TOMLNode) {
        var entries = RunSettings.commonVariables
        for item in list(key, node) ?? [] {
            guard let entry = string(key, item) else { continue }
            let name = String(entry.prefix { $0 != "=" })
            guard !name.isEmpty, !entry.utf8.contains(0),
                name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else {
                add(item, "\(key) must be names of variables, or NAME=VALUE")
                continue
            }
            if !entry.contains("="), RunSettings.isKey(name) {
                add(item, "\(key) must not hand on \(name): programs of runs get no keys")
                continue
            }
            if !entries.contains(entry) { entries.append(entry) }
        }
        configuration.runPrograms.environment = entries
    }
}
