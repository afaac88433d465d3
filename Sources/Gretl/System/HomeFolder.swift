// The folder everything of a daemon lives in: configuration, database, sockets of the monitors,
// logs, and the file that tells clients the address. Opened once at start; made with mode 0700 and
// refused when others could have put something into it. Blocking calls: not for the reactor's turn,
// except at start.

import Glibc

/// An opened home folder.
package final class HomeFolder: Sendable {
    /// Absolute, without symbolic links.
    package let path: String
    /// An O_PATH descriptor of `run/`, for socket paths through /proc/self/fd.
    package let runFolder: Int32
    /// The umask the process was started with: what children get back.
    package let inheritedUmask: UInt32

    package var runPath: String { "\(path)/run" }
    package var logsPath: String { "\(path)/logs" }
    package var databasePath: String { "\(path)/\(Self.databaseName)" }
    package var eventsPath: String { "\(path)/events.log" }
    package var configurationPath: String { "\(path)/config.toml" }
    package var logPath: String { "\(path)/\(Self.logName)" }
    package var lockPath: String { "\(path)/\(Self.lockName)" }
    package var socketPath: String { "\(path)/\(Self.socketName)" }

    package static let addressName = "address"
    package static let databaseName = "state.db"
    package static let lockName = "daemon.lock"
    package static let socketName = "daemon.sock"
    /// Held by who starts a daemon in the background.
    package static let startLockName = "start.lock"
    /// Where a daemon in the background logs to.
    package static let logName = "daemon.log"

    /// Where the home folder is: `option` (--home), else GR_HOME, else `.gr` in the user's own
    /// folder. Absolute; nothing is created.
    package static func locate(
        option: String?, environment: (String) -> String? = HomeFolder.environment
    ) throws(FileError) -> String {
        if let chosen = option ?? environment("GR_HOME"), !chosen.isEmpty {
            return try absolute(chosen)
        }
        if let home = environment("HOME"), home.hasPrefix("/") {
            return try absolute(home + "/.gr")
        }
        // Valid until the next look-up in this process; copied at once.
        if let entry = unsafe getpwuid(geteuid()), let folder = unsafe entry.pointee.pw_dir {
            let home = unsafe String(cString: folder)
            if home.hasPrefix("/") { return try absolute(home + "/.gr") }
        }
        throw FileError(
            "~/.gr", .missing, "no home folder: HOME is not set; say --home FOLDER")
    }

    /// A variable of this process's environment.
    package static func environment(_ name: String) -> String? {
        // Nobody here changes the environment, so the pointer stays good while it is copied.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// Opens the folder at an absolute path, creating what is missing, and sets the umask to 077.
    package init(path wanted: String) throws(FileError) {
        inheritedUmask = ProcessUmask.restrict()
        let path = try Self.prepare(wanted)
        self.path = path
        for name in ["run", "logs"] {
            try Self.make("\(path)/\(name)")
            try Self.check("\(path)/\(name)")
        }
        // O_PATH is hidden from Swift; the number is the kernel's on every architecture we build.
        let pathOnly: Int32 = 0o10000000
        let flags = pathOnly | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        runFolder = unsafe Glibc.open("\(path)/run", flags)
        guard runFolder >= 0 else { throw .failed("open", "\(path)/run", errno) }
    }

    deinit { _ = close(runFolder) }

    /// Creates what is missing of the folder at an absolute path and refuses one that is not safe;
    /// the answer is its path without symbolic links. Leaves the umask alone.
    package static func prepare(_ wanted: String) throws(FileError) -> String {
        try makeFolders(wanted)
        guard let resolved = unsafe realpath(wanted, nil) else {
            throw .failed("resolve", wanted, errno)
        }
        // realpath allocated it for us.
        defer { unsafe free(resolved) }
        let path = unsafe String(cString: resolved)
        try check(path)
        return path
    }

    /// Takes the lock that makes this the only daemon of the folder.
    package func lock() throws(FileError) -> DaemonLock { try DaemonLock(path: lockPath) }

    /// Tells clients where the daemon listens: one URL a line.
    package func writeAddress(_ urls: [String]) throws(FileError) {
        try writePrivateFile(Self.addressName, Array((urls.joined(separator: "\n") + "\n").utf8))
    }

    /// Removes the socket that a killed daemon left. Only for who holds the lock.
    package func clearSocket() throws(FileError) {
        do throws(FileError) {
            let facts = try PrivateFile.facts(of: socketPath)
            guard facts.isSocket, facts.owner == geteuid() else {
                let whose =
                    facts.isSocket ? "belongs to another user (uid \(facts.owner)) and " : ""
                throw FileError(
                    socketPath, .unsafe,
                    whose + "is in the way of the daemon's socket; "
                        + "\(Self.wayOut(socket: socketPath))")
            }
        } catch {
            if error.reason == .missing { return }
            throw error
        }
        try removeFile(Self.socketName)
    }

    /// What to do about another user's socket where ours belongs. The folder is ours, so it can be
    /// removed.
    package static func wayOut(socket path: String) -> String {
        "remove it: rm \(ShellQuoting.quoted(path))"
    }

    /// Takes away what the umask left to give away. Nobody else can have entered the folder.
    package func restrictSocket() throws(FileError) {
        guard unsafe chmod(socketPath, 0o600) == 0 else {
            throw .failed("set its mode", socketPath, errno)
        }
    }

    package func removeAddress() throws(FileError) { try removeFile(Self.addressName) }

    /// What `writeAddress` wrote into the home folder at `path`; empty when no daemon did.
    package static func readAddress(path: String) -> [String] {
        guard let bytes = try? PrivateFile.read("\(path)/\(addressName)", limit: 4_096) else {
            return []
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Replaces a file of the folder by one of mode 0600, all or nothing. `name` may name a file
    /// in `run/` or `logs/`.
    package func writePrivateFile(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        try PrivateFile.write(bytes, to: "\(path)/\(name)")
    }

    /// A file of the folder, at most `limit` bytes; nil when there is none.
    package func readPrivateFile(_ name: String, limit: Int) throws(FileError) -> [UInt8]? {
        do throws(FileError) {
            return try PrivateFile.read("\(path)/\(name)", limit: limit)
        } catch {
            if error.reason == .missing { return nil }
            throw error
        }
    }

    package func removeFile(_ name: String) throws(FileError) {
        try PrivateFile.remove("\(path)/\(name)")
    }

    /// Absolute path of a service's log.
    package func logPath(service: String) -> String {
        "\(logsPath)/\(ServiceLogName.fileName(service))"
    }

    // MARK: Creation

    private static func absolute(_ path: String) throws(FileError) -> String {
        guard !path.utf8.contains(0), path.utf8.count < 3_500 else {
            throw FileError("home folder", .other, "the path is too long, or has a zero byte")
        }
        if path.hasPrefix("/") { return path }
        guard let current = unsafe getcwd(nil, 0) else {
            throw .failed("find the current folder for", path, errno)
        }
        // getcwd allocated it for us.
        defer { unsafe free(current) }
        return unsafe String(cString: current) + "/" + path
    }

    private static func makeFolders(_ path: String) throws(FileError) {
        var folder = ""
        for part in path.split(separator: "/") {
            folder += "/\(part)"
            try make(folder)
        }
    }

    private static func make(_ path: String) throws(FileError) {
        if unsafe mkdir(path, 0o700) != 0 {
            // A read-only or foreign parent that exists already says one of the others first.
            let code = errno
            var status = stat()
            if unsafe stat(path, &status) == 0 { return }
            throw .failed("create", path, code)
        }
        // The umask can only have taken owner's bits away; we need them.
        guard unsafe chmod(path, 0o700) == 0 else { throw .failed("set its mode", path, errno) }
    }

    private static func check(_ path: String) throws(FileError) {
        let facts = try PrivateFile.facts(of: path)
        guard facts.isFolder else { throw FileError(path, .unsafe, "is not a folder") }
        guard facts.owner == geteuid() else {
            throw FileError(
                path, .unsafe,
                "belongs to uid \(facts.owner), not to you (uid \(geteuid())); choose another "
                    + "folder with --home or GR_HOME")
        }
        guard !facts.othersMayWrite else {
            throw FileError(path, .unsafe, "others can write to it; fix with: chmod 700 \(path)")
        }
        // Whoever made it, what is in it is nobody else's to read.
        guard unsafe chmod(path, 0o700) == 0 else { throw .failed("set its mode", path, errno) }
    }
}

/// The umask, changed once.
private enum ProcessUmask {
    private static let inherited = UInt32(umask(0o077))

    /// Sets 077; returns what was set before the first call.
    static func restrict() -> UInt32 { inherited }
}
