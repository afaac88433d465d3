// gr doctor about services, as the daemon knows them: who sits on their ports, what failed, and
// monitors that belong to none of them.

/// Checks that need the daemon.
enum ServiceChecks {
    /// More findings of a kind are counted.
    private static let most = 8

    static func run(_ client: DaemonClient, home: String?) -> [Finding] {
        let services: [ServiceAnswer]
        let holders: [PortAnswer]
        do throws(CommandFailure) {
            services = try client.decode(
                ServiceListAnswer.self, try client.call("GET", "/v1/services")
            ).services
            holders = try client.decode(
                PortListAnswer.self, try client.call("GET", "/v1/ports")
            ).ports
        } catch {
            return [
                .broken(
                    "services", "the daemon does not list them: \(error.message)",
                    hint: error.hint ?? "see the daemon's log: gr daemon logs")
            ]
        }
        var findings = ports(services, holders) + states(services)
        // Elsewhere are other folders, and a loopback address may lead there.
        if home != nil { findings += folders(services) }
        if let home { findings += monitors(services, "\(home)/run") }
        return findings
    }

    private static func ports(
        _ services: [ServiceAnswer], _ holders: [PortAnswer]
    ) -> [Finding] {
        var findings: [Finding] = []
        for service in services where service.cmd != nil {
            guard let port = service.port,
                let holder = holders.first(where: { $0.port == port && $0.service != service.name })
            else { continue }
            let who =
                holder.service.map { "the service '\($0)'" }
                ?? holder.pid.map { "pid \($0) (\(holder.program ?? "?"))" } ?? "another user"
            let advice =
                holder.service.map {
                    "stop that, or move one of them: gr stop \(ShellQuoting.quoted($0))"
                }
                ?? "take it over or end it: gr adopt \(port) --as NAME, gr kill :\(port)"
            let addresses = (holder.addresses ?? []).joined(separator: ", ")
            let isUp = ["running", "armed"].contains(service.status)
            let message = "port \(port) of '\(service.name)' is held by \(who), on \(addresses)"
            findings.append(
                isUp
                    ? .notice("ports", message + ", beside it", hint: advice)
                    : .broken("ports", message, hint: advice))
        }
        let shared = Dictionary(grouping: services.filter { $0.port != nil }) { $0.port ?? 0 }
            .filter { $0.value.count > 1 }.sorted { $0.key < $1.key }
        for (port, several) in shared {
            let names = several.prefix(4).map { "'\($0.name)'" }.joined(separator: ", ")
            findings.append(
                .notice(
                    "ports", "port \(port) is registered by \(names): only one of them can run",
                    hint: "give one another port: gr add "
                        + "\(ShellQuoting.quoted(several[0].name)) --port PORT"))
        }
        guard !findings.isEmpty else {
            return [.good("ports", "nobody else listens on a registered port")]
        }
        return shortened(findings, "ports")
    }

    private static func states(_ services: [ServiceAnswer]) -> [Finding] {
        let bad = services.filter { $0.status == "failed" || $0.status == "backoff" }
        guard !bad.isEmpty else {
            let running = services.count { $0.status == "running" }
            return [.good("services", "\(services.count) registered, \(running) running")]
        }
        return shortened(
            bad.map { service in
                .notice(
                    "services",
                    "'\(service.name)' \(service.status == "failed" ? "failed" : "keeps failing")"
                        + (service.stopReason.map { ": \($0)" } ?? ""),
                    hint: "gr logs \(ShellQuoting.quoted(service.name))")
            }, "services")
    }

    /// Folders of gr.toml files that were deleted or moved: the names still belong to them, so that
    /// the same file at another place is refused.
    private static func folders(_ services: [ServiceAnswer]) -> [Finding] {
        let byRoot = Dictionary(grouping: services.filter { $0.root != nil }) { $0.root ?? "" }
        let gone = byRoot.filter { ProjectFile.isGone(folder: $0.key) }
            .sorted { $0.key < $1.key }
        return shortened(
            gone.map { root, services in
                let names = services.map(\.name).sorted()
                let words = names.prefix(most).map(ShellQuoting.quoted).joined(separator: " ")
                let rest = names.count > most ? ", and \(names.count - most) more" : ""
                return .notice(
                    "folders",
                    "\(HomeChecks.counted(names.count, "service")) from \(root), which is gone or "
                        + "was moved: their names belong to it",
                    hint: "forget them: gr rm \(words)\(rest); then gr up where the folder is now")
            }, "folders")
    }

    /// A monitor is the parent of its program. One that is about to start or to end one has none.
    private static func monitors(_ services: [ServiceAnswer], _ run: String) -> [Finding] {
        let programs = services.compactMap { $0.pid.flatMap { Int32(exactly: $0) } }
        let parents = Set(programs.compactMap(MonitorProcesses.parent))
        let busy = services.count {
            ["armed", "starting", "stopping", "backoff"].contains($0.status)
        }
        let idle = MonitorProcesses.scan(run: run).living.filter { !parents.contains($0.pid) }
        guard idle.count > busy else { return [] }
        let pids = idle.prefix(most).map { "\($0.pid)" }.joined(separator: ", ")
        return [
            .notice(
                "monitors", "more monitors run than services need (pid \(pids))",
                hint: "look again in a moment; a daemon that is started anew ends what belongs to "
                    + "no service")
        ]
    }

    private static func shortened(_ findings: [Finding], _ check: String) -> [Finding] {
        guard findings.count > most else { return findings }
        let rest = findings.dropFirst(most)
        let isBroken = rest.contains { $0.state == .broken }
        return Array(findings.prefix(most)) + [
            Finding(
                check: check, state: isBroken ? .broken : .notice,
                message: "and \(rest.count) more like these", hint: "see: gr ls, gr ports")
        ]
    }
}
