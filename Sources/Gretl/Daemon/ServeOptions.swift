// The arguments of `gr serve`.

/// What `gr serve` was asked for.
package struct ServeOptions: Equatable, Sendable {
    package var home: String?
    /// Replaces what config.toml says.
    package var listen: [ListenAddress] = []

    /// Leaves the caller's session: the daemon of `gr daemon start`.
    package var isDetached = false

    /// Address and port to listen on; port 0 lets the kernel choose.
    package struct ListenAddress: Equatable, Sendable {
        package var host: String
        package var port: UInt16

        package init(host: String, port: UInt16) {
            self.host = host
            self.port = port
        }

        /// `127.0.0.1:11611` or `[::1]:11611`; nil when `text` is neither.
        package init?(_ text: String) {
            guard let colon = text.lastIndex(of: ":"),
                let port = UInt16(text[text.index(after: colon)...])
            else { return nil }
            var host = text[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            guard !host.isEmpty else { return nil }
            self.host = host == "localhost" ? "127.0.0.1" : String(host)
            self.port = port
        }
    }

    /// Reads the words behind `serve`; or says what is wrong with them.
    package static func parse(_ words: [String]) -> Result<ServeOptions, UsageError> {
        var options = ServeOptions()
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--detached" {
                options.isDetached = true
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            let name = parts.first ?? word
            guard name == "--home" || name == "--listen" else {
                return .failure(UsageError("unknown option '\(word)'"))
            }
            guard let value = parts.count > 1 ? parts[1] : rest.popFirst(), !value.isEmpty else {
                return .failure(UsageError("\(name) needs a value"))
            }
            if name == "--home" {
                options.home = value
            } else if let address = ListenAddress(value) {
                options.listen.append(address)
            } else {
                return .failure(
                    UsageError("'\(value)' is not ADDR:PORT, such as 127.0.0.1:11611"))
            }
        }
        return .success(options)
    }

    /// What is wrong with the arguments.
    package struct UsageError: Error, Equatable {
        package let message: String
        init(_ message: String) { self.message = message }
    }
}
