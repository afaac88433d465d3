// Port-forwards of the fake API server: v4.channel.k8s.io over a WebSocket, one or more ports each.
// The port of a pod is one of this machine, as the control port was told; bytes go both ways and
// wait for each other. What a client sees was measured against a real server (1.36): the port on
// both channels first, errors as text on the odd channel, then Close 1000.

import Gretl
import HTTPParser
import NetCore

extension APIServer {
    func forward(_ call: APICall, _ request: WireRequest, on wire: Wire) {
        guard let pods = ObjectKind.named("pods"),
            let pod = store.find(pods, call.namespace, call.name)?.json
        else { return wire.refuse(404, "NotFound", "pods \"\(call.name)\" not found") }
        let ports = request.query.filter { $0.name == "ports" }
            .flatMap { $0.value.split(separator: ",") }.map { UInt16($0) }
        guard !ports.isEmpty, ports.count <= 64, !ports.contains(nil) else {
            return wire.refuse(400, "BadRequest", "query parameter \"ports\" is required")
        }
        guard pod.at("status", "podIP") != nil else {
            return wire.refuse(
                400, "BadRequest", "pod \(call.name) does not have a host assigned")
        }
        guard request.headers["upgrade"]?.lowercased() == "websocket",
            let key = request.headers["sec-websocket-key"]
        else { return wire.refuse(400, "BadRequest", "Upgrade request required") }
        let offered = (request.headers["sec-websocket-protocol"] ?? "")
            .split(separator: ",").map { WireText.trimmed($0) }
        guard offered.contains(Forward.name) else {
            // As a real one refuses a protocol it does not know; kubectl goes on to SPDY then.
            return wire.answer(403, [], type: "text/plain")
        }
        wire.send(
            Array(
                ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    + "Connection: Upgrade\r\nSec-WebSocket-Accept: \(WebSocketKey.accept(key))\r\n"
                    + "Sec-WebSocket-Protocol: \(Forward.name)\r\n\r\n").utf8))
        let forward = Forward(wire, "\(call.namespace)/\(call.name)", faults, on: reactor)
        forwards[ObjectIdentifier(forward)] = forward
        forward.over = { [weak self, weak forward] in
            guard let forward else { return }
            self?.forwards[ObjectIdentifier(forward)] = nil
        }
        forward.open(ports.compactMap { $0 })
    }
}

/// One WebSocket of a client, and its connections to ports of a pod.
@ReactorActor
final class Forward {
    static let name = "v4.channel.k8s.io"
    /// Whose pod it leads to: `NAMESPACE/NAME`.
    let pod: String
    let wire: Wire
    private let faults: Faults
    private let reactor: Reactor
    private var decoder = WebSocketDecoder(from: .client, frameMost: 16 << 20)
    private var pending: [UInt8] = []
    private var opcode = WebSocketOpcode.binary
    private var message: [UInt8] = []
    private var ends: [ForwardEnd?] = []
    private var hasClosed = false
    /// Neither reads nor writes any more, as a peer behind a cable that was pulled.
    private var isFrozen = false
    var over: () -> Void = {}

    /// Bytes for a client that reads slowly, until its pods are read no more.
    private static let unsentMost = 1 << 20

    init(_ wire: Wire, _ pod: String, _ faults: Faults, on reactor: Reactor) {
        self.wire = wire
        self.pod = pod
        self.faults = faults
        self.reactor = reactor
    }

    func open(_ ports: [UInt16]) {
        wire.ended = { [self] in
            for end in ends { end?.close() }
            ends = []
            over()
        }
        wire.drained = { [self] in for end in ends { end?.resume() } }
        for (index, port) in ports.enumerated() {
            let bytes = [UInt8(port & 0xFF), UInt8(port >> 8)]
            for channel in [2 * index, 2 * index + 1] { send(UInt8(channel), bytes) }
        }
        for (index, port) in ports.enumerated() {
            ends.append(ForwardEnd(self, index, port, to: faults.ports[port], on: reactor))
        }
        wire.upgraded = { [self] in take($0) }
    }

    func freeze() {
        isFrozen = true
        wire.isPaused = true
    }

    var isFull: Bool { isFrozen || wire.unsentBytes > Forward.unsentMost }

    // MARK: To the client

    func data(_ index: Int, _ bytes: [UInt8]) { send(UInt8(2 * index), bytes) }

    /// A connection to the pod is over; with text when something went wrong.
    func finished(_ index: Int, _ error: String?) {
        guard index < ends.count else { return }
        if let error { send(UInt8(2 * index + 1), Array(error.utf8)) }
        ends[index] = nil
        if ends.allSatisfy({ $0 == nil }) { close(1_000) }
    }

    private func send(_ channel: UInt8, _ bytes: [UInt8]) { frame(.binary, [channel] + bytes) }

    private func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8]) {
        guard !hasClosed, !isFrozen else { return }
        let header = WebSocketHeader(opcode, length: payload.count)
        let head = [UInt8](capacity: WebSocketHeader.bytesMost) { output in
            _ = header.write(into: &output)
        }
        wire.send(head + payload)
    }

    private func close(_ code: UInt16) {
        frame(.close, [UInt8(code >> 8), UInt8(code & 0xFF)])
        hasClosed = true
        wire.closeWhenSent()
    }

    // MARK: From the client

    private func take(_ bytes: [UInt8]) {
        pending += bytes
        var place = 0
        defer { pending.removeFirst(min(place, pending.count)) }
        // Each step takes bytes, or ends the loop.
        while !hasClosed {
            let rest = pending
            switch decoder.next(rest.span.extracting(place..<rest.count)) {
            case .header(let header, let consumed):
                place += consumed
                opcode = header.opcode
                message = []
            case .payload(let offset, let count, let mask, let consumed):
                var part = Array(rest[place + offset..<place + offset + count])
                var span = part.mutableSpan
                mask?.apply(to: &span)
                message += part
                place += consumed
            case .end(let consumed):
                place += consumed
                received()
            case .needMore(let consumed):
                place += consumed
                return
            case .invalid(let failure): return close(failure.closeCode)
            }
        }
    }

    private func received() {
        switch opcode {
        case .ping: frame(.pong, message)
        case .pong: break
        case .close: close(1_000)
        default:
            // An empty message, or bytes for an error channel, keep it alive.
            guard let channel = message.first, channel % 2 == 0, message.count > 1 else { return }
            let index = Int(channel / 2)
            guard index < ends.count else { return close(1_002) }
            ends[index]?.write(message.dropFirst())
        }
    }

    /// Whether a pod takes what a client sends, or the client has to wait.
    func look() { wire.isPaused = isFrozen || ends.contains { $0?.isFull == true } }
}

/// One connection to a port of a pod.
@ReactorActor
final class ForwardEnd: StreamSocketOwner {
    /// Gone when the connection was cut while the pod was being dialled.
    private weak var forward: Forward?
    private let index: Int
    private var connector: Connector?
    private var socket: StreamSocket?
    private var unsent: [UInt8] = []
    private let reactor: Reactor
    private var isOver = false

    private static let unsentMost = 1 << 20
    private static let piece = 32 << 10

    init(
        _ forward: Forward, _ index: Int, _ port: UInt16, to target: UInt16?, on reactor: Reactor
    ) {
        self.forward = forward
        self.index = index
        self.reactor = reactor
        let refused =
            "an error occurred forwarding \(port) -> \(port): error forwarding port \(port) to "
            + "pod: failed to connect to localhost:\(port) inside namespace: dial tcp4 "
            + "127.0.0.1:\(port): connect: connection refused"
        guard let target, let address = SocketAddress("127.0.0.1", port: target) else {
            spawn { [self] in finish(refused) }
            return
        }
        connector = Connector(to: address, timeout: .seconds(5), on: reactor) { [self] outcome in
            connector = nil
            guard case .connected(let descriptor) = outcome else { return finish(refused) }
            guard !isOver, let socket = try? StreamSocket(descriptor, on: reactor, owner: self)
            else { return }
            self.socket = socket
            move()
        }
    }

    var isFull: Bool { unsent.count > ForwardEnd.unsentMost }

    func write(_ bytes: ArraySlice<UInt8>) {
        guard !isOver else { return }
        unsent += bytes
        move()
    }

    /// The client has taken what it was sent.
    func resume() { move() }

    func close() {
        isOver = true
        socket?.close()
        socket = nil
    }

    private func finish(_ error: String?) {
        guard !isOver else { return }
        close()
        forward?.finished(index, error)
    }

    func socketReady(_ socket: StreamSocket, _ mask: EventMask) { move() }

    private func move() {
        guard let socket, !isOver else { return }
        guard forward != nil else { return close() }
        if !unsent.isEmpty {
            switch socket.write(unsent) {
            case .taken(let count): unsent.removeFirst(count)
            case .failed: return finish("an error occurred forwarding: broken pipe")
            }
        }
        // Bounded: some pieces a turn.
        for _ in 0..<8 where forward?.isFull == false {
            var piece: [UInt8] = []
            let result = Wire.memory.change(0..<ForwardEnd.piece) { bytes in
                socket.read(into: &bytes, from: 0)
            }
            switch result {
            case .bytes(let count):
                piece = Wire.memory.look(0..<count) { bytes in bytes.indices.map { bytes[$0] } }
                forward?.data(index, piece)
            case .later:
                return want(socket)
            case .ended: return finish(nil)
            case .failed: return finish("an error occurred forwarding: connection reset by peer")
            }
        }
        want(socket)
    }

    private func want(_ socket: StreamSocket) {
        guard !isOver else { return }
        var mask: EventMask = []
        if forward?.isFull == false { mask.insert(.readable) }
        if !unsent.isEmpty { mask.insert(.writable) }
        try? socket.want(mask)
        forward?.look()
    }
}
