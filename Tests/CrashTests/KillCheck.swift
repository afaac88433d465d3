// The invariants of the kill loop, checked on a daemon that has just come up again, against three
// witnesses: what was acknowledged, what the daemon lists, what the kernel says. Answers with the
// breaches in words; the caller looks again until there is none or its patience is over.

import TestSupport

/// One look at the world.
struct KillCheck {
    private let listed: [String: JSON]
    private let listedTwice: [String]
    private let tree: [RunningProcess]
    private let monitors: [RunningMonitor]
    private let runFiles: [String]
    private(set) var breaches: [String] = []

    init(_ daemon: CrashDaemon) throws {
        let answer = try daemon.call("GET", "/v1/services")
        guard answer.status == 200 else { throw CrashFailure("list: \(answer.text)") }
        var listed: [String: JSON] = [:]
        var twice: [String] = []
        for service in answer.json["services"].elements {
            guard let name = service["name"].text else { continue }
            if listed.updateValue(service, forKey: name) != nil { twice.append(name) }
        }
        self.listed = listed
        listedTwice = twice
        monitors = ProcessTable.monitors(runDirectory: daemon.runPath)
        tree = ProcessTable.tree(daemon.token)
        runFiles = ProcessTable.names(daemon.runPath)
    }

    /// The main programs of a service: children of a monitor. What they fork is not.
    private func programs(_ name: String) -> [RunningProcess] {
        tree.filter { process in
            process.environment["GRETL_NAME"] == name && process.environment["GR_MAIN"] == "1"
                && process.session == process.pid
        }
    }

    mutating func run(_ clients: [KillClient]) {
        let services = clients.flatMap(\.services)
        breaches += listedTwice.map { "I2 \($0) is listed twice" }
        let known = Set(services.map(\.name))
        for name in listed.keys where !known.contains(name) {
            breaches.append("I1 \(name) was invented")
        }
        for service in services {
            checkRegistration(service)
            checkPid(service)
            checkRun(service)
        }
        checkRunDirectory()
    }

    private mutating func checkRegistration(_ service: ModelService) {
        var allowed: Set<Int?> = [service.version]
        switch service.unanswered {
        case .register(let version): allowed.insert(version)
        case .remove: allowed.insert(nil)
        case .start, .stop, nil: break
        }
        let seen = version(service.name)
        if !allowed.contains(seen) {
            breaches.append(
                "I1 \(service.name): registered is \(seen.map { "\($0)" } ?? "none"), allowed "
                    + "\(allowed.map { $0.map { "\($0)" } ?? "none" })")
        }
        if let seen,
            listed[service.name]?["cmd"].text?.hasSuffix(
                service.command(version: seen).suffix(8)) != true
        {
            breaches.append("I1 \(service.name): its command is not that of version \(seen)")
        }
    }

    /// The registered version, as the group says it.
    func version(_ name: String) -> Int? {
        listed[name]?["group"].text.flatMap { Int($0.dropFirst(2)) }
    }

    private mutating func checkPid(_ service: ModelService) {
        let pids = programs(service.name).map { Int($0.pid) }
        let seen = listed[service.name]?["pid"].integer
        if pids.count > 1 { breaches.append("I2 \(service.name) runs twice: \(pids)") }
        if let seen, !pids.contains(seen) {
            breaches.append("I2 \(service.name): listed pid \(seen) is not alive (\(pids))")
        }
        if seen == nil, !pids.isEmpty {
            breaches.append("I2 \(service.name) lives as \(pids) and is not listed with it")
        }
        let status = listed[service.name]?["status"].text ?? "none"
        if (seen != nil) != (status == "running") {
            breaches.append("I2 \(service.name): status \(status), pid \(seen ?? 0)")
        }
    }

    private mutating func checkRun(_ service: ModelService) {
        let seen = listed[service.name]
        let pid = seen?["pid"].integer
        switch (service.running, service.unanswered) {
        case (let running?, nil), (let running?, .register), (let running?, .start):
            guard pid != running.pid || service.kind == .exiter else { return }
            if pid == nil, service.kind == .exiter {
                let code = seen?["exitCode"].integer
                if code == ModelService.exitCode(running.version) { return }
                breaches.append(
                    "I4 \(service.name): exit code \(code.map { "\($0)" } ?? "unknown"), it was "
                        + "\(ModelService.exitCode(running.version))")
            } else if pid != running.pid, service.unanswered != .start {
                breaches.append(
                    "I3 \(service.name): started as \(running.pid), is \(pid ?? 0), "
                        + "\(seen?["status"].text ?? "none")")
            }
        case (nil, nil), (nil, .register), (nil, .remove), (nil, .stop):
            let left = tree.filter { $0.environment["GRETL_NAME"] == service.name }
            if !left.isEmpty {
                breaches.append("I3 \(service.name) is stopped, but \(left.map(\.pid)) live on")
            }
        // It was asked for: both are right, as long as checkPid agrees.
        case (nil, .start), (_?, .stop), (_?, .remove): break
        }
        // Whatever was asked, what is listed as stopped has nothing alive.
        if pid == nil, tree.contains(where: { $0.environment["GRETL_NAME"] == service.name }) {
            breaches.append("I3 \(service.name) is not running, but its tree lives")
        }
    }

    private mutating func checkRunDirectory() {
        let alive = Set(monitors.map(\.id))
        for file in runFiles {
            let id = file.prefix { $0 != "." }
            if !alive.contains(String(id)) {
                breaches.append("I5 \(file) is left over")
            }
        }
        for monitor in monitors where listed[monitor.service]?["pid"].integer == nil {
            breaches.append("I5 monitor \(monitor.pid) of \(monitor.service) is left over")
        }
    }

    /// Takes over what is there: the base of the next round.
    func adopt(into clients: [KillClient]) {
        for client in clients {
            for (index, service) in client.services.enumerated() {
                let version = version(service.name)
                let pid = listed[service.name]?["pid"].integer
                let before = service.running
                // A start that was not answered ran the spec registered before it.
                let live = before?.pid == pid ? before?.version : service.version
                let running = pid.map { (version: live ?? version ?? 0, pid: $0) }
                client.adopt(index, version: version, running: running)
            }
        }
    }
}
