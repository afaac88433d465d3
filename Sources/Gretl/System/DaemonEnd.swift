// Ends the daemon of a home folder and waits until it is gone: `gr daemon stop`. The pid is that of
// the holder of the daemon's lock, looked at again once the process is held, so that nobody else
// can be hit.

import Glibc
import NetCore

/// One end of a daemon.
package enum DaemonEnd {
    /// Longer than the daemon gives its last answers.
    package static let patience = Duration.seconds(15)

    package enum Outcome: Sendable, Equatable {
        case ended(pid: Int32)
        case wasNotRunning
        /// It was told and goes on.
        case goesOn(pid: Int32)
        /// Who has the daemon's lock is another program: it was told nothing.
        case isNoDaemon(pid: Int32)
    }

    /// `home` is the path of the folder.
    package static func run(home: String) -> Outcome {
        let lock = "\(home)/\(HomeFolder.lockName)"
        guard let pid = DaemonLock.holder(path: lock) else { return .wasNotRunning }
        guard DaemonLock.isDaemon(pid) else {
            // It may have ended this moment.
            return DaemonLock.holder(path: lock) == pid ? .isNoDaemon(pid: pid) : .wasNotRunning
        }
        let daemon = ProcessHandle(
            pid, isStill: { DaemonLock.holder(path: lock) == pid && DaemonLock.isDaemon(pid) })
        guard let daemon else { return .wasNotRunning }
        daemon.terminate()
        let deadline = SystemTime.shared.now() + patience
        while !daemon.ends(within: 100) {
            guard SystemTime.shared.now() < deadline else { return .goesOn(pid: pid) }
        }
        return .ended(pid: pid)
    }
}
