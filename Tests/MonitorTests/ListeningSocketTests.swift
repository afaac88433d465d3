// The kernel's list of listening sockets: every family and kind of address, one port or all, and
// many at once.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ListeningSocketTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1", UInt8(0)), ("127.0.0.2", "127.0.0.2", 0),
        ("0.0.0.0", "0.0.0.0", 0), ("::1", "::1", 1), ("::", "::", 1),
    ])
    func aListenerIsListedWithItsAddressAndOwner(bound: String, shown: String, only: UInt8) throws {
        let listener = try Listening(bound)
        let found = try list(port: listener.port)
        let mine = try #require(found.first { $0.inode == listener.inode })
        #expect(found.count == 1)
        #expect(mine.host == shown)
        #expect(mine.port == listener.port)
        #expect(mine.uid == geteuid())
        #expect(mine.isV6Only == (only == 1))
    }

    @Test func aDualListenerIsTold() throws {
        let listener = try Listening("::", isDual: true)
        let mine = try #require(try list(port: listener.port).first)
        #expect(mine.host == "::")
        #expect(!mine.isV6Only)
    }

    @Test func onePortOnTwoAddressesIsTwoSockets() throws {
        let first = try Listening("127.0.0.1")
        let second = try Listening("::1", port: first.port)
        let third = try Listening("127.0.0.3", port: first.port)
        let found = try list(port: first.port)
        #expect(
            Set(found.map(\.inode)) == [first.inode, second.inode, third.inode])
    }

    @Test func otherPortsAreNotListed() throws {
        let listener = try Listening("127.0.0.1")
        let other = try Listening("127.0.0.1")
        #expect(try list(port: listener.port).map(\.inode) == [listener.inode])
        #expect(try list(port: other.port).map(\.inode) == [other.inode])
    }

    @Test func theListOfAllHasEveryOneOfMany() throws {
        // More than fit into one piece of the kernel's answer.
        let many = try (0..<900).map { try Listening($0 % 3 == 0 ? "::1" : "127.0.0.1") }
        let all = Set(try list(port: 0).map(\.inode))
        #expect(many.filter { !all.contains($0.inode) }.isEmpty)
        let one = try list(port: many[500].port)
        #expect(one.contains { $0.inode == many[500].inode })
        #expect(one.count <= 2)
    }

    @Test func aBoundSocketAndAnOrphanedConnectionAreNoListeners() throws {
        let listener = try Listening("127.0.0.1")
        var target = cepoll_address()
        #expect(unsafe cepoll_address_parse(&target, "127.0.0.1", listener.port) == 0)
        var client: Int32 = -1
        _ = unsafe cepoll_connect(&target, Int32(SOCK_STREAM.rawValue), &client)
        _ = waitReadable(listener.descriptor, 5000)
        var peer = cepoll_address()
        let server = unsafe cepoll_accept(listener.descriptor, &peer)
        #expect(server >= 0)
        listener.close()
        // The server's end is closed first: a socket on that port that no process has.
        close(server)
        defer { close(client) }
        #expect(try list(port: listener.port).isEmpty)
        let bound = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(bound) }
        var one: Int32 = 1
        _ = unsafe setsockopt(bound, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        let done = unsafe withUnsafePointer(to: &target.storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(bound, $0, target.length)
            }
        }
        #expect(done == 0)
        #expect(try list(port: listener.port).isEmpty)
    }

    @Test func aDescriptorThatIsNoNetlinkIsAnError() {
        let file = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(file) }
        #expect(cepoll_socklist_begin(file, AF_INET, 0, 1) == -ENOTSOCK)
        #expect(cepoll_socklist_begin(-1, AF_INET, 0, 1) == -EBADF)
    }

    private struct Found {
        let host: String
        let port: UInt16
        let uid: UInt32
        let inode: UInt32
        let isV6Only: Bool
    }

    private func list(port: UInt16) throws -> [Found] {
        let netlink = cepoll_sockdiag_open()
        defer { close(netlink) }
        var found: [Found] = []
        for (sequence, family) in [AF_INET, AF_INET6].enumerated() {
            #expect(cepoll_socklist_begin(netlink, family, port, UInt32(sequence + 7)) == 0)
            var isLast: Int32 = 0
            for _ in 0..<10_000 where isLast == 0 {
                var piece = [cepoll_listening](repeating: cepoll_listening(), count: 512)
                let count = unsafe cepoll_socklist_next(
                    netlink, UInt32(sequence + 7), &piece, 512, &isLast)
                guard count >= 0 else { throw HarnessError.failed("list", -count) }
                for one in piece[..<Int(count)] {
                    var text = [CChar](repeating: 0, count: 64)
                    var address = one.address
                    let length = unsafe cepoll_address_text(&address, &text, 64)
                    let bytes = text.prefix(Int(length)).map { UInt8(bitPattern: $0) }
                    found.append(
                        Found(
                            host: String(decoding: bytes, as: UTF8.self),
                            port: UInt16(clamping: unsafe cepoll_address_port(&address)),
                            uid: one.uid, inode: one.inode, isV6Only: one.is_v6_only != 0))
                }
            }
            #expect(isLast == 1)
        }
        return found
    }
}

/// A listening socket that closes itself.
private final class Listening {
    private(set) var descriptor: Int32
    let port: UInt16
    let inode: UInt32

    init(_ host: String, port: UInt16 = 0, isDual: Bool = false) throws {
        var address = cepoll_address()
        _ = unsafe cepoll_address_parse(&address, host, port)
        descriptor = isDual ? Self.listenDual(address) : unsafe cepoll_listen(&address, 8)
        guard descriptor >= 0 else { throw HarnessError.failed("listen", -descriptor) }
        _ = unsafe cepoll_local_address(descriptor, &address)
        self.port = UInt16(clamping: unsafe cepoll_address_port(&address))
        var status = stat()
        _ = unsafe fstat(descriptor, &status)
        inode = UInt32(truncatingIfNeeded: status.st_ino)
    }

    private static func listenDual(_ address: cepoll_address) -> Int32 {
        let made = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        var zero: Int32 = 0
        _ = unsafe setsockopt(made, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &zero, 4)
        var storage = address.storage
        _ = unsafe withUnsafePointer(to: &storage) {
            // A socket address of either family starts as this one does.
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(made, $0, address.length)
            }
        }
        _ = listen(made, 8)
        return made
    }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    deinit { close() }
}
