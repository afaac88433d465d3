// A process that is not our child, held by a pidfd so that it can never be mistaken for another one
// that got its pid. For whoever has to watch or end such a process (adopted programs, holders of
// ports); made off the reactor or on it, used from both.

internal import CEpoll
import Glibc

/// A running process that cannot be confused with a later one.
package final class ProcessHandle: Sendable {
    package let pid: Int32
    /// Readable once the process has ended. Owned here.
    package let descriptor: Int32

    /// Nil when there is no such process. `isStill` is asked once the process is held and says
    /// whether it is the one that is meant: the pid may have been given away before.
    package init?(_ pid: Int32, isStill: () -> Bool) {
        guard pid > 1 else { return nil }
        let opened = cepoll_pidfd_open(pid)
        guard opened >= 0 else { return nil }
        guard isStill() else {
            Descriptor.close(opened)
            return nil
        }
        self.pid = pid
        descriptor = opened
    }

    deinit { Descriptor.close(descriptor) }

    /// It ended, whether or not its parent has noticed.
    package var hasEnded: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // One entry, as the count says.
        return unsafe poll(&entry, 1, 0) > 0
    }

    /// Waits for its end; false when it did not come in time, or a signal came.
    package func ends(within milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // One entry, as the count says.
        return unsafe poll(&entry, 1, milliseconds) > 0
    }

    /// TERM, which a program can answer in its own way.
    package func terminate() { _ = cepoll_pidfd_signal(descriptor, SIGTERM) }

    /// KILL.
    package func kill() { _ = cepoll_pidfd_signal(descriptor, SIGKILL) }

    /// TERM to its whole process group; it has to be the leader. False when it cannot be done
    /// without taking the number for granted (before Linux 6.9).
    package func terminateGroup() -> Bool {
        cepoll_pidfd_signal_group(descriptor, SIGTERM) == 0
    }
}
