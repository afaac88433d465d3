// A home folder for tests of daemons that `gr` starts itself, and runs of the real `gr` on it. The
// daemon of the folder is ended by its pid when the test lets go, whoever started it.

import CEpoll
import Glibc
import TestSupport

/// A user's home with a daemon folder that listens on ports the kernel chooses.
final class BackgroundDaemon {
    private let folder = TemporaryFolder()
    private let subfolder: String
    /// Further `NAME=VALUE` for every run.
    var environment: [String] = []

    /// `subfolder` is where the daemon's folder is in the user's home.
    init(configuration: String = "port = 0\n", subfolder: String = "gr") {
        self.subfolder = subfolder
        var path = folder.path
        for part in subfolder.split(separator: "/") {
            path += "/\(part)"
            _ = unsafe mkdir(path, 0o700)
        }
        TemporaryFolder.write(configuration, to: file("config.toml"))
    }

    deinit {
        end()
        for name in ProcessTable.folderNames(file("run")) where name.hasSuffix(".sock") {
            endMonitor(String(name.dropLast(5)))
        }
    }

    var user: String { folder.path }
    var home: String { "\(folder.path)/\(subfolder)" }

    func file(_ name: String) -> String { "\(home)/\(name)" }

    /// What the daemon said so far.
    var log: String { TextFile.read(file("daemon.log")) ?? "" }

    /// How many daemons came up in this folder. Each says so before it answers anybody.
    var starts: Int {
        log.split(separator: "\n").count { $0 == "listening on \(home)/daemon.sock" }
    }

    /// The pid of the running daemon; the file also has that of one that has ended.
    var pid: Int32? {
        let text = TextFile.read(file("daemon.lock")) ?? ""
        guard let pid = text.split(separator: "\n").first.flatMap({ Int32($0) }), pid > 1,
            ProcessTable.words(pid, "cmdline").dropFirst().first == "serve",
            ProcessTable.isAlive(pid)
        else { return nil }
        return pid
    }

    /// Runs `gr` to its end, in the user's home, at most a minute.
    func gr(_ words: [String], _ more: [String] = []) throws -> ProgramResult {
        try Program.run(
            [BuildProducts.gr] + words, environment: variables + more, directory: user,
            seconds: 60)
    }

    /// What every run has in its environment.
    var variables: [String] {
        // A folder that nobody chose may be taken for that of the daemon at the default address,
        // and other tests may run one there.
        ["HOME=\(user)", "LANG=C.UTF-8", "GR_HOME=\(home)"] + environment
    }

    /// Kills the daemon, if one runs.
    func end() {
        guard let pid else { return }
        let below = ProcessTable.descendants(of: [pid])
        ProcessTable.end(pid)
        for one in below { ProcessTable.end(one) }
        _ = eventually { !ProcessTable.isAlive(pid) }
    }

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
}
