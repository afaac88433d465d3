// Puts the fake cluster together: certificates, the API server behind TLS, the control port.

import Glibc
import Gretl
import NetCore

/// The whole of it.
@ReactorActor
enum FakeCluster {
    static func run(in folder: String) throws {
        let certificates = try FakeCertificates(in: folder)
        var identity = TLSIdentity()
        identity.authorities = certificates.text("ca.crt")
        identity.certificate = certificates.text("server.crt")
        identity.key = Secret(certificates.text("server.key"))
        let context = try TLSContext(identity, role: .server(requiresCertificate: false))
        let reactor = try Reactor()
        let server = APIServer(on: reactor)
        furnish(server)
        let listener = try secureListener(server, context, on: reactor)
        let control = Control(server)
        let controlListener = try Listener(loopback(), on: reactor) { descriptor, _ in
            guard let stream = try? PlainForwardStream(descriptor, on: reactor) else { return }
            keep(Wire(stream, control))
        }
        certificates.writeKubeconfigs(port: listener.address.port)
        let line = "ready \(listener.address.port) \(controlListener.address.port)\n"
        _ = unsafe write(1, line, line.utf8.count)
        endWithParent(reactor)
        reactor.run()
    }

    private static func loopback() throws(SystemError) -> SocketAddress {
        guard let address = SocketAddress("127.0.0.1", port: 0) else {
            throw SystemError("address", -EINVAL)
        }
        return address
    }

    private static func secureListener(
        _ server: APIServer, _ context: TLSContext, on reactor: Reactor
    ) throws(SystemError) -> Listener {
        try Listener(loopback(), on: reactor) { descriptor, _ in
            spawn {
                do throws(TLSFailure) {
                    let stream = try TLSStream(descriptor, context, on: reactor)
                    try await stream.handshake(within: .seconds(20))
                    let wire = Wire(stream, server)
                    server.wires[ObjectIdentifier(wire)] = wire
                    wire.over = { server.wires[ObjectIdentifier(wire)] = nil }
                } catch {}  // The client knows why.
            }
        }
    }

    private static var kept: [ObjectIdentifier: Wire] = [:]

    private static func keep(_ wire: Wire) {
        kept[ObjectIdentifier(wire)] = wire
        wire.over = { kept[ObjectIdentifier(wire)] = nil }
    }

    private static func furnish(_ server: APIServer) {
        for name in ["default", "kube-system"] {
            let namespace: JSON = ["metadata": ["name": JSON(name)], "status": ["phase": "Active"]]
            server.store.put(ObjectKind.all[0], namespace)
        }
        let node: JSON = [
            "metadata": ["name": "node-1", "uid": JSON(server.store.makeUID())],
            "spec": ["providerID": "kind://docker/fake/node-1"],
        ]
        server.store.put(ObjectKind.all[1], node)
    }

    /// A test that was killed leaves no fake behind.
    private static func endWithParent(_ reactor: Reactor) {
        let parent = getppid()
        spawn {
            while getppid() == parent { await reactor.pause(.milliseconds(500)) }
            exit(0)
        }
    }
}
