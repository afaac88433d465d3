// A folder of a test's own, removed with everything in it when the test lets go of it.

import FoundationEssentials
import Glibc

/// Made with mode 0700 under the machine's temporary folder, or another one.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init(in chosen: String? = nil) {
        let usual = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        let base = chosen ?? usual
        var template = Array("\(base)/gr-test-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else {
            preconditionFailure("no temporary folder: \(errno)")
        }
        path = unsafe String(cString: made)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file in the folder.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// The permission bits of `path`, nil when it is missing.
    package static func mode(_ path: String) -> UInt32? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return status.st_mode & 0o7777
    }

    /// Writes a small file, making or emptying it.
    package static func write(_ text: String, to path: String, mode: UInt32 = 0o600) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        precondition(file >= 0)
        let bytes = Array(text.utf8)
        precondition(unsafe Glibc.write(file, bytes, bytes.count) == bytes.count)
        _ = fchmod(file, mode)
        _ = close(file)
    }
}
