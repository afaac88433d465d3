// What can be said against a start before anything is started: nothing to run, or a port that
// somebody holds already. Asks the kernel about single sockets only, which costs microseconds.

import NetCore

extension Supervisor {
    /// Throws when there is nothing to run.
    func checkCommand(_ service: Service) throws(APIError) {
        guard service.spec.command == nil else { return }
        throw .invalid(
            "'\(service.name)' has no command: nothing to run, somebody else runs it",
            hint: "give it one to have it started here: 'cmd', or gr add "
                + "\(ShellQuoting.quoted(service.name)) --cmd CMD")
    }

    /// Throws when the output may not go where the spec wants it. Asks on another thread: links of
    /// a user may lead to a disk that does not answer. `isNew`: it did not write there before.
    func checkLog(_ spec: ServiceSpec, isNew: Bool = false) async throws(APIError) {
        guard let path = spec.logFile, let background else { return }
        let place = LogPlace(path: path, directory: spec.logFolder, home: environment.home)
        let refusal: String?
        do throws(BackgroundThread.Refusal) {
            refusal = try await background.perform { place.refusal(isNew: isNew) }
        } catch { throw .daemonBusy("too much work is waiting") }
        guard let refusal else { return }
        throw .invalid(
            "the log file \(path) cannot be used: \(refusal)",
            hint: spec.root == nil
                ? "give the path of a new file below 'cwd', or leave 'logFile' out"
                : "give the path of a new file below \(spec.root ?? ""), or leave log_file out")
    }

    /// Throws when somebody else listens where the service is going to. It only waits when it is
    /// going to throw: what was checked before still holds when it returns.
    func checkPorts(_ service: Service) async throws(APIError) {
        // Our own monitor listens there for it.
        let isHeld = service.machine.holdsSocket
        guard !isHeld || service.reachable.port != service.spec.port else { return }
        try await checkReadyPort(service)
        guard let port = service.spec.port, isTaken(port) else { return }
        throw await portInUse(port, for: service)
    }

    /// The answer when somebody else holds the port `service` needs.
    func portInUse(_ port: Int, for service: Service) async -> APIError {
        if let conflicts {
            return await conflicts.portInUse(port, claimedBy: service.name)
        }
        return APIError(
            .portInUse, "port \(port) is held by another process",
            hint: "run 'gr adopt \(port) --as <name>' or 'gr kill :\(port)'")
    }

    /// A ready answer from somebody who was there before says nothing about the new program.
    private func checkReadyPort(_ service: Service) async throws(APIError) {
        guard let ready = service.spec.ready, case .success(let url) = ReadyURL.parse(ready),
            Int(url.port) != service.spec.port, isTaken(Int(url.port))
        else { return }
        let holder = await conflicts?.words(for: Int(url.port)) ?? "another process"
        throw APIError(
            .portInUse,
            "port \(url.port) of the ready URL is held by \(holder), whose answer would say "
                + "nothing about '\(service.name)'",
            hint: "point 'ready' to a port the service itself opens")
    }

    /// Whether somebody listens on the port of this machine's loopback addresses.
    package func isTaken(_ port: Int) -> Bool {
        guard let owners, let port = UInt16(exactly: port) else { return false }
        for host in ["127.0.0.1", "::1"] {
            guard let address = SocketAddress(host, port: port) else { continue }
            if let owner = try? owners.listener(at: address), owner.inode != 0 { return true }
        }
        return false
    }
}
