// Finding out whether a service is ready: at once, then after 50 ms growing to 1 s, until it is or
// the service stops. HTTP when the spec has a URL (any 2xx, redirects not followed), else a
// connection to the port. For a name both address families are tried.

import NetCore

/// The ready check of one incarnation.
@ReactorActor
final class ReadyCheck: TimerHandler {
    private let reactor: Reactor
    private let addresses: [SocketAddress]
    private let request: [UInt8]?
    private let isOld: (SocketAddress) -> Bool
    private let looked: (String) -> Void
    private let passed: () -> Void
    private var probe: Probe?
    private var timer = TimerHandle.none
    private var next = 0
    private var delay = ReadyCheck.firstDelay
    private var isOver = false
    /// What the looks of this round found: an answer, a connection without one, nobody.
    private var answered: String?
    private var failed: String?
    private var absent: String?

    private static let firstDelay = Duration.milliseconds(50)
    private static let longestDelay = Duration.seconds(1)
    /// Deadline of one look.
    private static let timeout = Duration.seconds(1)

    /// Nil when there is nothing to check. `isOld` says whether it was there before the program
    /// who answers at an address: that answer says nothing. `looked` gets the words of every look
    /// that failed.
    init?(
        _ spec: ServiceSpec, on reactor: Reactor, isOld: @escaping (SocketAddress) -> Bool,
        looked: @escaping (String) -> Void, passed: @escaping () -> Void
    ) {
        addresses = ReadyCheck.addresses(of: spec)
        guard !addresses.isEmpty else { return nil }
        request = spec.ready.flatMap { try? ReadyURL.parse($0).get().request }
        self.reactor = reactor
        self.isOld = isOld
        self.looked = looked
        self.passed = passed
        look()
    }

    /// Where a service of that spec is asked whether it is ready; empty when nowhere.
    static func addresses(of spec: ServiceSpec) -> [SocketAddress] {
        if let ready = spec.ready, case .success(let url) = ReadyURL.parse(ready) {
            return url.addresses
        }
        guard let port = spec.port.flatMap(UInt16.init(exactly:)) else { return [] }
        return ["127.0.0.1", "::1"].compactMap { SocketAddress($0, port: port) }
    }

    private func look() {
        guard !isOver else { return }
        probe = Probe(
            addresses[next % addresses.count], request: request, timeout: ReadyCheck.timeout,
            on: reactor
        ) { [weak self] in self?.saw($0) }
    }

    private func saw(_ outcome: Probe.Outcome) {
        guard !isOver else { return }
        switch outcome {
        case .connected:
            guard isFalse() else { return pass() }
        case .status(let status) where (200...299).contains(status):
            guard isFalse() else { return pass() }
        case .status(let status):
            let redirect = (300...399).contains(status) ? ", redirects are not followed" : ""
            answered = "HTTP status \(status)\(redirect)"
        case .failed(let words): failed = words
        case .absent(let words): absent = words
        }
        next += 1
        if next % addresses.count == 0 { tell() }
        // The other family comes at once; a whole round later the pause.
        guard next % addresses.count == 0 else { return look() }
        timer = reactor.timers.schedule(at: reactor.now + delay, self)
        delay = min(delay * 3 / 2, ReadyCheck.longestDelay)
    }

    /// Somebody answers who was there before the program.
    private func isFalse() -> Bool {
        let address = addresses[next % addresses.count]
        guard isOld(address) else { return false }
        answered =
            "\(address.description) is answered by another process, which listened before the start"
        return true
    }

    /// Of a round over both families an answer tells more than a connection without one, and that
    /// more than the address nobody listens on.
    private func tell() {
        if let words = answered ?? failed ?? absent { looked(words) }
        answered = nil
        failed = nil
        absent = nil
    }

    private func pass() {
        end()
        passed()
    }

    func timerFired(_ tag: UInt32) { look() }

    /// Stops looking.
    func end() {
        isOver = true
        probe?.cancel()
        probe = nil
        reactor.timers.cancel(timer)
    }
}
