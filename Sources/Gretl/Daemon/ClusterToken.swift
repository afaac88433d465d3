// The token of the routes under /k8s, which change other machines: auth.token when it is set, else
// GR_TOKEN, else one that is made once and kept in the home folder. Used by the daemon at its start
// and by `gr` for its requests; a token must never be in a message or a log.

/// Where the token of /k8s comes from.
package enum ClusterToken {
    /// The variable that holds it.
    package static let variable = "GR_TOKEN"
    /// The file in the home folder that holds it otherwise.
    package static let fileName = "token"
    /// What auth.token may have, too.
    private static let lengths = 8...1_024

    /// What is asked for when auth.token is not set. A home folder that takes no file leaves the
    /// routes closed: with a token that nobody knows.
    static func forDaemon(
        _ environment: [String: String], _ home: HomeFolder
    ) throws(Daemon.StartFailure) -> Secret {
        if let given = environment[variable], !given.isEmpty {
            guard isUsable(Array(given.utf8)) else {
                throw Daemon.StartFailure(
                    message: "\(variable) must have 8 to 1024 visible ASCII characters without "
                        + "spaces; unset it to have a token made in \(home.path)/\(fileName)")
            }
            return Secret(given)
        }
        do throws(FileError) {
            if let kept = try home.readPrivateFile(fileName, limit: lengths.upperBound + 1) {
                let token = trimmed(kept)
                if isUsable(token) { return Secret(String(decoding: token, as: UTF8.self)) }
            }
        } catch {
            warn(error)
            return make()
        }
        let token = make()
        do throws(FileError) {
            try home.writePrivateFile(fileName, Array((token.reveal() + "\n").utf8))
        } catch { warn(error) }
        return token
    }

    /// What `gr` sends to the daemon of a home folder; nil when nothing is known.
    static func forClient(homePath: String?, _ environment: [String: String]) -> String? {
        if let given = environment[variable], !given.isEmpty { return given }
        guard let homePath,
            let kept = try? PrivateFile.read(
                "\(homePath)/\(fileName)", limit: lengths.upperBound + 1)
        else { return nil }
        let token = trimmed(kept)
        return isUsable(token) ? String(decoding: token, as: UTF8.self) : nil
    }

    /// 256 bits.
    private static func make() -> Secret {
        Secret((0..<4).map { _ in RandomID.make() }.joined())
    }

    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        Array(bytes.prefix { $0 != 0x0A && $0 != 0x0D })
    }

    private static func isUsable(_ bytes: [UInt8]) -> Bool {
        lengths.contains(bytes.count) && bytes.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func warn(_ error: FileError) {
        Log.shared.warning("the routes of /k8s are closed", ["reason": error.description])
    }
}
