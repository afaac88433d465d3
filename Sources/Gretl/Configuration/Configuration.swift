// What the owner set in config.toml, with the defaults of everything else. Read once at start by
// the daemon, and by `gr` for address and token. The values here have passed all checks; a file
// with anything wrong in it yields none of them.

/// The settings of a daemon.
package struct Configuration: Sendable, Equatable {
    /// Numeric addresses to listen on.
    package var bind = ["127.0.0.1", "::1"]
    /// 0 lets the kernel pick one.
    package var port: UInt16 = 11_611
    /// A further port of 127.0.0.1, for the Python client; 0: none.
    package var sdkPort: UInt16 = 0
    /// Allows the addresses that mean every interface.
    package var bindPublic = false
    /// When set, every request must carry it.
    package var token: Secret?
    /// Names beside the loopback ones that Host may hold; lower case.
    package var hosts: [String] = []
    /// Web origins that may call, as browsers send them.
    package var corsOrigins: [String] = []
    /// Whether the peer of a TCP connection must run as our user.
    package var peerCheck = true
    package var limits = RequestLimits()
    package var tethers = TetherSettings()
    package var runs = Runs.Settings()
    package var runPrograms = RunSettings()
    package var models = ModelSettings()
    package var logLevel = LogLevel.info
    /// What is allowed but unwise, for the log.
    package var warnings: [String] = []

    /// The bounds a user may move; each with its range in ConfigurationReader.
    package struct RequestLimits: Sendable, Equatable {
        /// Longest request body.
        package var bodyBytes = 1 << 20
        /// Open client connections.
        package var connections = 100_000
        /// From the first byte of a head to its end.
        package var headTimeout = Duration.milliseconds(10_000)
        /// From the end of the head to the end of the body.
        package var bodyTimeout = Duration.milliseconds(30_000)
        /// Without any request on a kept connection.
        package var idleTimeout = Duration.milliseconds(75_000)
        /// Registered services.
        package var services = 10_000

        package init() {}
    }

    package init() {}

    /// Largest file that is read.
    static let maximumBytes = 1 << 20

    /// Reads the file at `path`; a missing one means the defaults.
    package static func load(path: String) throws(ConfigurationError) -> Configuration {
        let file: ConfigurationFile
        do throws(FileError) {
            guard let opened = try ConfigurationFile.read(path, limit: maximumBytes) else {
                return Configuration()
            }
            file = opened
        } catch {
            throw ConfigurationError(
                file: path, problems: [.init(line: nil, column: nil, message: error.message)])
        }
        var configuration = try parse(file.bytes, file: path)
        if file.othersMayRead {
            let held = [
                configuration.token.map { _ in "auth.token" },
                configuration.models.keys.isEmpty ? nil : "keys of runs.models",
            ].compactMap { $0 }.joined(separator: " and ")
            if !held.isEmpty {
                configuration.warnings.append(
                    "\(path) holds \(held) and others can read it; fix with: chmod 600 \(path)")
            }
        }
        return configuration
    }

    /// Checks the text of a file; `file` is its name in errors.
    package static func parse(
        _ bytes: [UInt8], file: String = "config.toml"
    ) throws(ConfigurationError) -> Configuration {
        let entries: [TOMLEntry]
        do throws(TOMLSyntaxError) {
            entries = try TOMLFile.parse(bytes)
        } catch {
            let message = ConfigurationError.withoutQuotes(error.message)
            throw ConfigurationError(
                file: file,
                problems: [.init(line: error.line, column: error.column, message: message)])
        }
        var reader = ConfigurationReader()
        let configuration = reader.read(entries)
        guard reader.problems.isEmpty else {
            throw ConfigurationError(file: file, problems: reader.problems)
        }
        return configuration
    }
}

/// Everything that is wrong with a file, at once.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    package struct Problem: Sendable, Equatable {
        /// Nil when it is about the file as a whole.
        package var line: Int?
        package var column: Int?
        package var message: String
    }

    package let file: String
    package let problems: [Problem]

    /// One problem a line: `config.toml:3:1: unknown key "prot"; did you mean "port"?`
    package var description: String {
        problems.map { problem in
            guard let line = problem.line else { return "\(file): \(problem.message)" }
            return "\(file):\(line):\(problem.column ?? 1): \(problem.message)"
        }.joined(separator: "\n")
    }

    /// The parser quotes what it could not read, which may be a token: anything longer than a
    /// character goes. Of what stands there twice it quotes the key, and says nothing of a value.
    static func withoutQuotes(_ message: String) -> String {
        if message.contains("cannot redefine existing "), !message.contains("=") { return message }
        let parts = message.split(separator: "'", omittingEmptySubsequences: false)
        return parts.enumerated().map { index, part in
            index % 2 == 1 && part.count > 2 ? "…" : String(part)
        }.joined(separator: "'")
    }
}
