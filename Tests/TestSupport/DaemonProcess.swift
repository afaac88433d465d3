// The real `gr serve`, for tests that look at it from outside: a temporary home, an ephemeral port,
// an environment of its own. `deinit` ends it and everything it started, by pid, whatever the test
// did; every wait has a limit. Nothing here knows how the daemon works inside.

import CEpoll
import Glibc

/// Why there is no daemon to test.
package enum DaemonProcessError: Error {
    case spawn(Int32)
    /// It ended, or said nothing in time; what it wrote to standard error.
    case notListening(exit: Int32?, said: String)
}

/// One daemon and its home folder. Used by one test at a time.
package final class DaemonProcess {
    package let folder: TemporaryFolder
    private var environment: [String]
    private let mask: String
    private let listen: String
    private let limit: UInt64
    private var pidfd: Int32 = -1
    private var output: Int32 = -1
    private var known: Set<Int32> = []

    package private(set) var pid: Int32 = 0
    package private(set) var port: UInt16 = 0
    package var home: String { folder.file("home") }
    package var standardError: String { TextFile.read(folder.file("stderr")) ?? "" }

    /// Starts it and waits until it listens. `configuration` becomes config.toml; its folder is
    /// made in `base`, or where temporary folders are.
    package init(
        configuration: String? = nil, configurationMode: UInt32 = 0o600,
        environment: [String] = [], umask: String = "022", listen: String = "127.0.0.1:0",
        descriptorLimit: UInt64 = 0, in base: String? = nil
    ) throws {
        folder = TemporaryFolder(in: base)
        self.environment =
            ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=\(folder.path)", "LANG=C.UTF-8"]
            + environment
        mask = umask
        limit = descriptorLimit
        self.listen = listen
        _ = unsafe mkdir(home, 0o700)
        if let configuration {
            TemporaryFolder.write(
                configuration, to: home + "/config.toml", mode: configurationMode)
        }
        try launch()
    }

    deinit {
        kill()
        for pid in known { ProcessTable.end(pid) }
        // Programs started by a later daemon of the same home hang below monitors named by it.
        for name in ProcessTable.folderNames(home + "/run") where name.hasSuffix(".sock") {
            endMonitor(String(name.dropLast(5)))
        }
    }

    /// A path below the home folder.
    package func file(_ name: String) -> String { home + "/" + name }

    /// Ends it in order; its exit code, -signal, or nil when it did not end within 10 s.
    @discardableResult
    package func stop() -> Int32? {
        rememberChildren()
        guard pidfd >= 0 else { return nil }
        _ = cepoll_pidfd_signal(pidfd, SIGTERM)
        return collect(within: 10_000)
    }

    /// KILL, and waits until it is gone.
    package func kill() {
        rememberChildren()
        guard pidfd >= 0 else { return }
        _ = cepoll_pidfd_signal(pidfd, SIGKILL)
        _ = collect(within: 10_000)
    }

    package func signal(_ number: Int32) { _ = cepoll_pidfd_signal(pidfd, number) }

    /// Starts again on the same home; the port changes. What `environment` names is set from then
    /// on.
    package func restart(environment more: [String] = []) throws {
        if pidfd >= 0 { stop() }
        environment += more
        try launch()
    }

    package var isAlive: Bool { pidfd >= 0 && !Self.waitReadable(pidfd, 0) }

    // MARK: Start and end

    private func launch() throws {
        var ends: [Int32] = [-1, -1]
        guard unsafe cepoll_pipe(&ends) == 0 else { throw DaemonProcessError.spawn(errno) }
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        let log = unsafe open(
            folder.file("stderr"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        output = ends[0]
        defer {
            close(output)
            output = -1
        }
        // The shell sets the mask and becomes the daemon: the pid is the same.
        let line = "umask \(mask); exec \"$0\" serve --home \"$1\" --listen \"$2\""
        let arguments = ["sh", "-c", line, BuildProducts.gr, home, listen]
        let made = Result {
            try Self.spawn("/bin/sh", arguments, environment, [null, ends[1], log], limit)
        }
        // Before the wait: while we hold the other end there is no end of file.
        for descriptor in [ends[1], null, log] { close(descriptor) }
        (pid, pidfd) = try made.get()
        guard let port = readPort(within: 10_000) else {
            // Its end of the pipe goes a moment before the process is one that ended.
            let exit = collect(within: 2_000)
            if exit == nil { kill() }
            throw DaemonProcessError.notListening(exit: exit, said: standardError)
        }
        self.port = port
    }

    /// The port of the line the daemon prints; nil at end of file or after the time.
    private func readPort(within milliseconds: Int64) -> UInt16? {
        var text = ""
        let deadline = cepoll_monotonic() + milliseconds * 1_000_000
        while cepoll_monotonic() < deadline, text.utf8.count < 4_096 {
            guard Self.waitReadable(output, 100) else { continue }
            var bytes = [UInt8](repeating: 0, count: 512)
            // The buffer lives for the call, which takes its true size.
            let count = unsafe Glibc.read(output, &bytes, bytes.count)
            if count <= 0 { return nil }
            text += String(decoding: bytes[..<count], as: UTF8.self)
            if let line = text.split(separator: "\n").first, text.contains("\n"),
                line.hasPrefix("listening on http://"), let colon = line.lastIndex(of: ":")
            {
                return UInt16(line[line.index(after: colon)...])
            }
        }
        return nil
    }

    /// Waits for the end; nil when it did not come.
    private func collect(within milliseconds: Int32) -> Int32? {
        guard pidfd >= 0, Self.waitReadable(pidfd, milliseconds) else { return nil }
        var status: Int32 = 0
        let reaped = unsafe waitpid(pid, &status, 0)
        close(pidfd)
        pidfd = -1
        guard reaped == pid else { return nil }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f)
    }

    private func rememberChildren() {
        if pidfd >= 0 { known.formUnion(ProcessTable.descendants(of: [pid])) }
    }

    /// Ends the monitor with this incarnation, and its tree.
    private func endMonitor(_ id: String) {
        for pid in ProcessTable.parents().keys {
            let words = ProcessTable.words(pid, "cmdline")
            guard words.count > 1, words[0].hasSuffix("gr-monitor"), words[1] == id else {
                continue
            }
            for below in ProcessTable.descendants(of: [pid]) { ProcessTable.end(below) }
            ProcessTable.end(pid)
        }
    }

    // MARK: Kernel

    /// Starts `path` with these descriptors as 0, 1, ...; pid and pidfd.
    package static func spawn(
        _ path: String, _ arguments: [String], _ environment: [String], _ descriptors: [Int32],
        _ descriptorLimit: UInt64 = 0
    ) throws -> (pid: Int32, pidfd: Int32) {
        var pidfd: Int32 = -1
        let pid = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                // All pointers live until the call returns, which is after the child's exec.
                unsafe cepoll_spawn(
                    path, arguments, environment, descriptors, Int32(descriptors.count),
                    descriptorLimit, &pidfd)
            }
        }
        guard pid > 0 else { throw DaemonProcessError.spawn(-pid) }
        return (pid, pidfd)
    }

    /// Runs a program to its end, at most 20 s: exit code (-signal) and standard output.
    package static func run(_ path: String, _ arguments: [String]) throws -> (Int32?, String) {
        var ends: [Int32] = [-1, -1]
        guard unsafe cepoll_pipe(&ends) == 0 else { throw DaemonProcessError.spawn(errno) }
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        let made = try spawn(
            path, arguments, ["PATH=/usr/local/bin:/usr/bin:/bin"], [null, ends[1], null])
        close(ends[1])
        close(null)
        defer { close(ends[0]) }
        defer { close(made.pidfd) }
        var text: [UInt8] = []
        let deadline = cepoll_monotonic() + 20_000_000_000
        while cepoll_monotonic() < deadline, text.count < 1 << 20 {
            guard waitReadable(ends[0], 100) else { continue }
            var bytes = [UInt8](repeating: 0, count: 4_096)
            // The buffer lives for the call, which takes its true size.
            let count = unsafe Glibc.read(ends[0], &bytes, bytes.count)
            if count <= 0 { break }
            text += bytes[..<count]
        }
        if !waitReadable(made.pidfd, 2_000) { _ = cepoll_pidfd_signal(made.pidfd, SIGKILL) }
        var status: Int32 = 0
        let reaped = unsafe waitpid(made.pid, &status, 0)
        let code = status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f)
        return (reaped == made.pid ? code : nil, String(decoding: text, as: UTF8.self))
    }

    package static func waitReadable(_ descriptor: Int32, _ milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // One entry, as the count says.
        return unsafe poll(&entry, 1, milliseconds) > 0
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        var copies = unsafe strings.map { unsafe UnsafePointer<CChar>(strdup($0)) }
        unsafe copies.append(nil)
        // Freed after the body, which must not keep them.
        defer { unsafe copies.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) } }
        return unsafe copies.withUnsafeBufferPointer { buffer in
            // Never empty: it holds the final NULL.
            unsafe body(buffer.baseAddress!)
        }
    }
}
