// Puts tethers together with the rest of the daemon: workloads of real clusters, the way to their
// pods, ports that nobody else has. Called once, at start; nothing here costs anything before there
// is a tether.

package import NetCore

extension Workloads: TetherWorkloads {}
extension Tethers: WorkloadTraffic {}

/// Tethers and what is behind them.
@ReactorActor
package struct TetherAssembly {
    /// What the daemon knows and tethers need.
    package struct Parts {
        package var settings: TetherSettings
        /// Answers whose socket is whose; nil where the kernel does not.
        package var owners: SocketOwners?
        /// Whether only processes of our user may connect.
        package var checksPeers: Bool
        /// The soft limit of open descriptors.
        package var descriptorsMost: Int
        /// Ports that are promised to others.
        package var isReserved: (UInt16) -> Bool

        package init(
            settings: TetherSettings, owners: SocketOwners?, checksPeers: Bool,
            descriptorsMost: Int, isReserved: @escaping (UInt16) -> Bool
        ) {
            self.settings = settings
            self.owners = owners
            self.checksPeers = checksPeers
            self.descriptorsMost = descriptorsMost
            self.isReserved = isReserved
        }
    }

    package let tethers: Tethers
    private let dialer: ClusterDialer

    package init(
        on reactor: Reactor, workloads: Workloads, database: Database, events: (any EventSink)?,
        background: BackgroundThread, _ parts: Parts
    ) {
        let splicer = Splicer(on: reactor)
        let contexts = TLSContexts(background: background)
        let forwarder = PortForwarder(on: reactor) {
            (server, address, _, identity) throws(DialFailure) in
            try await TetherAssembly.connect(server, address, identity, contexts, reactor)
        }
        let dialer = ClusterDialer(
            on: reactor, splicer: splicer,
            client: { [weak workloads] in workloads?.client(of: $0) },
            forward: { forwarder.forward($0, $1, $2, $3) })
        let wakes = WakeLine { [weak workloads] workload, finished in
            spawn {
                do throws(APIError) {
                    guard let workloads else { throw .daemonBusy("the daemon is stopping") }
                    _ = try await workloads.wake(workload.id)
                    finished(nil)
                } catch { finished(error) }
            }
        }
        var settings = parts.settings
        // Each connection needs two, and the others their share.
        settings.connections = min(settings.connections, max(32, parts.descriptorsMost / 4))
        let context = TetherContext(
            on: reactor, splicer: splicer, dialer: dialer, workloads: workloads, wakes: wakes,
            owners: parts.checksPeers ? parts.owners : nil, uid: ProcessFacts.uid,
            settings: settings)
        let (owners, isReserved) = (parts.owners, parts.isReserved)
        let pool = PortPool(settings.ports) { port in
            isReserved(port) || TetherAssembly.isListening(port, owners)
        }
        self.dialer = dialer
        tethers = Tethers(
            context, pool: pool, store: TetherStore(database), events: events)
        workloads.traffic = tethers
    }

    /// Before the daemon ends.
    package func close() {
        tethers.close()
        dialer.close()
    }

    /// Whether somebody has the port on either loopback address, as far as the kernel says.
    private static func isListening(_ port: UInt16, _ owners: SocketOwners?) -> Bool {
        guard let owners else { return false }
        return ["127.0.0.1", "::1"].contains { host in
            guard let address = SocketAddress(host, port: port) else { return false }
            return (try? owners.listener(at: address)) ?? nil != nil
        }
    }

    /// A stream to an address of an API server, encrypted unless its kubeconfig says http.
    static func connect(
        _ server: ForwardServer, _ address: SocketAddress, _ identity: TLSIdentity,
        _ contexts: TLSContexts, _ reactor: Reactor
    ) async throws(DialFailure) -> any ForwardStream {
        // First, so that no socket waits for it.
        var context: TLSContext?
        if server.isSecure {
            do throws(TLSFailure) { context = try await contexts.context(identity) } catch {
                throw DialFailure(error.text)
            }
        }
        let socket: Int32
        do throws(SystemError) {
            socket = try await reactor.connect(
                to: address, within: .seconds(TetherLimits.serverConnectSeconds))
            if context == nil { return try PlainForwardStream(socket, on: reactor) }
        } catch {
            throw DialFailure(
                "the API server at \(address.description) cannot be reached: "
                    + SystemError.text(error.code))
        }
        do throws(TLSFailure) {
            guard let context else { throw .notMade }
            let stream = try TLSStream(socket, context, name: server.host, on: reactor)
            try await stream.handshake(within: .seconds(TetherLimits.serverConnectSeconds))
            return stream
        } catch {
            throw DialFailure(
                "the API server at \(address.description) cannot be talked to: \(error.text)")
        }
    }
}
