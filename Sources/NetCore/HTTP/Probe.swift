// One look at a service: connects to a loopback address and, when a request is given, reads the
// status line of the answer. Everything non-blocking on the reactor, with one deadline. Redirects
// are not followed and the body is not read: a status is all a ready check needs.

internal import CEpoll
import Glibc
internal import HTTPParser

/// A single connection attempt with an optional HTTP request.
@ReactorActor
package final class Probe: EventHandler {
    /// What was found out.
    package enum Outcome: Equatable, Sendable {
        /// Connected; no request was asked for.
        case connected
        case status(Int)
        /// Nobody listens there, or there is no such address; in the words of the kernel.
        case absent(String)
        /// In the words of the kernel or of the parser.
        case failed(String)
    }

    private let reactor: Reactor
    private let finished: (Outcome) -> Void
    private let deadline: Instant
    private var connector: Connector?
    private var descriptor: Int32 = -1
    private var registration = Registration.none
    private var timer = TimerHandle.none
    private let request: [UInt8]?
    private var answer: [UInt8] = []
    private var scan = HeadScan()
    private var isDone = false

    /// Starts at once. `finished` is called exactly once unless `cancel` comes first, never from
    /// inside this initialiser.
    package init(
        _ address: SocketAddress, request: [UInt8]?, timeout: Duration, on reactor: Reactor,
        finished: @escaping (Outcome) -> Void
    ) {
        self.reactor = reactor
        self.request = request
        self.finished = finished
        deadline = reactor.now + timeout
        // Held by the attempt until it is over, so that whoever drops it is told all the same.
        connector = Connector(to: address, timeout: timeout, on: reactor) { self.connected($0) }
    }

    package func ready(_ mask: EventMask) {
        guard !isDone else { return }
        readAnswer()
    }

    private func connected(_ outcome: Connector.Outcome) {
        switch outcome {
        case .failed(let error): return finish(Probe.outcome(error.code))
        case .connected(let socket): descriptor = socket
        }
        guard let request else { return finish(.connected) }
        let moved = unsafe request.withUnsafeBufferPointer {
            unsafe cepoll_send(descriptor, $0.baseAddress, $0.count)
        }
        // A fresh socket takes a few hundred bytes whole.
        guard moved == request.count else { return finish(.failed("the request was not taken")) }
        timer = reactor.timers.schedule(at: deadline, self)
        do throws(SystemError) {
            registration = try reactor.register(descriptor, .readable, self)
        } catch { finish(.failed(error.description)) }
    }

    /// What the code of a connection that did not come about means.
    private static func outcome(_ code: Int32) -> Outcome {
        switch code {
        case ECONNREFUSED, EADDRNOTAVAIL, EAFNOSUPPORT, ENETUNREACH, EHOSTUNREACH:
            .absent(SystemError.text(code))
        case ETIMEDOUT: .failed("no connection in time")
        default: .failed(SystemError.text(code))
        }
    }

    private func readAnswer() {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let moved = unsafe bytes.withUnsafeMutableBufferPointer {
            unsafe cepoll_read(descriptor, $0.baseAddress, $0.count)
        }
        if moved < 0, SystemError("read", moved).kind == .wouldBlock { return }
        guard moved > 0 else {
            let why = moved == 0 ? "closed without an answer" : SystemError.text(Int32(-moved))
            return finish(.failed(why))
        }
        answer += bytes.prefix(moved)
        parseAnswer()
    }

    private func parseAnswer() {
        // An interim answer (1xx) is followed by the real one.
        for _ in 0..<4 {
            var head = ResponseHead()
            let bytes = answer
            switch head.parse(bytes.span, scan: &scan, limits: HeadLimits()) {
            case .incomplete: return
            case .invalid(let failure):
                return finish(.failed("no HTTP answer: \(failure.explanation)"))
            case .complete(let length):
                guard head.status < 200 else { return finish(.status(head.status)) }
                answer.removeFirst(length)
                scan = HeadScan()
            }
        }
        finish(.failed("only interim answers"))
    }

    private func finish(_ outcome: Outcome) {
        guard !isDone else { return }
        cancel()
        finished(outcome)
    }

    /// Ends without a result.
    package func cancel() {
        guard !isDone else { return }
        isDone = true
        connector?.cancel()
        connector = nil
        reactor.timers.cancel(timer)
        reactor.deregister(registration)
        Descriptor.close(descriptor)
        descriptor = -1
    }
}

extension Probe: TimerHandler {
    package func timerFired(_ tag: UInt32) { finish(.failed("no answer in time")) }
}
