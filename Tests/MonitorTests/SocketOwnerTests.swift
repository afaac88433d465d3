// Who listens, and who sits at the other end: asked from the kernel by one exact query.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct SocketOwnerTests {
    let netlink = cepoll_sockdiag_open()

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1"), ("::", "::1"),
        ("127.0.0.1", "::ffff:127.0.0.1"),
    ])
    func aListenerIsFoundByWhatItWouldAccept(bound: String, asked: String) throws {
        defer { close(netlink) }
        let listener = try Listener(bound)
        defer { listener.close() }
        var owner = cepoll_socket_owner()
        var question = try address(asked, listener.port)
        #expect(unsafe cepoll_sockdiag_listener(netlink, &question, &owner) == 1)
        #expect(owner.inode == inode(listener.descriptor) && owner.inode != 0)
        #expect(owner.uid == geteuid())
        #expect(owner.state == 10)
    }

    @Test(arguments: [("127.0.0.1", "127.0.0.2"), ("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
    func aListenerElsewhereIsNotFound(bound: String, asked: String) throws {
        defer { close(netlink) }
        let listener = try Listener(bound)
        defer { listener.close() }
        var owner = cepoll_socket_owner()
        var question = try address(asked, listener.port)
        #expect(unsafe cepoll_sockdiag_listener(netlink, &question, &owner) == 0)
    }

    @Test func aFreePortHasNoListener() throws {
        defer { close(netlink) }
        let listener = try Listener("127.0.0.1")
        listener.close()
        var owner = cepoll_socket_owner()
        var question = try address("127.0.0.1", listener.port)
        #expect(unsafe cepoll_sockdiag_listener(netlink, &question, &owner) == 0)
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func thePeerOfALiveAndOfAHalfClosedConnectionIsItsSocket(host: String) throws {
        defer { close(netlink) }
        let connection = try Connection(host)
        defer { connection.close() }
        for half in [false, true] {
            if half { #expect(cepoll_shutdown(connection.client, 0) == 0) }
            var owner = cepoll_socket_owner()
            #expect(connection.peer(netlink, &owner) == 1)
            #expect(owner.inode == inode(connection.client) && owner.inode != 0)
            #expect(owner.uid == geteuid())
        }
    }

    @Test func aClosedPeerIsNobodys() throws {
        defer { close(netlink) }
        let connection = try Connection("127.0.0.1")
        defer { connection.close() }
        connection.closeClient()
        var owner = cepoll_socket_owner(uid: 1, inode: 1, state: 1)
        // FIN_WAIT_2 of an orphan is still a socket, but no process has it.
        #expect(connection.peer(netlink, &owner) == 1)
        #expect(owner.inode == 0)
    }

    @Test func aPeerThatIsGoneIsNotMistakenForAListenerOnItsPort() throws {
        defer { close(netlink) }
        let listener = try Listener("127.0.0.1")
        defer { listener.close() }
        var local = try address("127.0.0.1", 9)
        var peer = try address("127.0.0.1", listener.port)
        var owner = cepoll_socket_owner()
        #expect(unsafe cepoll_sockdiag_peer(netlink, &local, &peer, &owner) == 0)
    }

    @Test func anAddressOfAnotherKindIsRefused() throws {
        defer { close(netlink) }
        var path = cepoll_address()
        #expect(unsafe cepoll_address_unix(&path, "/tmp/x") == 0)
        var owner = cepoll_socket_owner()
        #expect(unsafe cepoll_sockdiag_listener(netlink, &path, &owner) == -EAFNOSUPPORT)
        var v4 = try address("127.0.0.1", 1)
        var v6 = try address("::1", 1)
        #expect(unsafe cepoll_sockdiag_peer(netlink, &v4, &v6, &owner) == -EAFNOSUPPORT)
        #expect(unsafe cepoll_sockdiag_listener(-1, &v4, &owner) == -EBADF)
    }

    @Test func aLeftOverAnswerIsNotTakenForTheNextOne() throws {
        defer { close(netlink) }
        let first = try Listener("127.0.0.1")
        let second = try Listener("127.0.0.1")
        defer {
            first.close()
            second.close()
        }
        // An unanswered dump request of our own leaves foreign sequence numbers in the queue.
        var request: [UInt8] = [72, 0, 0, 0, 20, 0, 1, 3] + [UInt8](repeating: 0, count: 64)
        request[8] = 0xff
        (request[16], request[17]) = (2, 6)
        for index in 20..<24 { request[index] = 0xff }
        #expect(unsafe send(netlink, request, request.count, 0) == request.count)
        var owner = cepoll_socket_owner()
        var question = try address("127.0.0.1", second.port)
        #expect(unsafe cepoll_sockdiag_listener(netlink, &question, &owner) == 1)
        #expect(owner.inode == inode(second.descriptor))
    }
}

private func address(_ host: String, _ port: UInt16) throws -> cepoll_address {
    var address = cepoll_address()
    let result = unsafe cepoll_address_parse(&address, host, port)
    guard result == 0 else { throw HarnessError.failed("address", -result) }
    return address
}

private func inode(_ descriptor: Int32) -> UInt32 {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return 0 }
    return UInt32(truncatingIfNeeded: status.st_ino)
}

private struct Listener {
    let descriptor: Int32
    let port: UInt16

    init(_ host: String) throws {
        var bound = try address(host, 0)
        descriptor = unsafe cepoll_listen(&bound, 16)
        guard descriptor >= 0 else { throw HarnessError.failed("listen", -descriptor) }
        _ = unsafe cepoll_local_address(descriptor, &bound)
        port = UInt16(unsafe cepoll_address_port(&bound))
    }

    func close() { Glibc.close(descriptor) }
}

/// An accepted loopback connection.
private final class Connection {
    let listener: Listener
    private(set) var client: Int32
    let server: Int32
    let remote: cepoll_address

    init(_ host: String) throws {
        listener = try Listener(host)
        var target = try address(host, listener.port)
        client = -1
        _ = unsafe cepoll_connect(&target, Int32(SOCK_STREAM.rawValue), &client)
        _ = waitReadable(listener.descriptor, 5000)
        var remote = cepoll_address()
        server = unsafe cepoll_accept(listener.descriptor, &remote)
        self.remote = remote
        guard server >= 0 else { throw HarnessError.failed("accept", -server) }
    }

    func peer(_ netlink: Int32, _ owner: inout cepoll_socket_owner) -> Int32 {
        var local = cepoll_address()
        var remote = remote
        _ = unsafe cepoll_local_address(server, &local)
        return unsafe cepoll_sockdiag_peer(netlink, &local, &remote, &owner)
    }

    func closeClient() {
        Glibc.close(client)
        client = -1
    }

    func close() {
        for descriptor in [client, server] where descriptor >= 0 { Glibc.close(descriptor) }
        listener.close()
    }
}
