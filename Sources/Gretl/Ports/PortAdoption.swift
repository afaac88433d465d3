// Makes the process that listens on a port the program of a service, as it runs: who that is is
// found out and held by a pidfd, the service is registered with its command line and directory, the
// adoption is stored, and only then is it taken. Called by POST /v1/ports/{port}/adopt. Never reads
// the variables of the process: they are secrets more often than not.

package import NetCore

/// Adopts holders of ports.
@ReactorActor
package final class PortAdoption {
    private let holders: PortHolders
    private let registry: ServiceRegistry
    private let supervisor: Supervisor
    private let background: BackgroundThread
    private let rule: ForeignProcess
    private let boot: String
    /// Names that are given to a process at the moment.
    private var underWay: Set<String> = []
    /// One adoption at a time, whatever port and name it is about: who is in another's tree is only
    /// seen by a look that starts when the one before is done.
    private let turns = NameLocks()

    package init(
        holders: PortHolders, registry: ServiceRegistry, supervisor: Supervisor,
        background: BackgroundThread
    ) {
        self.holders = holders
        self.registry = registry
        self.supervisor = supervisor
        self.background = background
        rule = ForeignProcess(uid: ProcessFacts.uid, daemon: ProcessFacts.pid)
        boot = ProcessFacts.bootID()
    }

    /// A process that is going to be adopted.
    private struct Candidate: Sendable {
        let root: ProcessEntry
        let handle: ProcessHandle
        let command: String?
        let directory: String?
    }

    /// Adopts who listens on `port` (process `wanted`, when given) as the service that `fields`
    /// name; the answer is the service and what there is to say about it.
    func adopt(
        _ port: Int, wanted: Int32?, _ fields: [String: JSONValue]
    ) async throws(APIError) -> (Service, warnings: [String]) {
        var fields = fields
        if let given = fields["port"], given != .integer(Int64(port)) {
            throw .invalid(
                "the field 'port' is not the port that is adopted",
                hint: "leave it out, or give \(port)")
        }
        fields["port"] = .integer(Int64(port))
        let complete = fields
        let name = try ServicePatch(fields).name
        try checkFree(name)
        guard underWay.insert(name).inserted else {
            throw .daemonBusy("'\(name)' is adopting a process already")
        }
        defer { underWay.remove(name) }
        return try await turns.withLock("") { () async throws(APIError) in
            try await adoptInTurn(port, wanted, name, complete)
        }
    }

    private func adoptInTurn(
        _ port: Int, _ wanted: Int32?, _ name: String, _ fields: [String: JSONValue]
    ) async throws(APIError) -> (Service, warnings: [String]) {
        let holder = try rule.choose(
            try await holders.holdersNow(of: port), of: port, wanted: wanted)
        guard holder.service == nil else {
            throw .portInUse(port, by: holder, own: rule.uid)
        }
        let candidate = try await look(at: try rule.allowed(holder), port)
        let patch = try ServicePatch(complete(fields, name, candidate))
        let service = try await registry.register(patch)
        try await take(candidate, for: service)
        var warnings = patch.warnings
        if let other = registry.sharesPort(with: service) {
            warnings.append("port \(port) is registered by '\(other)' too; only one can run")
        }
        if service.spec.command == nil {
            warnings.append(
                "its command line cannot be used: without 'cmd' it is not started again")
        }
        return (service, warnings)
    }

    private func checkFree(_ name: String) throws(APIError) {
        guard let service = registry.find(name) else { return }
        try service.checkIsKept()
        guard !service.machine.isIdle else { return }
        throw APIError(
            .alreadyRunning, "'\(name)' is \(service.machine.status) already",
            hint: "adopt under another name, or run \(ShellQuoting.command("gr stop", name)) first")
    }

    /// What the body leaves open comes from the process, unless the service knows better.
    private func complete(
        _ fields: [String: JSONValue], _ name: String, _ candidate: Candidate
    ) -> [String: JSONValue] {
        guard fields["cmd"] == nil, registry.find(name)?.spec.command == nil,
            let command = candidate.command
        else { return fields }
        var fields = fields
        fields["cmd"] = .string(command)
        if fields["cwd"] == nil, let directory = candidate.directory {
            fields["cwd"] = .string(directory)
        }
        return fields
    }

    /// Finds the process whose end is the end of `listener`'s job, and holds it.
    private func look(
        at listener: ProcessEntry, _ port: Int
    ) async throws(APIError) -> Candidate {
        let (uid, daemon) = (rule.uid, rule.daemon)
        let found: Candidate?
        do throws(BackgroundThread.Refusal) {
            found = try await background.perform {
                PortAdoption.candidate(listener, uid: uid, daemon: daemon)
            }
        } catch { throw .daemonBusy("too much work is waiting") }
        guard let found else { throw .nobodyListens(port) }
        return found
    }

    private nonisolated static func candidate(
        _ listener: ProcessEntry, uid: UInt32, daemon: Int32
    ) -> Candidate? {
        let rule = AdoptionRoot(
            uid: uid, daemon: daemon, read: ProcessEntry.read, children: ProcessEntry.children,
            firstWord: { pid in
                String(decoding: ProcessEntry.words(of: pid).first ?? [], as: UTF8.self)
            })
        let root = rule.root(of: listener)
        guard rule.isAdoptable(root), let handle = HeldTree.process(root.identity, uid: uid)
        else { return nil }
        let candidate = Candidate(
            root: root, handle: handle,
            command: CommandText.command(
                ProcessEntry.words(of: root.pid), most: ServicePatch.commandMost),
            directory: ProcessEntry.directory(of: root.pid))
        // Else what was read could be of two different jobs.
        return listener.identity.isAlive && root.identity.isAlive ? candidate : nil
    }

    /// Stores the adoption, then has the service run.
    private func take(_ candidate: Candidate, for service: Service) async throws(APIError) {
        try checkFree(service.name)
        let stored = StoredAdoption(
            name: service.name, process: candidate.root.identity, boot: boot)
        do throws(StorageError) { try await supervisor.adoptions?.save(stored) } catch {
            try service.checkIsKept()
            throw .storage(error)
        }
        // It may have been started, or removed, while that was written.
        guard supervisor.adopt(candidate.handle, stored, for: service) else {
            await supervisor.forgetAdoption(stored)
            try checkFree(service.name)
            try service.checkIsKept()
            throw APIError(
                .internal, "pid \(stored.process.pid) cannot be watched",
                hint: "see the daemon's log")
        }
        supervisor.tellAdopted(service)
    }
}
