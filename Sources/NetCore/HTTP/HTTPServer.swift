// A server: its listeners, the buffers and the parser that all connections share, the date, the
// drain at shutdown. It knows no routes: those are the application's.

internal import HTTPParser

/// Serves HTTP/1.1 on any number of listeners.
@safe  // `head` points into `headMemory`, which lives as long
@ReactorActor
package final class HTTPServer {
    /// Deadlines and sizes a user can configure.
    package struct Options: Sendable {
        /// A head must be complete this long after its first byte.
        package var headTimeout: Duration = .seconds(10)
        /// A body must be complete this long after its head.
        package var bodyTimeout: Duration = .seconds(30)
        /// A connection without a request is closed after this.
        package var idleTimeout: Duration = .seconds(75)
        /// An answer must make progress within this.
        package var writeTimeout: Duration = .seconds(30)
        /// How long a refused client may go on sending before it is cut off.
        package var lingerTimeout: Duration = .seconds(2)
        /// Longest request body.
        package var bodyBytes = 1 << 20
        /// Most connections at a time; further ones are closed at once.
        package var connections = Int.max

        package init() {}
    }

    package let reactor: Reactor
    package let options: Options
    let application: any HTTPApplication
    /// Header lines of every answer.
    let commonHeaders: [UInt8]
    let input = InputBuffer()
    let answers = AnswerBuffer()
    private let headMemory = HeadMemory()
    /// The head being handled.
    let head: UnsafeMutablePointer<RequestHead>
    let headLimits: HeadLimits
    let exchange: Exchange
    let repeated = RepeatedHeads()
    private var listeners: [Listener] = []
    package private(set) var connectionCount = 0
    /// Connections that were refused and are given time to read why.
    var lingeringCount = 0
    package private(set) var isDraining = false
    private var drained: (() -> Void)?
    /// Who gets the sockets of connections that are about to leave.
    var leaving: [ObjectIdentifier: TakenSocket.Receiver] = [:]
    /// Streams that the drain still has to end.
    private var ending: [EventStream] = []

    package init(
        on reactor: Reactor, application: any HTTPApplication, commonHeaders: String,
        options: Options = Options()
    ) {
        self.reactor = reactor
        self.application = application
        self.commonHeaders = Array(commonHeaders.utf8)
        self.options = options
        unsafe head = headMemory.pointer
        exchange = unsafe Exchange(head: head, commonHeaders: self.commonHeaders)
        headLimits = HeadLimits(
            targetMost: Limits.targetBytes, headMost: Limits.headBytes,
            fieldsMost: Limits.headerFields)
    }

    /// Listens on one more address; the answer holds the port the kernel chose.
    @discardableResult
    package func listen(_ address: SocketAddress) throws(SystemError) -> SocketAddress {
        // The listener's own address is known before the first connection can arrive.
        let box = AddressBox()
        let listener = try Listener(address, on: reactor) { [unowned self] descriptor, peer in
            accept(descriptor, local: box.address ?? peer, peer: peer)
        }
        box.address = listener.address
        listeners.append(listener)
        return listener.address
    }

    /// Listens on a Unix socket too. The file at `path` is made here; its folder has to be there.
    package func listen(at path: String) throws(SystemError) {
        let file = try SocketFile(path)
        try listen(file.address)
        withExtendedLifetime(file) {}
    }

    private final class AddressBox { var address: SocketAddress? }

    private func accept(_ descriptor: Int32, local: SocketAddress, peer: SocketAddress) {
        // Who is only being seen off does not keep others out.
        let leaving = min(lingeringCount, Limits.lingeringConnections)
        guard connectionCount - leaving < options.connections else {
            reactor.statistics.shedConnections &+= 1
            Descriptor.close(descriptor)
            return
        }
        let mark =
            local.isUnix
            ? application.mark(user: SocketFile.peerUser(of: descriptor))
            : application.mark(local: local, peer: peer)
        HTTPConnection.open(descriptor, on: self, mark: mark)
    }

    func connectionOpened() { connectionCount += 1 }

    func connectionClosed() {
        connectionCount -= 1
        if isDraining, connectionCount == 0 { finishDrain() }
    }

    /// Stops listening, closes idle connections, ends streams, lets the others finish the answer
    /// they wait for, then calls `done`.
    package func drain(_ done: @escaping () -> Void) {
        isDraining = true
        drained = done
        for listener in listeners { listener.close() }
        listeners = []
        for handler in reactor.allHandlers() {
            switch handler {
            case let connection as HTTPConnection where connection.server === self:
                connection.closeIfIdle()
            case let stream as EventStream where stream.server === self: ending.append(stream)
            case let other as any DrainedConnection where other.server === self:
                other.serverDrains()
            default: break
            }
        }
        if !ending.isEmpty { reactor.runNextTurn(self) }
        if connectionCount == 0 { finishDrain() }
    }

    private func finishDrain() {
        let done = drained
        drained = nil
        done?()
    }

    // MARK: Date

    nonisolated static let dateCount = HTTPDate.count
    let date: DateMemory = DateMemory()
    private var dateGoodUntil = Instant(nanoseconds: .min)

    /// The Date header's value, rendered once a second.
    @inline(__always)
    func refreshDate() {
        if reactor.now >= dateGoodUntil { renderDate() }
    }

    private func renderDate() {
        let wall = reactor.wallNanoseconds()
        let second: Int64 = 1_000_000_000
        date.render(secondsSince1970: Int(wall / second))
        dateGoodUntil = Instant(nanoseconds: reactor.now.nanoseconds + second - wall % second)
    }
}

// The end of ten thousand streams takes longer than a turn may.
extension HTTPServer: DeferredHandler {
    package func runDeferred() {
        for stream in ending.suffix(Limits.streamsEndedPerTurn) { stream.serverDrains() }
        ending.removeLast(min(ending.count, Limits.streamsEndedPerTurn))
        if !ending.isEmpty { reactor.runNextTurn(self) }
    }
}
