// The log of a daemon that runs in the background: its standard output and error. Opened by who
// starts it. A new file begins when the last one has grown, with a start and while the daemon runs,
// and one old one is kept. Files are moved on the background thread; nobody who writes waits.

import Glibc

/// The opened log file, and where this start's part of it begins.
final class DaemonLog {
    let descriptor: Int32
    private let path: String
    private let start: Int64

    /// A start finds this much at most, and a daemon goes on in a new file behind it.
    static let bytesMost: Int64 = 1 << 20
    /// How much is read to find out why a start failed.
    private static let readMost = 16 << 10

    init(_ path: String) throws(FileError) {
        if let size = try PrivateFile.sizeIfPresent(path), size > Self.bytesMost {
            try PrivateFile.move(path, to: path + ".1")
        }
        start = try PrivateFile.prepare(path)
        self.path = path
        descriptor = try Self.opened(path)
    }

    private static func opened(_ path: String) throws(FileError) -> Int32 {
        let file = unsafe open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { throw .failed("open", path, errno) }
        return file
    }

    deinit { close(descriptor) }

    // MARK: In the daemon

    /// Has the log at `path` begin anew whenever it has grown, if that is where this process says
    /// what it says: under systemd, or with streams of somebody's own, others see to it.
    static func keepSmall(_ path: String, by background: BackgroundThread) {
        guard isStream(2, at: path), let size = (try? PrivateFile.sizeIfPresent(path)) ?? nil else {
            return
        }
        Log.shared.whenGrown(from: size, past: bytesMost) { [weak background] in
            // Refused at the end of the daemon, or when too much is waiting: later, then.
            let isTaken: Void? = try? background?.submit {
                // With a full disk or a folder that is gone it goes on in the old file.
                try? beginAnew(path)
                Log.shared.hasBegunAnew()
            }
            if isTaken == nil { Log.shared.hasBegunAnew() }
        }
    }

    private static func beginAnew(_ path: String) throws(FileError) {
        let streams = [Int32(1), 2].filter { isStream($0, at: path) }
        if streams.isEmpty {
            // Somebody moved or removed it: the name is free, or that of another file by now.
            try PrivateFile.prepare(path)
        } else {
            try PrivateFile.move(path, to: path + ".1")
            try PrivateFile.prepare(path)
        }
        let file = try opened(path)
        for stream in streams.isEmpty ? [1, 2] : streams { dup2(file, stream) }
        close(file)
    }

    private static func isStream(_ descriptor: Int32, at path: String) -> Bool {
        var mine = stat()
        var named = stat()
        // The pointers are to locals.
        guard unsafe (fstat(descriptor, &mine) == 0 && lstat(path, &named) == 0) else {
            return false
        }
        return mine.st_ino == named.st_ino && mine.st_dev == named.st_dev
    }

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
