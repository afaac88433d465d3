// The words for bubblewrap that build a jail: what a program of a run sees of the machine. The
// order is the security: the system read-only, fresh folders over what holds sockets, then what may
// be written, and the masks last, over everything before them. Looks at the machine, so that masks
// stand only over what exists; made anew for every program, on the storage thread.

/// What a jail is built from.
struct JailGround: Sendable {
    /// The run's folder, resolved; nil for the probe.
    var folder: String?
    /// The folder may be written.
    var isWritable = true
    var hasNetwork = false
    var caches: [String]
    var secrets: [String]
    /// As HOME says.
    var home: String
    /// The folder of the daemon itself.
    var daemonHome: String

    /// Why a folder can have no jail: a sentence.
    struct Refusal: Error, Equatable {
        var message: String
    }

    /// Empty when the jail begins: sockets of the machine live there, which a read-only mount would
    /// leave reachable.
    private static let fresh = ["/tmp", "/run", "/var/tmp", "/var/run"]
    /// No folder of a run is below these.
    private static let system = ["/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/var/run"]
    /// Nor one of these, or above them.
    private static let tops = [
        "/home", "/opt", "/root", "/srv", "/usr/lib", "/usr/bin", "/var/lib",
    ]
    /// Bytes of a fresh folder, which is memory.
    private static let freshBytes = 2 << 30
    private static let socketsMost = 16_384
    private static let masksMost = 1_024

    /// The file that stands in for a masked one.
    static func emptyFile(_ daemonHome: String) -> String { "\(daemonHome)/empty" }

    /// The same, to be brought from another thread.
    func result() -> Result<[String], Refusal> {
        do throws(Refusal) { return .success(try words()) } catch { return .failure(error) }
    }

    /// The words between `bwrap` and the program's own. Blocking calls.
    func words() throws(Refusal) -> [String] {
        let homes = Set([home, PathLook.accountHome() ?? home].compactMap(PathLook.resolved))
            .subtracting(["/"]).sorted()
        let daemon = PathLook.resolved(daemonHome) ?? daemonHome
        if let folder { try check(folder, homes, daemon) }
        let freshFolders = Set(JailGround.fresh.compactMap(PathLook.resolved)).sorted()
        var words = JailGround.namespaces
        if !hasNetwork { words.append("--unshare-net") }
        words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        // For root it stays writable otherwise.
        words += ["--ro-bind", "/proc/sys", "/proc/sys"]
        for path in freshFolders {
            words += ["--size", "\(JailGround.freshBytes)", "--tmpfs", path]
        }
        var bound: [String] = []
        for path in homes where JailGround.isBelow(path, freshFolders) {
            words += ["--ro-bind", path, path]
            bound.append(path)
        }
        for path in try writable(homes) {
            words += ["--bind", path, path]
            bound.append(path)
        }
        if let folder {
            words += [isWritable ? "--bind" : "--ro-bind", folder, folder]
            bound.append(folder)
        }
        if hasNetwork, let names = PathLook.resolved("/etc/resolv.conf"),
            JailGround.isBelow(names, freshFolders)
        {
            words += ["--ro-bind", names, names]
        }
        words += masks(homes, daemon, freshFolders, bound)
        return words + ["--chdir", folder ?? "/"]
    }

    private static let namespaces = [
        "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--disable-userns",
        "--new-session", "--die-with-parent", "--cap-drop", "ALL",
    ]

    // MARK: What is refused

    private func check(_ folder: String, _ homes: [String], _ daemon: String) throws(Refusal) {
        guard PathLook.resolved(folder) == folder, PathLook.kind(of: folder) == .folder else {
            throw Refusal(message: "\(folder) is no folder, or leads elsewhere by a symbolic link")
        }
        for path in homes where JailGround.contains(folder, path) {
            throw Refusal(message: "\(folder) is the home folder or above it")
        }
        let above = JailGround.system + JailGround.tops + JailGround.fresh
        for path in above where JailGround.contains(folder, path) {
            throw Refusal(message: "\(folder) is a folder of the system, or above one")
        }
        for path in JailGround.system where JailGround.contains(path, folder) {
            throw Refusal(message: "\(folder) is in \(path), where no project belongs")
        }
        for path in hidden(homes, daemon) where JailGround.contains(path, folder) {
            throw Refusal(message: "\(folder) is in \(path), which programs of runs must not see")
        }
    }

    /// The caches that are there.
    private func writable(_ homes: [String]) throws(Refusal) -> [String] {
        var found: [String] = []
        for entry in caches {
            for path in expand(entry, homes) {
                guard let path = PathLook.resolved(path), PathLook.kind(of: path) == .folder
                else { continue }
                for other in homes + JailGround.system where JailGround.contains(path, other) {
                    throw Refusal(message: "the cache \(entry) would open \(other): take it out")
                }
                if !found.contains(path) { found.append(path) }
            }
        }
        return found
    }

    // MARK: Masks

    private func hidden(_ homes: [String], _ daemon: String) -> [String] {
        var found = [daemon]
        for entry in secrets {
            for path in expand(entry, homes) {
                if let path = PathLook.resolved(path), !found.contains(path) { found.append(path) }
            }
        }
        return found
    }

    private func masks(
        _ homes: [String], _ daemon: String, _ freshFolders: [String], _ bound: [String]
    ) -> [String] {
        var words: [String] = []
        var folders: [String] = []
        let empty = JailGround.emptyFile(daemon)
        let sockets = PathLook.unixSockets(most: JailGround.socketsMost)
            .compactMap(PathLook.resolved)
        for path in hidden(homes, daemon) + sockets {
            guard words.count < 4 * JailGround.masksMost else { break }
            // Gone already, unless it was brought back.
            if JailGround.isBelow(path, freshFolders + ["/dev", "/proc"]),
                !JailGround.isBelow(path, bound)
            {
                continue
            }
            guard !JailGround.isBelow(path, folders), let kind = PathLook.kind(of: path)
            else { continue }
            switch kind {
            case .folder:
                folders.append(path)
                words += ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
            case .file, .socket, .other: words += ["--ro-bind", empty, path]
            }
        }
        return words
    }

    // MARK: Paths

    private func expand(_ entry: String, _ homes: [String]) -> [String] {
        guard entry.hasPrefix("~/") else { return [entry] }
        return homes.map { $0 + entry.dropFirst() }
    }

    /// Whether `path` is `folder` or in it.
    static func contains(_ folder: String, _ path: String) -> Bool {
        folder == "/" || path == folder || path.hasPrefix(folder + "/")
    }

    private static func isBelow(_ path: String, _ folders: [String]) -> Bool {
        folders.contains { contains($0, path) }
    }
}
