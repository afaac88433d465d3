// Two who want the same port: told once as port.conflict, and again only when something about it
// has changed. Found at a registration, at a start that finds its port held, and when a service is
// up while another process listens on the other loopback address. Called by Supervisor and
// ServiceRegistry; never changes a service but for the words in its object.

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
                if isSplit(port), await findOther(service, port, program) { return }
            }
            self?.over(.families, of: service.name)
        }
    }

    private static let looks: [Duration] = [.zero, .seconds(2), .seconds(8)]

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
        guard let owners, let port = UInt16(exactly: port),
            let four = SocketAddress("127.0.0.1", port: port),
            let six = SocketAddress("::1", port: port),
            let first = try? owners.listener(at: four), let second = try? owners.listener(at: six)
        else { return false }
        return first.inode != second.inode
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
