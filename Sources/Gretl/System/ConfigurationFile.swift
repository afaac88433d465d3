// Reads a file that can make the daemon run or open things: nobody but its owner may have been able
// to write it. Unlike the private files it may be a link, as people keep their settings in a
// repository of dot files; the link must be theirs, too.

import Glibc

/// The bytes of a configuration file that passed the checks of owner and mode.
struct ConfigurationFile {
    var bytes: [UInt8]
    /// Harmless unless it holds a secret.
    var othersMayRead: Bool

    /// Nil when there is no file at `path`.
    static func read(_ path: String, limit: Int) throws(FileError) -> ConfigurationFile? {
        let named: PrivateFile.Facts
        do throws(FileError) {
            named = try PrivateFile.facts(of: path)
        } catch {
            if error.reason == .missing { return nil }
            throw error
        }
        if named.isLink, !isTrusted(named.owner) {
            throw FileError(
                path, .unsafe,
                "is a link made by uid \(named.owner); fix with: rm \(path) and write it anew")
        }
        // Without O_NONBLOCK a planted pipe would hold the start for ever.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { throw .failed("open", path, errno) }
        defer { _ = close(file) }
        let facts = try PrivateFile.facts(of: file, path)
        guard facts.isRegular else { throw FileError(path, .unsafe, "is not a regular file") }
        guard isTrusted(facts.owner) else {
            throw FileError(
                path, .unsafe,
                "belongs to uid \(facts.owner), not to you; fix with: chown \(geteuid()) \(path)")
        }
        guard !facts.othersMayWrite else {
            throw FileError(path, .unsafe, "others can write to it; fix with: chmod 600 \(path)")
        }
        let bytes = try PrivateFile.contents(of: file, path, limit: limit)
        return ConfigurationFile(bytes: bytes, othersMayRead: facts.othersMayRead)
    }

    private static func isTrusted(_ owner: uid_t) -> Bool { owner == geteuid() || owner == 0 }
}
