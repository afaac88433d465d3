// Who holds a port, as a value, and the words an answer says it with. Made by PortScan; read by
// starts that find their port taken, by the routes of ports, by adopt and kill.

/// One process (or one that cannot be seen) with its listening sockets on one port.
package struct PortHolder: Sendable, Equatable {
    package var port: Int
    /// `127.0.0.1`, `0.0.0.0`, `::1`, `::`; sorted.
    package var addresses: [String]
    /// Of the process; of the socket when the process cannot be seen.
    package var uid: UInt32
    /// Nil when its descriptors are another user's.
    package var process: ProcessEntry?
    /// Every process that has the sockets open, the oldest first: `process` and what it forked.
    package var sharers: [ProcessIdentity]
    /// Its sockets, by inode: a socket that was forked is the same one.
    package var sockets: [UInt32] = []
    /// The service of ours whose tree it belongs to.
    package var service: String?
    /// The monitor below which it runs, when that is not one of ours: it is the service of another
    /// daemon.
    package var foreignMonitor: Int32?
    /// It forwards to a container, which is who should be stopped.
    package var isDocker: Bool

    package init(
        port: Int, addresses: [String], uid: UInt32, process: ProcessEntry? = nil,
        sharers: [ProcessIdentity] = [], service: String? = nil, isDocker: Bool = false
    ) {
        self.port = port
        self.addresses = addresses
        self.uid = uid
        self.process = process
        self.sharers = sharers
        self.service = service
        self.isDocker = isDocker
    }

    package var pid: Int32? { process?.pid }
    package var program: String? { process?.program }

    /// As events name it: a service, or `pid 12 (chrome)`.
    package var name: String {
        if let service { return service }
        guard let process else { return "another process (uid \(uid))" }
        return "pid \(process.pid) (\(process.program))"
    }

    /// As errors name it for a daemon of user `own`.
    func words(own: UInt32) -> String {
        if let service {
            return "the service '\(service)'" + (pid.map { " (pid \($0))" } ?? "")
        }
        guard uid != own else {
            return process == nil ? "a process that cannot be seen (uid \(uid))" : name
        }
        guard let process else { return "another user (uid \(uid))" }
        return "\(name) of another user (uid \(process.uid ?? uid))"
    }
}

extension APIError {
    /// A start that finds its port taken by `holder`; `own` is the daemon's user.
    static func portInUse(_ port: Int, by holder: PortHolder, own: UInt32) -> APIError {
        let hint: String
        if let service = holder.service {
            hint =
                "run \(ShellQuoting.command("gr stop", service)), or give one of the two another "
                + "port"
        } else if holder.isDocker {
            hint =
                "a container publishes it: find it with 'docker ps --filter publish=\(port)' and "
                + "stop it, or choose another port"
        } else if holder.uid != own {
            hint = "ask that user to free it, or choose another port"
        } else if holder.process == nil {
            hint = "choose another port"
        } else if holder.foreignMonitor != nil {
            hint = ForeignProcess.otherDaemonHint
        } else {
            hint = "run 'gr adopt \(port) --as <name>' or 'gr kill :\(port)'"
        }
        return APIError(
            .portInUse, "port \(port) is held by \(holder.words(own: own))", hint: hint)
    }
}
