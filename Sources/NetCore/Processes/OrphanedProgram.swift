// A program whose monitor was killed: it goes on, and until somebody takes it over the daemon does
// the least that keeps it well: it drains the output into the log (a full pipe would block the
// program), watches the pidfd for its end and can stop it. Its exit code cannot be known.

internal import CEpoll
import Glibc

/// A running program without a monitor.
@ReactorActor
package final class OrphanedProgram: EventHandler, TimerHandler {
    private let reactor: Reactor
    private let pid: Int32
    private let program: Int32
    private let output: Int32
    private let log: Int32
    private var programRegistration = Registration.none
    private var outputRegistration = Registration.none
    private var timer = TimerHandle.none
    private var ended: (() -> Void)?

    /// Takes the descriptors over. `ended` is called once, when the program is gone. Throws when
    /// it cannot be watched.
    init(
        pid: Int32, program: Int32, output: Int32, logPath: String, on reactor: Reactor,
        ended: @escaping () -> Void
    ) throws(SystemError) {
        self.reactor = reactor
        self.pid = pid
        self.program = program
        self.output = output
        self.ended = ended
        log = unsafe open(
            logPath, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0o600)
        programRegistration = try reactor.register(program, .readable, self)
        if output >= 0 {
            outputRegistration = try reactor.register(output, .readable, OutputDrain(self))
        }
    }

    /// Watches a program that was found by its pid. `isStill` is asked once the pidfd is open, and
    /// says whether the pid is still that of the program: it may have been given away meanwhile.
    package static func adopt(
        pid: Int32, logPath: String, on reactor: Reactor, isStill: () -> Bool,
        ended: @escaping () -> Void
    ) -> OrphanedProgram? {
        let program = cepoll_pidfd_open(pid)
        guard program >= 0 else { return nil }
        guard isStill(),
            let orphan = try? OrphanedProgram(
                pid: pid, program: program, output: -1, logPath: logPath, on: reactor, ended: ended)
        else {
            Descriptor.close(program)
            return nil
        }
        return orphan
    }

    package func ready(_ mask: EventMask) {
        drain()
        let done = ended
        close()
        done?()
    }

    /// TERM to the program's group now, KILL after `grace`. The group is the program's own: its
    /// monitor made it a session leader, and the pidfd tells that the leader still lives.
    package func stop(grace: Duration) {
        guard ended != nil else { return }
        reactor.timers.cancel(timer)
        guard grace > .zero else { return timerFired(0) }
        _ = kill(-pid, SIGTERM)
        timer = reactor.timers.schedule(at: reactor.now + grace, self)
    }

    package func timerFired(_ tag: UInt32) {
        guard ended != nil else { return }
        _ = kill(-pid, SIGKILL)
    }

    fileprivate func drain() {
        guard output >= 0 else { return }
        unsafe withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { bytes in
            // One pipe's worth at most.
            for _ in 0..<4 {
                let moved = unsafe cepoll_read(output, bytes.baseAddress, bytes.count)
                guard moved > 0 else {
                    if moved == 0 { reactor.deregister(outputRegistration) }
                    return
                }
                _ = unsafe cepoll_write(log, bytes.baseAddress, moved)
            }
        }
    }

    private func close() {
        ended = nil
        reactor.timers.cancel(timer)
        reactor.deregister(programRegistration)
        reactor.deregister(outputRegistration)
        Descriptor.close(program)
        Descriptor.close(output)
        Descriptor.close(log)
    }
}

/// Hands readiness of the output on to the program it belongs to.
@ReactorActor
private final class OutputDrain: EventHandler {
    private weak var program: OrphanedProgram?
    init(_ program: OrphanedProgram) { self.program = program }
    func ready(_ mask: EventMask) { program?.drain() }
}
