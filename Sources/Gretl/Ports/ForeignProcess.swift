// Which holder of a port a request is about, and whether the daemon may touch it: only processes of
// its own user, never itself, never what manages processes of others. Asked by kill and adopt
// before they do anything; everything here is a look at values, nothing is changed.

import NetCore

/// The rules for processes that are not the daemon's.
struct ForeignProcess {
    /// The daemon's user.
    let uid: UInt32
    /// The daemon.
    let daemon: Int32

    /// The one holder of `port`, or the one among several that is process `wanted`.
    func choose(
        _ holders: [PortHolder], of port: Int, wanted: Int32?
    ) throws(APIError) -> PortHolder {
        guard !holders.isEmpty else { throw .nobodyListens(port) }
        if let wanted {
            if let holder = holders.first(where: { $0.pid == wanted }) { return holder }
            throw APIError(
                .portInUse,
                "port \(port) is held by \(words(holders)), not by pid \(wanted)",
                hint: "look again who holds it: gr who \(port), or GET /v1/ports/\(port)")
        }
        guard let holder = holders.first, holders.count == 1 else {
            let one = holders.compactMap(\.pid).first ?? 0
            throw APIError(
                .portInUse, "port \(port) is held by more than one: \(words(holders))",
                hint: "say which one is meant, such as --pid \(one), or ?pid=\(one) in a request")
        }
        return holder
    }

    private func words(_ holders: [PortHolder]) -> String {
        holders.prefix(8).map { $0.words(own: uid) }.joined(separator: ", ")
    }

    /// The process of `holder`, if it may be touched.
    func allowed(_ holder: PortHolder) throws(APIError) -> ProcessEntry {
        guard let process = holder.process else {
            throw .foreignProcess(
                "port \(holder.port) is held by \(holder.words(own: uid))", hint: ownUserOnly)
        }
        guard process.uid == uid else {
            throw .foreignProcess(
                "port \(holder.port) is held by \(name(process)) of another user"
                    + (process.uid.map { " (uid \($0))" } ?? ""), hint: ownUserOnly)
        }
        guard process.pid != daemon else {
            throw .foreignProcess(
                "port \(holder.port) is the daemon's own", hint: "choose another port")
        }
        guard holder.foreignMonitor == nil else {
            throw .foreignProcess(
                "\(name(process)) on port \(holder.port) is a service of another gr daemon",
                hint: ForeignProcess.otherDaemonHint)
        }
        guard process.pid > 1, !AdoptionRoot.isProtected(process) else {
            throw .foreignProcess(
                "\(name(process)) holds port \(holder.port) for others and is left alone",
                hint: holder.isDocker
                    ? "find the container with 'docker ps --filter publish=\(holder.port)'"
                    : "end what it listens for, or choose another port")
        }
        return process
    }

    private func name(_ process: ProcessEntry) -> String {
        "pid \(process.pid) (\(process.program))"
    }

    /// What to do about a service that another daemon would start again or believe crashed.
    static let otherDaemonHint =
        "stop it there: gr --home FOLDER stop NAME, with that daemon's folder; or choose another "
        + "port"

    private let ownUserOnly =
        "only processes of the daemon's own user are touched: ask that user, or choose another port"

    init(uid: UInt32, daemon: Int32) {
        self.uid = uid
        self.daemon = daemon
    }
}

extension APIError {
    /// A process the daemon leaves alone.
    static func foreignProcess(_ message: String, hint: String) -> APIError {
        APIError(.foreignProcess, message, hint: hint)
    }
}
