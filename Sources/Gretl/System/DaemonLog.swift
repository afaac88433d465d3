// The log of a daemon that runs in the background: its standard output and error. Opened by who
// starts it; a new file begins when the last one has grown, and one old one is kept.

import Glibc

/// The opened log file, and where this start's part of it begins.
final class DaemonLog {
    let descriptor: Int32
    private let path: String
    private let start: Int64

    /// A start finds this much at most.
    static let bytesMost: Int64 = 1 << 20
    /// How much is read to find out why a start failed.
    private static let readMost = 16 << 10

    init(_ path: String) throws(FileError) {
        if let size = try PrivateFile.sizeIfPresent(path), size > Self.bytesMost {
            try PrivateFile.move(path, to: path + ".1")
        }
        start = try PrivateFile.prepare(path)
        self.path = path
        descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw .failed("open", path, errno) }
    }

    deinit { close(descriptor) }

    /// What the daemon said last before it gave up, without its name in front.
    func lastWords() -> String? {
        let file = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Self.readMost)
        // The kernel writes at most the array's count.
        let count = unsafe pread(file, &bytes, bytes.count, off_t(start))
        let lines = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            .split(separator: "\n")
        let said = lines.last { $0.hasPrefix("gr: ") }
        return said.map { String($0.dropFirst(4)) } ?? lines.last.map(String.init)
    }
}
