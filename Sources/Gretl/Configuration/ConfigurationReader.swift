// Turns the tables of config.toml into a Configuration and collects everything that is wrong on the
// way: keys nobody knows, types, ranges, and combinations that would open the daemon to others.
// Never repeats the token in a message.

import HTTPParser
import NetCore

/// One pass over a parsed file.
struct ConfigurationReader {
    /// More than these are counted, not listed.
    private static let maximumProblems = 50
    private(set) var problems: [ConfigurationError.Problem] = []
    var configuration = Configuration()
    private var bindPlace: TOMLNode?

    /// All keys, as `table.key`; also the candidates for "did you mean".
    static let keys = [
        "bind", "port", "sdk_port", "bind_public", "hosts", "peer_check", "auth.token",
        "cors.origins",
        "limits.body_bytes", "limits.connections", "limits.head_timeout_ms",
        "limits.body_timeout_ms", "limits.idle_timeout_ms", "limits.services", "log.level",
        "tethers.ports", "tethers.wake_on_connect", "tethers.wake_timeout_ms",
        "runs.sandbox", "runs.network", "runs.caches", "runs.secrets", "runs.environment",
        "runs.blocked_commands", "runs.output_bytes", "runs.programs", "runs.memory_mib",
        "runs.at_once", "runs.model", "runs.resume_on_start", "runs.keep", "runs.keep_days",
    ]
    static let tables = ["auth", "cors", "limits", "log", "runs", "tethers"]
    /// Those within others.
    static let innerTables = ["runs.models"]

    /// The settings; of use only when `problems` stayed empty.
    mutating func read(_ entries: [TOMLEntry]) -> Configuration {
        for entry in entries {
            guard Self.tables.contains(entry.key) else {
                read(entry, "")
                continue
            }
            guard case .table(let inner) = entry.node.value else {
                expect("a table, as in [\(entry.key)]", entry.key, entry.node)
                continue
            }
            for child in inner { read(child, entry.key + ".") }
        }
        checkListeners()
        return configuration
    }

    private mutating func read(_ entry: TOMLEntry, _ prefix: String) {
        let key = prefix + entry.key
        let node = entry.node
        switch key {
        case "bind": readBind(key, node)
        case "port":
            if let port = integer(key, node, 0...65_535) { configuration.port = UInt16(port) }
        case "sdk_port":
            if let port = integer(key, node, 0...65_535) { configuration.sdkPort = UInt16(port) }
        case "bind_public":
            if let value = boolean(key, node) { configuration.bindPublic = value }
        case "hosts": readHosts(key, node)
        case "peer_check":
            if let value = boolean(key, node) { configuration.peerCheck = value }
        case "auth.token": readToken(key, node)
        case "cors.origins": readOrigins(key, node)
        case "log.level": readLevel(key, node)
        case "tethers.ports": readPorts(key, node)
        case "tethers.wake_on_connect":
            if let value = boolean(key, node) { configuration.tethers.wakesOnConnect = value }
        case "tethers.wake_timeout_ms":
            if let value = duration(key, node, 1_000...3_600_000) {
                configuration.tethers.wakeTimeout = value
            }
        default:
            if !readLimit(key, node), !readRun(key, node), !readAgent(key, node) {
                unknown(key, entry)
            }
        }
    }

    /// False when `key` is no limit.
    private mutating func readLimit(_ key: String, _ node: TOMLNode) -> Bool {
        switch key {
        case "limits.body_bytes":
            if let value = integer(key, node, 1_024...(64 << 20)) {
                configuration.limits.bodyBytes = value
            }
        case "limits.connections":
            if let value = integer(key, node, 8...100_000) {
                configuration.limits.connections = value
            }
        case "limits.head_timeout_ms":
            if let value = duration(key, node, 100...600_000) {
                configuration.limits.headTimeout = value
            }
        case "limits.body_timeout_ms":
            if let value = duration(key, node, 100...3_600_000) {
                configuration.limits.bodyTimeout = value
            }
        case "limits.idle_timeout_ms":
            if let value = duration(key, node, 1_000...86_400_000) {
                configuration.limits.idleTimeout = value
            }
        case "limits.services":
            if let value = integer(key, node, 1...1_000_000) {
                configuration.limits.services = value
            }
        default: return false
        }
        return true
    }

    // MARK: Keys with rules of their own

    private mutating func readBind(_ key: String, _ node: TOMLNode) {
        var addresses: [String] = []
        let items: [TOMLNode]
        if case .string = node.value { items = [node] } else { items = list(key, node) ?? [] }
        for item in items {
            guard let text = string(key, item) else { continue }
            guard let address = SocketAddress(text, port: 0) else {
                let hint =
                    text == "localhost" ? "; write [\"127.0.0.1\", \"::1\"]" : ", as in 127.0.0.1"
                add(item, "\(key) must be numeric addresses\(hint)")
                continue
            }
            if !addresses.contains(address.host) { addresses.append(address.host) }
        }
        if case .array(let all) = node.value, all.isEmpty {
            add(node, "\(key) must name at least one address")
        }
        if items.count > 16 { add(node, "\(key) must name at most 16 addresses") }
        configuration.bind = addresses
        bindPlace = node
    }

    /// Listened on, and never called.
    private static let everyAddress: Set<String> = ["0.0.0.0", "::", "[::]"]

    private mutating func readHosts(_ key: String, _ node: TOMLNode) {
        for item in list(key, node) ?? [] {
            guard let text = string(key, item) else { continue }
            let host = text.lowercased()
            let bytes = Array(host.utf8)
            let all = ByteRange(from: 0, to: min(bytes.count, 255))
            guard bytes.count <= 255, let value = HostValue.parse(bytes.span, all),
                value.port == nil, !host.hasSuffix(":"), !host.contains("%")
            else {
                add(item, "\(key) must be host names without scheme and port, as in box.example")
                continue
            }
            guard !host.contains("*"), !Self.everyAddress.contains(host) else {
                add(
                    item, "\(key) must be names or addresses of this machine, not * and not 0.0.0.0"
                )
                continue
            }
            configuration.hosts.append(host)
        }
    }

    private mutating func readToken(_ key: String, _ node: TOMLNode) {
        guard let text = string(key, node) else { return }
        if text.utf8.count < 8 || text.utf8.count > 1_024 {
            add(node, "\(key) must have 8 to 1024 characters (16 or more are recommended)")
        } else if !text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            add(node, "\(key) must be visible ASCII characters without spaces")
        } else {
            configuration.token = Secret(text)
            if text.utf8.count < 16 {
                configuration.warnings.append("auth.token is short; 16 characters are recommended")
            }
        }
    }

    private mutating func readOrigins(_ key: String, _ node: TOMLNode) {
        for item in list(key, node) ?? [] {
            guard let text = string(key, item) else { continue }
            if OriginText.isValid(text) {
                configuration.corsOrigins.append(text)
            } else {
                add(
                    item,
                    "\(key) must be origins as browsers send them: scheme://host[:port] in lower "
                        + "case, without a path, not * and not null")
            }
        }
    }

    private mutating func readPorts(_ key: String, _ node: TOMLNode) {
        guard let text = string(key, node) else { return }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { part in
            // Digits only: a number can be written with a sign.
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt16(part) : nil
        }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first > 0, first <= last
        else { return add(node, "\(key) must be two ports, as in \"21000-21999\"") }
        configuration.tethers.ports = first...last
    }

    private mutating func readLevel(_ key: String, _ node: TOMLNode) {
        guard let text = string(key, node) else { return }
        if let level = LogLevel(name: text) {
            configuration.logLevel = level
        } else {
            let names = LogLevel.allCases.map { $0.name.description }
            add(node, "\(key) must be one of \(names.joined(separator: ", "))\(meant(text, names))")
        }
    }

    /// Reaching the daemon from elsewhere needs a token, and two keys for every interface.
    private mutating func checkListeners() {
        guard let place = bindPlace else { return }
        let addresses = configuration.bind.compactMap { SocketAddress($0, port: 0) }
        for address in addresses where !address.isLoopback {
            if configuration.token == nil {
                add(
                    place,
                    "listening on \(address.host) lets other machines in: set auth.token, or bind "
                        + "to 127.0.0.1 and ::1 only")
            }
            let isEveryInterface = address.host == "0.0.0.0" || address.host == "::"
            if isEveryInterface, !configuration.bindPublic {
                add(
                    place,
                    "\(address.host) means every network of this machine: say bind_public = true "
                        + "beside it, or name one address")
            }
        }
    }

    // MARK: Types

    mutating func string(_ key: String, _ node: TOMLNode) -> String? {
        if case .string(let text) = node.value { return text }
        expect("text in quotes", key, node)
        return nil
    }

    mutating func boolean(_ key: String, _ node: TOMLNode) -> Bool? {
        if case .boolean(let value) = node.value { return value }
        expect("true or false", key, node)
        return nil
    }

    mutating func list(_ key: String, _ node: TOMLNode) -> [TOMLNode]? {
        if case .array(let items) = node.value {
            if items.count > 1_000 { add(node, "\(key) must have at most 1000 entries") }
            return Array(items.prefix(1_000))
        }
        expect("a list, as in [\"…\"]", key, node)
        return nil
    }

    mutating func integer(
        _ key: String, _ node: TOMLNode, _ range: ClosedRange<Int>
    ) -> Int? {
        guard case .integer(let value) = node.value else {
            expect("a whole number from \(range.lowerBound) to \(range.upperBound)", key, node)
            return nil
        }
        guard let number = Int(exactly: value), range.contains(number) else {
            let limits = "from \(range.lowerBound) to \(range.upperBound)"
            add(node, "\(key) must be \(limits), not \(value)")
            return nil
        }
        return number
    }

    private mutating func duration(
        _ key: String, _ node: TOMLNode, _ range: ClosedRange<Int>
    ) -> Duration? {
        integer(key, node, range).map { .milliseconds($0) }
    }

    // MARK: Problems

    mutating func expect(_ what: String, _ key: String, _ node: TOMLNode) {
        add(node, "\(key) must be \(what), not \(node.value.kindName)")
    }

    mutating func unknown(
        _ key: String, _ entry: TOMLEntry, among keys: [String] = ConfigurationReader.keys
    ) {
        // Looking for near misses is the costly part.
        guard problems.count <= Self.maximumProblems else { return }
        let isTable = if case .table = entry.node.value { true } else { false }
        let what = isTable ? "table" : "key"
        let candidates = isTable ? Self.tables + Self.innerTables : keys
        add(
            TOMLNode(value: entry.node.value, line: entry.line, column: entry.column),
            "unknown \(what) \"\(Self.printable(key))\"\(meant(key, candidates))")
    }

    mutating func add(_ node: TOMLNode, _ message: String) {
        if problems.count == Self.maximumProblems {
            problems.append(.init(line: nil, column: nil, message: "and more"))
        }
        guard problems.count < Self.maximumProblems else { return }
        problems.append(.init(line: node.line, column: node.column, message: message))
    }

    private func meant(_ text: String, _ candidates: [String]) -> String {
        Spelling.nearest(text, candidates).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    /// A quoted key may be anything: only what cannot disturb a terminal is repeated.
    private static func printable(_ key: String) -> String {
        let bytes = key.utf8.prefix(64).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes, as: UTF8.self) + (key.utf8.count > 64 ? "…" : "")
    }
}
