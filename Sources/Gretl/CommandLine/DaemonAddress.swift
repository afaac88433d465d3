// Where the daemon is: --address, the environment, the file it leaves in its home folder, or the
// default. Only --address may name a machine other than this one: a token must not leave it because
// of a file or a variable.

internal import NetCore

/// A place to connect to.
package struct DaemonAddress: Sendable, Equatable {
    /// Numeric without brackets, or `localhost`.
    package let host: String
    package let port: UInt16

    package static let standard = DaemonAddress(host: "127.0.0.1", port: 11_611)

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `http://HOST[:PORT][/]`, or `HOST:PORT`.
    package init?(_ text: String) {
        var rest = text[...]
        if rest.hasPrefix("http://") {
            rest = rest.dropFirst(7)
        } else if rest.contains("://") {
            return nil
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var host = rest
        var port: UInt16 = 11_611
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            guard host.contains(":") else { return nil }
            rest = rest[rest.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { return nil }
        } else {
            host = rest.prefix { $0 != ":" }
            rest = rest[host.endIndex...]
        }
        if !rest.isEmpty {
            let digits = rest.dropFirst()
            guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let value = UInt16(digits),
                value > 0
            else { return nil }
            port = value
        }
        guard !host.isEmpty,
            host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x40 })
        else { return nil }
        self.init(host: String(host), port: port)
    }

    package var url: String {
        host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
    }

    /// localhost, 127.0.0.0/8 or ::1.
    package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    package var isNumeric: Bool { SocketAddress(host, port: port) != nil }

    /// A home folder and whether somebody asked for this one.
    struct Home: Sendable, Equatable {
        let path: String
        let isChosen: Bool
    }

    /// The home folder: --home, GR_HOME, or .gr in HOME.
    static func home(option: String?, environment: [String: String]) -> Home? {
        if let chosen = option ?? environment["GR_HOME"], !chosen.isEmpty {
            return Home(path: chosen, isChosen: true)
        }
        guard let user = environment["HOME"], user.hasPrefix("/") else { return nil }
        return Home(path: user + "/.gr", isChosen: false)
    }

    /// The address that somebody gave; nil when nobody did.
    static func given(
        option: String?, environment: [String: String]
    ) throws(CommandFailure) -> DaemonAddress? {
        if let option {
            guard let address = DaemonAddress(option) else {
                throw .usage(
                    "'\(option)' is no address", hint: "write it as http://127.0.0.1:11611")
            }
            return address
        }
        if let variable = environment["GRETL_DAEMON"], !variable.isEmpty {
            return try local(variable, from: "GRETL_DAEMON")
        }
        return nil
    }

    /// The address that the daemon of a home folder left there, or the default.
    static func find(_ home: Home) throws(CommandFailure) -> DaemonAddress {
        let path = "\(home.path)/\(HomeFolder.addressName)"
        // A torn or foreign line is as good as none: nothing is sent there, and the next daemon
        // replaces it. gr doctor tells of it.
        if let address = written(in: path).flatMap(local) { return address }
        // The default place may be another folder's daemon: who chose a folder does not mean that.
        guard !home.isChosen else {
            throw CommandFailure(
                exit: .unreachable, code: "daemon_unreachable",
                message: "no daemon runs with the folder \(home.path)",
                hint: "start it with: gr daemon start --home \(ShellQuoting.quoted(home.path))")
        }
        return standard
    }

    /// An address of this machine that can be connected to; nil for any other text.
    static func local(_ text: String) -> DaemonAddress? {
        guard let address = DaemonAddress(text), address.isLoopback,
            address.host == "localhost" || address.isNumeric
        else { return nil }
        return address
    }

    /// The first line of an address file; nil when there is none.
    static func written(in path: String) -> String? {
        Terminal.contents(of: path).map(firstLine)
    }

    private static func firstLine(_ bytes: [UInt8]) -> String {
        let line = bytes.prefix { $0 != 0x0A }
        let end = line.lastIndex { $0 > 0x20 } ?? line.startIndex - 1
        return String(decoding: line[..<(end + 1)], as: UTF8.self)
    }

    private static func local(
        _ text: String, from place: String
    ) throws(CommandFailure) -> DaemonAddress {
        guard let address = DaemonAddress(text) else {
            throw CommandFailure(
                exit: .failure, code: "invalid_address",
                message: "\(place) holds '\(text)', which is no address",
                hint: "write it as http://127.0.0.1:11611")
        }
        guard address.isLoopback else {
            throw CommandFailure(
                exit: .failure, code: "foreign_address",
                message: "\(place) names another machine: \(text)",
                hint: "if that is meant: gr --address \(text) ...")
        }
        return address
    }
}

/// The token that opens the API; nil when the environment has none.
func clientToken(home: DaemonAddress.Home?, environment: [String: String]) -> String? {
    if let token = environment["GR_AUTH_TOKEN"], !token.isEmpty { return token }
    guard let home else { return nil }
    // A configuration the daemon would refuse has no token to offer; the daemon says what is wrong.
    let configuration = try? Configuration.load(path: home.path + "/config.toml")
    return configuration?.token?.reveal()
}
