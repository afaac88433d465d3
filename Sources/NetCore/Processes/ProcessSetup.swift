// What a long-lived process sets for itself once, before it starts threads or children.

internal import CEpoll
import Glibc

/// Settings of this process.
package enum ProcessSetup {
    /// A write to a closed socket is an error code from now on, never a signal.
    package static func ignoreBrokenPipes() { _ = cepoll_ignore_sigpipe() }

    /// No core dump and no debugger of the same user: secrets are in memory.
    package static func harden() { _ = cepoll_harden_process() }

    /// Programs whose monitor is killed become children of this process, not of init.
    package static func adoptOrphans() { _ = cepoll_become_subreaper() }

    /// Leaves the caller's session and folder: a terminal that closes and a file system that is
    /// unmounted do not concern this process. Fails where it leads a group already: no need then.
    package static func detach() {
        _ = setsid()
        // The path is a constant.
        _ = unsafe chdir("/")
    }

    /// Gives back memory that only what is over needed, such as the start: half of what a daemon
    /// at rest would have.
    package static func releaseUnused() { cepoll_release_unused() }

    /// Raises the soft descriptor limit to the hard one; the answer is what children get back, and
    /// what is allowed now.
    package static func raiseDescriptorLimit() -> (previous: UInt64, now: UInt64) {
        var previous: UInt64 = 0
        var now: UInt64 = 0
        guard unsafe cepoll_raise_descriptor_limit(&previous, &now) == 0 else { return (0, 1_024) }
        return (previous, now)
    }
}
