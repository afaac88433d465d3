// The standard streams and surroundings of a client command: what is a terminal, how wide it is,
// the directory and the small files it reads.
//
// CommandIO.standard is built from it; tests build their own. It must never be used by the daemon,
// whose reactor may not block on a terminal or a file.

import Glibc

/// The process's streams and surroundings.
package enum Terminal {
    package static let input: Int32 = 0
    package static let output: Int32 = 1
    package static let errors: Int32 = 2

    package static func isTerminal(_ stream: Int32) -> Bool { isatty(stream) == 1 }

    /// Columns of the terminal; nil when the stream is none or does not say.
    package static func columns(_ stream: Int32) -> Int? {
        var size = winsize()
        // The kernel fills the one structure given.
        guard unsafe ioctl(stream, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return Int(size.ws_col)
    }

    /// Writes everything; 0, or the errno of a stream that does not take it.
    @discardableResult
    package static func write(_ bytes: [UInt8], to stream: Int32) -> Int32 {
        var written = 0
        var stalls = 0
        while written < bytes.count {
            // The kernel reads only what is left of the array.
            let count = unsafe bytes.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
                return unsafe Glibc.write(stream, rest.baseAddress, rest.count)
            }
            if count > 0 {
                written += count
                continue
            }
            let code = errno
            guard count < 0, code == EINTR || code == EAGAIN, stalls < 10_000 else {
                return count < 0 ? code : EIO
            }
            stalls += 1
            // A stream that another process made non-blocking: wait until it takes more.
            var entry = pollfd(fd: stream, events: Int16(POLLOUT), revents: 0)
            _ = unsafe poll(&entry, 1, 1_000)
        }
        return 0
    }

    /// Waits until one of the descriptors can be read, at most so long; which of them can. A
    /// negative descriptor is passed over, and none at all make it a pause. A reader of standard
    /// output that leaves meanwhile ends the process, as a write would, but for one that `holdsOn`.
    package static func waitReadable(
        _ descriptors: [Int32], milliseconds: Int32 = -1, holdsOn: Bool = false
    ) -> [Bool] {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // Asked for nothing, the kernel tells errors only.
        entries.append(pollfd(fd: holdsOn ? -1 : output, events: 0, revents: 0))
        defer { if entries.last?.revents == Int16(POLLERR) { end(by: SIGPIPE) } }
        // As many entries as the count says, alive during the call.
        guard unsafe poll(&entries, nfds_t(entries.count), milliseconds) > 0 else {
            return descriptors.map { _ in false }
        }
        return entries.dropLast().map { $0.revents != 0 }
    }

    /// Readies the standard streams of a client command: one that was closed must not become the
    /// number of a socket that output is then written into, and a reader that goes away ends the
    /// process without a word, as it does everywhere.
    package static func prepareStreams() {
        _ = signal(SIGPIPE, SIG_DFL)
        for stream in [input, output, errors] where fcntl(stream, F_GETFD) < 0 {
            // Open for the wrong direction, so that using it fails. It gets the lowest free number.
            let direction = stream == input ? O_WRONLY : O_RDONLY
            _ = unsafe Glibc.open("/dev/null", direction)
        }
    }

    /// The words of the command line behind the program's name; nil for one that is not UTF-8.
    package static func arguments() -> [String?] {
        let words = unsafe Swift.CommandLine.unsafeArgv
        let count = Int(Swift.CommandLine.argc)
        guard count > 1 else { return [] }
        // The kernel gave `count` terminated texts, which nobody changes.
        return (1..<count).map { index in
            unsafe words[index].flatMap { unsafe String(validatingCString: $0) }
        }
    }

    /// Whether the path of the working directory cannot be written as text: it is not UTF-8.
    package static func isDirectoryNoText() -> Bool {
        // With no buffer given, glibc allocates one that is ours to free.
        guard let path = unsafe getcwd(nil, 0) else { return false }
        defer { unsafe free(path) }
        return unsafe String(validatingCString: path) == nil
    }

    /// The working directory as an absolute path; nil when it is gone, or not UTF-8.
    package static func currentDirectory() -> String? {
        // With no buffer given, glibc allocates one that is ours to free.
        guard let path = unsafe getcwd(nil, 0) else { return nil }
        defer { unsafe free(path) }
        guard let text = unsafe String(validatingCString: path) else { return nil }
        return text.hasPrefix("/") ? text : nil
    }

    /// Seconds since 1970, for ages in output.
    package static func wallSeconds() -> Int64 { Int64(time(nil)) }

    /// The start of a file, at most `most` bytes; nil when it cannot be read.
    package static func contents(of path: String, most: Int = 4_096) -> [UInt8]? {
        // The path is copied into a terminated text for the length of the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: max(0, most))
        // The kernel writes at most the array's count.
        let count = unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe read(descriptor, bytes.baseAddress, bytes.count)
        }
        guard count >= 0 else { return nil }
        return Array(bytes.prefix(count))
    }

    /// The environment of this process; of a name given twice the first counts.
    package static func environment() -> [String: String] {
        var result: [String: String] = [:]
        // The block ends with a null pointer and nobody changes it in a client command.
        var entry = unsafe environ
        while let line = unsafe entry.pointee {
            let text = unsafe String(cString: line)
            if let equals = text.firstIndex(of: "=") {
                let name = String(text[..<equals])
                if result[name] == nil { result[name] = String(text[text.index(after: equals)...]) }
            }
            unsafe entry += 1
        }
        return result
    }
}
