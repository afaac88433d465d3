// Where the daemon listens: its addresses, the port of the Python client and the socket in its home
// folder, all behind one gate. Part of the start in Daemon.swift, run when everything is there that
// a request may need.

import NetCore

extension Daemon {
    func listen(
        _ routes: RouteTable, _ registry: ServiceRegistry, _ supervisor: Supervisor,
        _ owners: SocketOwners?
    ) throws(StartFailure) {
        var rules = Gate.Rules()
        rules.hosts = Set(configuration.hosts.map { $0.lowercased() })
        rules.origins = Set(configuration.corsOrigins)
        rules.token = configuration.token
        if rules.token == nil {
            rules.clusterToken = try ClusterToken.forDaemon(Terminal.environment(), home)
        }
        let application = Application(
            gate: Gate(rules), routes: routes,
            owners: configuration.peerCheck ? owners : nil, uid: ProcessFacts.uid)
        self.application = application
        let server = HTTPServer(
            on: reactor, application: application, commonHeaders: Application.commonHeaders,
            options: serverOptions())
        self.server = server
        let addresses = try bind(server)
        let client = try bindClientPort(server)
        try openDoor(server)
        registry.daemonPorts = Set((addresses + [client].compactMap { $0 }).map { Int($0.port) })
        let urls = addresses.map { "http://\($0.description)" }
        supervisor.environment.daemonURL = urls.first ?? ""
        try leaveAddress(urls)
        ProcessSetup.releaseUnused()
        reactor.forgetLongestTurn()
        reactor.measuresCPU = Terminal.environment()["GR_MEASURE_TURNS"] == "1"
        for url in urls + [home.socketPath] { ProcessFacts.printLine("listening on \(url)") }
        if let client { ProcessFacts.printLine("listening on http://\(client) (sdk_port)") }
    }

    /// For those who do not know the socket. A full disk must not keep the daemon from taking back
    /// what runs; then there is no address, and above all not that of an earlier daemon.
    private func leaveAddress(_ urls: [String]) throws(StartFailure) {
        do throws(FileError) { try home.writeAddress(urls) } catch {
            let reason = error.description
            do throws(FileError) { try home.removeAddress() } catch {
                throw StartFailure(message: reason)
            }
            Log.shared.warning("the address is not in the home folder", ["reason": reason])
        }
    }

    /// The socket in the home folder: the same routes behind the same gate, for `gr`.
    private func openDoor(_ server: HTTPServer) throws(StartFailure) {
        do throws(FileError) {
            try home.clearSocket()
            hasSocket = true
            do throws(SystemError) { try server.listen(at: home.socketPath) } catch {
                throw FileError(home.socketPath, .other, "cannot listen there: \(error)")
            }
            try home.restrictSocket()
        } catch { throw StartFailure(message: error.description) }
    }

    private func serverOptions() -> HTTPServer.Options {
        let limits = configuration.limits
        var options = HTTPServer.Options()
        options.bodyBytes = limits.bodyBytes
        options.headTimeout = limits.headTimeout
        options.bodyTimeout = limits.bodyTimeout
        options.idleTimeout = limits.idleTimeout
        // Storage, monitors and listeners need descriptors too.
        options.connections = min(limits.connections, max(64, descriptorsMost - 512))
        return options
    }

    /// Binds every address. With port 0 the first one chooses for all.
    private func bind(_ server: HTTPServer) throws(StartFailure) -> [SocketAddress] {
        let isExplicit = !options.listen.isEmpty
        let wanted =
            isExplicit
            ? options.listen
            : configuration.bind.map {
                ServeOptions.ListenAddress(host: $0, port: configuration.port)
            }
        var bound: [SocketAddress] = []
        for (index, one) in wanted.enumerated() {
            let port = !isExplicit && one.port == 0 ? bound.first?.port ?? 0 : one.port
            guard let address = SocketAddress(one.host, port: port) else {
                throw StartFailure(
                    message: "'\(one.host)' is not a numeric address; use 127.0.0.1 or [::1]")
            }
            guard address.isLoopback || configuration.token != nil else {
                throw StartFailure(
                    message: "listening on \(one.host) needs 'auth.token' in "
                        + "\(home.configurationPath): everybody who can reach it could run commands"
                )
            }
            do throws(SystemError) {
                bound.append(try server.listen(address))
            } catch {
                // A machine without IPv6 has no ::1: the default works on 127.0.0.1 alone.
                if !isExplicit, index > 0, error.isAddressUnavailable {
                    Log.shared.warning("an address is not there", ["address": one.host])
                    continue
                }
                throw StartFailure(
                    message: "cannot listen on \(address.description): "
                        + "\(SystemError.text(error.code)); is another daemon running? "
                        + "choose another port with --listen or 'port' in config.toml")
            }
        }
        return bound
    }

    /// Where the Python client looks, when config.toml says so. Not in the address file: `gr` and
    /// services use the others.
    private func bindClientPort(
        _ server: HTTPServer
    ) throws(StartFailure) -> SocketAddress? {
        guard configuration.sdkPort != 0,
            let address = SocketAddress("127.0.0.1", port: configuration.sdkPort)
        else { return nil }
        do throws(SystemError) { return try server.listen(address) } catch {
            throw StartFailure(
                message: "cannot listen on \(address.description): "
                    + "\(SystemError.text(error.code)); another program has it: end that, or "
                    + "remove 'sdk_port' from \(home.configurationPath)")
        }
    }
}
