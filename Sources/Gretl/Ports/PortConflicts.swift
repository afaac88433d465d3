// Two who want the same port: told once as port.conflict, and again only when something about it
// has changed. Found at a registration, at a start that finds its port held, and when a service is
// up while another process listens on the other loopback address. Also says whose the port of a
// service is when it is not its own. Called by Supervisor and ServiceRegistry; never changes a
// service but for the words in its object.

package import NetCore

/// Finds conflicts and tells of them.
@ReactorActor
package final class PortConflicts {
    /// How a conflict came about. Each is told by itself.
    enum Kind: Hashable {
        /// Two services are registered on one port.
        case registered
        /// A start found the port held.
        case held
        /// `localhost` is two listeners.
        case families
    }

    private struct Told: Equatable {
        let port: Int
        let holder: String
    }

    package let holders: PortHolders
    private let owners: SocketOwners?
    private let reactor: Reactor
    private let uid: UInt32
    /// Told what is found.
    private let publish: (Event) -> Void
    /// What was told of each service: a few entries, forgotten with it.
    private var told: [String: [Kind: Told]] = [:]

    package init(
        holders: PortHolders, owners: SocketOwners?, uid: UInt32, on reactor: Reactor,
        publish: @escaping (Event) -> Void
    ) {
        self.publish = publish
        self.reactor = reactor
        self.holders = holders
        self.owners = owners
        self.uid = uid
    }

    /// `name` was registered on `port`, which `other` has too; nil when nobody has.
    func registered(_ name: String, port: Int?, sharedWith other: String?) {
        guard let port, let other else { return over(.registered, of: name) }
        tell(.registered, port: port, claimedBy: name, holder: other)
    }

    /// The error of a start of `service` that finds `port` held. Tells of it.
    func portInUse(_ port: Int, claimedBy name: String) async -> APIError {
        let holder: PortHolder?
        do throws(APIError) { holder = try await holders.holder(of: port) } catch { return error }
        guard let holder else {
            return APIError(
                .portInUse, "port \(port) was held by another process a moment ago",
                hint: "nobody listens there now: start it again")
        }
        tell(.held, port: port, claimedBy: name, holder: holder.name)
        return .portInUse(port, by: holder, own: uid)
    }

    /// Who holds `port`, in the words of an error; nil when nobody does or it cannot be said.
    func words(for port: Int) async -> String? {
        (try? await holders.holder(of: port))?.words(own: uid)
    }

    /// `service` is up: its start was not in anybody's way. Looks whether `localhost` means another
    /// process too, and says so in the service's object. Again a little later: programs open a
    /// second port, or the other family, when they please.
    func check(_ service: Service) {
        over(.held, of: service.name)
        guard let port = service.reachable.port, let program = service.program else {
            return over(.families, of: service.name)
        }
        spawn { [weak self] in
            for pause in PortConflicts.looks {
                await self?.reactor.pause(pause)
                // Not the incarnation any more that this is about.
                guard let self, service.program == program else { return }
                await lookForStranger(service, port, program)
                guard service.program == program else { return }
                if isSplit(port), await findOther(service, port, program) { return }
            }
            self?.over(.families, of: service.name)
        }
    }

    private static let looks: [Duration] = [.zero, .seconds(2), .seconds(8)]

    /// A shell in front of a server that has lost its port goes on living, and the answer of
    /// whoever has it makes the service ready. That is right for a program that has others serve
    /// for it; so it is only said.
    private func lookForStranger(
        _ service: Service, _ port: Int, _ program: ProgramIdentity
    ) async {
        let sockets = Set(listeners(port).compactMap { $0?.inode }.filter { $0 != 0 })
        guard !sockets.isEmpty, !service.machine.holdsSocket, service.adopted == nil else { return }
        var notice: String?
        if await holders.isOutside(program.pid, sockets),
            let all = try? await holders.holders(of: port),
            !all.contains(where: { $0.service == service.name }),
            let other = all.first(where: PortHolders.isLoopback)
        {
            notice =
                "\(other.words(own: uid)) listens on port \(port), and no process of "
                + "'\(service.name)' does"
        }
        if service.program == program { service.portNotice = notice }
    }

    /// True when somebody else listens there too.
    private func findOther(
        _ service: Service, _ port: Int, _ program: ProgramIdentity
    ) async -> Bool {
        guard let all = try? await holders.holders(of: port), all.count > 1,
            service.program == program,
            let other = all.first(where: {
                PortHolders.isLoopback($0) && $0.service != service.name
            })
        else { return false }
        service.portNotice =
            "\(other.words(own: uid)) listens on port \(port) at "
            + "\(other.addresses.joined(separator: ", ")) too; 'localhost' picks either"
        tell(.families, port: port, claimedBy: service.name, holder: other.name)
        return true
    }

    /// Whether different sockets answer on 127.0.0.1 and [::1].
    private func isSplit(_ port: Int) -> Bool {
        let both = listeners(port)
        guard let first = both[0], let second = both[1] else { return false }
        return first.inode != second.inode
    }

    /// Who answers on 127.0.0.1 and on [::1].
    private func listeners(_ port: Int) -> [SocketOwners.Owner?] {
        ["127.0.0.1", "::1"].map { host in
            guard let owners, let port = UInt16(exactly: port),
                let address = SocketAddress(host, port: port)
            else { return nil }
            return try? owners.listener(at: address)
        }
    }

    /// Nothing is told of `name` any more.
    func forget(_ name: String) { told[name] = nil }

    private func over(_ kind: Kind, of name: String) {
        told[name]?[kind] = nil
        if told[name]?.isEmpty == true { told[name] = nil }
    }

    private func tell(_ kind: Kind, port: Int, claimedBy name: String, holder: String) {
        let now = Told(port: port, holder: holder)
        guard told[name]?[kind] != now else { return }
        told[name, default: [:]][kind] = now
        publish(.portConflict(port: port, claimedBy: name, holder: holder))
    }
}
