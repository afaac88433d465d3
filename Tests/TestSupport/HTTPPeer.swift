// A client of a test: sends raw bytes and reads answers, never blocks. The test pumps it between
// turns of the reactor, on the same thread. It calls the kernel directly and not through CEpoll, so
// that faults injected for the server do not hit it.

import CEpoll
import Glibc
package import HTTPParser
package import NetCore

/// One complete answer as a client read it.
package struct HTTPAnswer: Equatable {
    package var status: Int
    /// Names in lower case.
    package var headers: [String: String]
    package var body: [UInt8]

    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// What went wrong with a peer.
package enum HTTPPeerError: Error { case noConnection(Int32), notAnAnswer(String) }

/// A raw client connection.
package final class HTTPPeer {
    private var descriptor: Int32
    private var unsent: [UInt8] = []
    private var sent = 0
    /// Everything received.
    package private(set) var received: [UInt8] = []
    /// The server has ended its half in order.
    package private(set) var isAtEnd = false
    /// The errno that ended the connection, 0 when none did.
    package private(set) var failure: Int32 = 0
    /// Whether `pump` takes answers off the socket, and how many bytes at most.
    package var mostPerRead = 1 << 16

    /// Connects to a listener on loopback.
    package init(to address: SocketAddress) throws {
        var raw = cepoll_address()
        guard unsafe cepoll_address_parse(&raw, address.host, address.port) == 0 else {
            throw HTTPPeerError.noConnection(EINVAL)
        }
        var made: Int32 = -1
        let result = unsafe cepoll_connect(&raw, Int32(SOCK_STREAM.rawValue), &made)
        guard result == 0 || result == -EINPROGRESS else {
            throw HTTPPeerError.noConnection(-result)
        }
        descriptor = made
        // A cut request would otherwise wait 40 ms for the acknowledgement of its first part.
        _ = cepoll_set_nodelay(made)
    }

    /// Takes over one end of a socket pair.
    package init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close() }

    /// Sends now what the socket takes, the rest with later `pump`s.
    package func send(_ bytes: [UInt8]) {
        unsent += bytes
        pumpOut()
    }

    package func send(_ text: String) { send(Array(text.utf8)) }

    /// Everything given to `send` is with the kernel.
    package var hasSentAll: Bool { sent == unsent.count }

    /// Sends a byte out of band at once, behind what was sent before; false when that failed.
    package func sendUrgent(_ byte: UInt8) -> Bool {
        var byte = byte
        // The byte is a local that outlives the call.
        return unsafe Glibc.send(descriptor, &byte, 1, Int32(MSG_OOB)) == 1
    }

    /// The connection is over, in order or not.
    package var isOver: Bool { isAtEnd || failure != 0 || descriptor < 0 }

    /// Sends and receives what is possible without waiting.
    package func pump() {
        pumpOut()
        pumpIn()
    }

    private func pumpOut() {
        while descriptor >= 0, failure == 0, sent < unsent.count {
            let moved = unsafe unsent.withUnsafeBytes { bytes in
                unsafe Glibc.send(
                    descriptor, bytes.baseAddress! + sent, bytes.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard moved > 0 else {
                if errno != EAGAIN, errno != EPIPE { failure = errno }
                // The server has gone; what it said before may still be read.
                if errno == EPIPE { sent = unsent.count }
                return
            }
            sent += moved
        }
        unsent = []
        sent = 0
    }

    private func pumpIn() {
        var left = mostPerRead
        while descriptor >= 0, !isAtEnd, failure == 0, left > 0 {
            let count = min(left, 1 << 16)
            var bytes = [UInt8](repeating: 0, count: count)
            let moved = unsafe bytes.withUnsafeMutableBytes {
                unsafe recv(descriptor, $0.baseAddress, count, 0)
            }
            if moved < 0 {
                if errno != EAGAIN { failure = errno }
                return
            }
            if moved == 0 { isAtEnd = true }
            received += bytes.prefix(moved)
            left -= moved
        }
    }

    /// Drops what was received so far: a test with many rounds need not read them all again.
    package func forgetReceived() { received = [] }

    /// Ends our half; the answers can still be read.
    package func endSending() { _ = cepoll_shutdown(descriptor, 0) }

    package func close() {
        if descriptor >= 0 { _ = cepoll_close(descriptor) }
        descriptor = -1
    }

    /// Closes with a reset.
    package func reset() {
        _ = cepoll_set_reset_on_close(descriptor)
        close()
    }

    /// The complete answers received so far. `methods` are those of the requests in order, GET
    /// beyond them. Interim answers count.
    package func answers(to methods: [HTTPMethod] = []) throws -> [HTTPAnswer] {
        var found: [HTTPAnswer] = []
        var at = 0
        while at < received.count {
            let method = found.count < methods.count ? methods[found.count] : .get
            guard let (answer, length) = try answer(at: at, to: method) else { break }
            found.append(answer)
            at += length
        }
        return found
    }

    private func answer(at start: Int, to method: HTTPMethod) throws -> (HTTPAnswer, Int)? {
        let rest = Array(received[start...].prefix(2_048))
        var head = ResponseHead()
        var scan = HeadScan()
        switch head.parse(rest.span, scan: &scan, limits: HeadLimits()) {
        case .incomplete: return nil
        case .invalid(let failure):
            throw HTTPPeerError.notAnAnswer("\(failure.explanation) at \(start)")
        case .complete(let length):
            var count = 0
            if case .length(let declared) = head.framing(answering: method) { count = declared }
            guard received.count >= start + length + count else { return nil }
            var headers: [String: String] = [:]
            for index in 0..<head.fieldCount {
                let (name, value) = head.field(index)
                headers[text(rest, name).lowercased()] = text(rest, value)
            }
            let body = Array(received[start + length..<start + length + count])
            let answer = HTTPAnswer(status: head.status, headers: headers, body: body)
            return (answer, length + count)
        }
    }

    private func text(_ bytes: [UInt8], _ range: ByteRange) -> String {
        String(decoding: bytes[range.lower..<range.end], as: UTF8.self)
    }
}
