// gr doctor about the daemon's folder: whose it is, who may enter, what config.toml says, and what
// daemons and monitors left behind that are gone.

/// Checks of the home folder, which may be anything.
enum HomeChecks {
    /// The folder itself; nothing of it is of use when the first finding is broken.
    static func folder(_ home: String, uid: UInt32 = ProcessFacts.uid) -> [Finding] {
        let quoted = ShellQuoting.quoted(home)
        guard var facts = HomeInspection.facts(home) else {
            return [.good("home", "\(home) is not there yet; the daemon makes it")]
        }
        // The daemon follows a link of its owner.
        if facts.kind == .link {
            guard facts.uid == uid, let behind = HomeInspection.facts(home + "/.") else {
                return [
                    .broken(
                        "home", "\(home) is a link made by uid \(facts.uid), or to nowhere",
                        hint: "remove it: rm \(quoted)")
                ]
            }
            facts = behind
        }
        guard facts.kind == .folder else {
            return [
                .broken("home", "\(home) is no folder", hint: "move it away: mv \(quoted) ~/old")
            ]
        }
        guard facts.uid == uid else {
            return [
                .broken(
                    "home", "\(home) belongs to uid \(facts.uid), not to you",
                    hint: "choose another one with --home, or: sudo chown -R \(uid) \(quoted)")
            ]
        }
        let mode = String(facts.permissions, radix: 8)
        guard facts.permissions & 0o022 == 0 else {
            return [
                .broken(
                    "home", "others can write to \(home) (mode \(mode))",
                    hint: "chmod 700 \(quoted)")
            ]
        }
        guard facts.permissions & 0o055 == 0 else {
            return [
                .notice(
                    "home", "others may look into \(home) (mode \(mode))",
                    hint: "chmod 700 \(quoted)")
            ]
        }
        return [.good("home", "\(home) is yours alone")]
    }

    /// config.toml, and the settings when it can be used.
    static func configuration(_ home: String) -> (findings: [Finding], settings: Configuration?) {
        let path = "\(home)/config.toml"
        do throws(ConfigurationError) {
            let settings = try Configuration.load(path: path)
            guard HomeInspection.facts(path) != nil else {
                return ([.good("configuration", "no config.toml: the defaults")], settings)
            }
            let warnings = settings.warnings.map {
                Finding.notice("configuration", $0, hint: "see docs/operations.md, config.toml")
            }
            return (
                warnings.isEmpty ? [.good("configuration", "\(path) can be used")] : warnings,
                settings
            )
        } catch {
            let problems = error.problems.prefix(8).map { problem in
                let place = problem.line.map { "\(path):\($0)" } ?? path
                return Finding.broken(
                    "configuration", "\(place): \(problem.message)",
                    hint: "the daemon does not start before that is mended")
            }
            return (problems, nil)
        }
    }

    /// Files of a daemon and of monitors that are gone. `isRunning`: there is a daemon.
    static func leftovers(_ home: String, isRunning: Bool) -> [Finding] {
        let (living, gone) = MonitorProcesses.scan(run: "\(home)/run")
        var findings: [Finding] = []
        let older = living.count(where: \.isOlder)
        if !living.isEmpty {
            let build = older > 0 ? ", \(older) of an older build" : ""
            findings.append(
                isRunning
                    ? .good("monitors", counted(living.count, "monitor") + " running\(build)")
                    : .notice(
                        "monitors",
                        counted(living.count, "program") + " running without a daemon\(build)",
                        hint: "the next daemon takes them back: gr daemon start"))
        }
        if !gone.isEmpty, !isRunning {
            findings.append(
                .notice(
                    "monitors",
                    counted(gone.count, "socket") + " in \(home)/run of monitors that are gone",
                    hint: "the next daemon clears them away: gr daemon start"))
        }
        guard !isRunning else { return findings }
        for name in [HomeFolder.addressName, HomeFolder.socketName] {
            guard let facts = HomeInspection.facts("\(home)/\(name)") else { continue }
            // No daemon replaces another user's: see `foreignSocket`.
            if facts.kind == .socket, facts.uid != ProcessFacts.uid { continue }
            findings.append(
                .notice(
                    "daemon", "\(home)/\(name) is of a daemon that is gone",
                    hint: "the next one replaces it: gr daemon start"))
        }
        return findings
    }

    /// Another user's socket where the daemon's belongs: no daemon starts beside it, and whoever
    /// listens there is asked nothing.
    static func foreignSocket(_ home: String) -> Finding? {
        let path = "\(home)/\(HomeFolder.socketName)"
        guard let facts = HomeInspection.facts(path), facts.kind == .socket,
            facts.uid != ProcessFacts.uid
        else { return nil }
        return .broken(
            "daemon", "\(path) belongs to another user (uid \(facts.uid)), so no daemon can start",
            hint: HomeFolder.wayOut(socket: path))
    }

    /// The database, looked at only while no daemon has it.
    static func database(_ home: String) -> [Finding] {
        let path = "\(home)/\(HomeFolder.databaseName)"
        guard let facts = HomeInspection.facts(path), facts.kind == .file else { return [] }
        let log = HomeInspection.facts("\(path)-wal")
        let damage = DatabaseFile.damage(
            path, size: facts.size, hasLog: log.map { $0.size > 0 } ?? false)
        guard let damage else { return [.good("database", "\(path) can be read")] }
        return [
            .broken(
                "database", "\(path) is damaged: \(damage)", hint: DatabaseFile.wayOut(path))
        ]
    }

    /// The address file, when what it says is no address of this machine.
    static func address(_ home: String, isRunning: Bool) -> [Finding] {
        let path = "\(home)/\(HomeFolder.addressName)"
        guard HomeInspection.facts(path)?.kind == .file,
            let text = DaemonAddress.written(in: path), !text.isEmpty,
            DaemonAddress.local(text) == nil
        else { return [] }
        // A daemon may listen on the network alone.
        if isRunning, DaemonAddress(text)?.isNumeric == true { return [] }
        return [
            .notice(
                "address",
                "\(path) holds '\(text.prefix(80))', which is no address of this machine",
                hint: "the next daemon writes it anew: gr daemon stop && gr daemon start")
        ]
    }

    static func counted(_ count: Int, _ word: String) -> String {
        "\(count) \(word)\(count == 1 ? "" : "s")"
    }
}
