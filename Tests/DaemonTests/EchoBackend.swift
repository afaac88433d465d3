// What sends back every byte it gets, and a client that looks whether it did: the two ends of a
// connection through a tether.

import CEpoll
import Glibc
import TestSupport
import Testing

/// A server that sends everything back, until its client is gone. Ended by pid with the test.
final class EchoBackend {
    private let folder = TemporaryFolder()
    let port: Int
    private let program: Outsider

    private static let script = """
        import socketserver, sys
        class Echo(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    while True:
                        piece = self.request.recv(65536)
                        if not piece:
                            break
                        self.request.sendall(piece)
                except OSError:
                    pass
        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
        server = Server(("127.0.0.1", 0), Echo)
        open(sys.argv[1], "w").write(str(server.server_address[1]) + "\\n")
        server.serve_forever()
        """

    init() throws {
        let place = folder.file("port")
        program = try Outsider(["python3", "-S", "-c", Self.script, place])
        _ = eventually(within: 10_000) { TextFile.read(place)?.hasSuffix("\n") == true }
        port = try #require(TextFile.read(place).flatMap { Int($0.dropLast()) })
    }
}

/// A client that sends what it makes up and compares what comes back. Never waits.
final class EchoPeer {
    let port: UInt16
    private var descriptor: Int32 = -1
    private var sent: [UInt8] = []
    private var handed = 0
    private var received = 0
    /// Everything that came back is what was sent, in its order.
    private(set) var isPrefix = true

    init(port: UInt16) {
        self.port = port
        var address = cepoll_address()
        guard unsafe cepoll_address_parse(&address, "127.0.0.1", port) == 0 else { return }
        var made: Int32 = -1
        let result = unsafe cepoll_connect(&address, Int32(SOCK_STREAM.rawValue), &made)
        if result == 0 || result == -EINPROGRESS { descriptor = made }
    }

    deinit { close(isReset: false) }

    var isOpen: Bool { descriptor >= 0 }

    /// All that was sent has come back.
    var isWhole: Bool { isPrefix && received == sent.count && handed == sent.count }

    /// Gives `count` random bytes to be sent.
    func send(_ count: Int, _ random: inout SeededGenerator) {
        sent.reserveCapacity(sent.count + count)
        for _ in 0..<count { sent.append(UInt8(truncatingIfNeeded: random.next())) }
        pump()
    }

    /// Sends and receives what can be without waiting.
    func pump() {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while isOpen, handed < sent.count {
            let piece = Array(sent[handed..<min(sent.count, handed + buffer.count)])
            let moved = unsafe Glibc.send(descriptor, piece, piece.count, Int32(MSG_NOSIGNAL))
            guard moved > 0 else {
                if errno != EAGAIN, errno != ENOTCONN { close(isReset: false) }
                break
            }
            handed += moved
        }
        while isOpen {
            let moved = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard moved > 0 else {
                if moved == 0 || (errno != EAGAIN && errno != ENOTCONN) { close(isReset: false) }
                return
            }
            let end = received + moved
            guard end <= handed, sent[received..<end].elementsEqual(buffer[..<moved]) else {
                isPrefix = false
                return
            }
            received = end
        }
    }

    /// Whether the connection comes about, and is not ended, within so many milliseconds.
    func isConnected(within milliseconds: Int) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard isOpen, unsafe poll(&entry, 1, Int32(milliseconds)) == 1 else { return false }
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        _ = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
        return error == 0
    }

    /// Ends it, in order or by a reset.
    func close(isReset: Bool) {
        guard isOpen else { return }
        if isReset {
            var option = linger(l_onoff: 1, l_linger: 0)
            _ = unsafe setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
        _ = Glibc.close(descriptor)
        descriptor = -1
    }
}
