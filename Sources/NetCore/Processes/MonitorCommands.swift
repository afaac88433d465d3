// What the daemon tells a monitor. Each is one message that is never waited for: answers come back
// to the link's delegate. An older monitor ignores what it does not know; only `hold` and `adopt`
// need one that knows them, and those start their own.

internal import CEpoll

extension MonitorLink {
    /// How the program of the next `run`, or of an adoption, is to be treated.
    package func options(_ options: ProgramOptions) {
        send(MonitorMessage.encode(MONITOR_OPTIONS, options.fields))
    }

    /// Starts the program; answered by `spawned` or `failed`. After `empty` it starts it anew.
    package func run(name: String, _ start: ProgramStart) {
        let fields = [
            "\(MONITOR_PROTOCOL_VERSION)", name, start.shell, start.command, start.directory,
            start.logPath, start.umask,
        ]
        send(MonitorMessage.encode(MONITOR_RUN, fields + start.environment))
    }

    /// Stops the whole tree; answered by `exited` and `empty`. A monitor that does not answer at
    /// all is ended after a while, and the link is lost with it.
    package func stop(grace: Duration) {
        send(MonitorMessage.encode(MONITOR_STOP, ["\(max(0, grace.inMilliseconds))"]))
        ping()
    }

    /// The program passed its ready check.
    package func markReady() { send(MonitorMessage.encode(MONITOR_READY, [])) }

    /// The exit is known: the monitor releases the port, removes its files and ends when its tree
    /// is empty.
    package func collected() {
        held.closeListeners()
        send(MonitorMessage.encode(MONITOR_COLLECTED, []))
    }

    // MARK: The held port

    /// Opens the port on both loopback addresses and holds it over every end of the program;
    /// answered by `held`, or `failed` with the step `listen`.
    package func hold(port: UInt16) { send(MonitorMessage.encode(MONITOR_HOLD, ["\(port)"])) }

    /// Asks for one `connection` when somebody waits at the held port.
    package func arm() { send(MonitorMessage.encode(MONITOR_ARM, [])) }

    /// Closes the held port.
    package func release() {
        held.closeListeners()
        send(MonitorMessage.encode(MONITOR_RELEASE, []))
    }

    // MARK: The terminal

    package func resize(_ size: TerminalSize) {
        sendLast(MonitorMessage.encode(MONITOR_RESIZE, ["\(size.rows)", "\(size.columns)"]))
    }

    /// Lends a connected stream socket: it gets the output, and what it sends becomes input. The
    /// caller closes its own copy.
    package func attach(_ socket: Int32) {
        send(MonitorMessage.encode(MONITOR_ATTACH, []), lending: [socket])
    }

    // MARK: Adoption

    /// Starts a monitor that takes over the program of `lost`, whose monitor is gone: under the
    /// same id, with the descriptors that the lost link still holds. They stay there when it
    /// throws, so that it can be tried again. Answered by `spawned` or `failed`.
    package static func adopt(
        _ adoption: ProgramAdoption, of lost: MonitorLink, path: String, name: String,
        runDirectory: Int32, children: ChildProcesses
    ) throws(SystemError) -> MonitorLink {
        let link = try start(
            path: path, id: lost.id, name: name, runDirectory: runDirectory, children: children,
            on: lost.reactor)
        swap(&link.held, &lost.held)
        lost.close()
        link.take(adoption)
        return link
    }

    /// The same for a program that lost its daemon as well and is known by its pid alone.
    /// `isStill` is asked once its pidfd is open and says whether the number is still its own: it
    /// may have been given away meanwhile. Nil when it has ended.
    package static func adopt(
        _ adoption: ProgramAdoption, id: String, isStill: () -> Bool, path: String, name: String,
        runDirectory: Int32, children: ChildProcesses, on reactor: Reactor
    ) throws(SystemError) -> MonitorLink? {
        let program = cepoll_pidfd_open(adoption.program.pid)
        guard program >= 0 else { return nil }
        guard isStill() else {
            Descriptor.close(program)
            return nil
        }
        do throws(SystemError) {
            let link = try start(
                path: path, id: id, name: name, runDirectory: runDirectory, children: children,
                on: reactor)
            link.held.program = program
            link.take(adoption)
            return link
        } catch {
            Descriptor.close(program)
            throw error
        }
    }

    private func take(_ adoption: ProgramAdoption) {
        follow(adoption.program)
        options(adoption.options)
        let (letters, descriptors) = held.all
        let program = adoption.program
        let fields = [
            "\(MONITOR_PROTOCOL_VERSION)", "\(program.pid)", "\(program.startTime)",
            "\(program.startedAt)", adoption.logPath, adoption.isReady ? "1" : "0", letters,
        ]
        send(MonitorMessage.encode(MONITOR_ADOPT, fields), lending: descriptors)
    }
}

// MARK: - A monitor that does not answer

extension MonitorLink: TimerHandler {
    /// A monitor answers within a millisecond unless it was stopped or its disk hangs.
    private static let patience = Duration.seconds(3)
    private static let lastPatience = Duration.seconds(2)

    private func ping() {
        send(MonitorMessage.encode(MONITOR_PING, []))
        guard isOpen else { return }
        reactor.timers.cancel(watchdog)
        watchdog = reactor.timers.schedule(at: reactor.now + MonitorLink.patience, self)
    }

    package func timerFired(_ tag: UInt32) {
        guard isOpen else { return }
        guard tag == 0 else { return killMonitor() }
        // Somebody may have stopped it by hand: that is all it takes then.
        continueMonitor()
        guard speaksPing else { return }
        watchdog = reactor.timers.schedule(
            at: reactor.now + MonitorLink.lastPatience, self, tag: 1)
    }
}
